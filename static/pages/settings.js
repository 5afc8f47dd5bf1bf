// What this browser remembers, as switches. The controls beside the navigation go along.
"use strict";

{
  const valueOf = (control) => (control.matches("[type=checkbox]") ? control.dataset[control.checked ? "on" : "off"] : control.value);

  function showPrefs() {
    for (const control of $$("[data-pref]")) {
      const told = recall(control.dataset.pref);
      if (control.matches("[type=checkbox]")) control.checked = (told ?? control.dataset.else) === control.dataset.on;
      else control.value = told ?? control.options[0].value;
    }
  }

  // As if it had been chosen in another tab: whoever shows it looks again.
  const tellAll = () => dispatchEvent(new StorageEvent("storage"));

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-pref]")) { remember(target.dataset.pref, valueOf(target)); tellAll(); }
    else if (target.matches("#zone, #keys-on")) showPrefs();
  });

  ON_CLICK["[data-forget]"] = () => {
    try { localStorage.clear(); } catch { /* storage is switched off */ }
    setTheme("auto");
    if ($("#zone")) $("#zone").value = "own";
    tellAll();
    showPrefs();
  };

  addEventListener("storage", showPrefs);
  showPrefs();
}
