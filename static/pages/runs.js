// The list of runs: from when and until when are typed by the clock that the page tells the time by.
"use strict";

{ // its names are its own
  const zone = () => ($("#zone")?.value === "UTC" ? "UTC" : OWN);

  function wall(at, timeZone) {
    return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone }).format(at).replace(" ", "T");
  }

  // The moment at which the clock on the wall shows that; in a change of the clock the later look decides.
  function moment(text, timeZone) {
    const asUtc = Date.parse(`${text}Z`);
    let at = asUtc;
    for (let look = 0; look < 2; look++) at += asUtc - Date.parse(`${wall(at, timeZone)}Z`);
    return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
  }

  function showMoments() {
    for (const field of $$("[data-moments] [data-at]")) if (field.dataset.at && document.activeElement !== field) field.value = wall(new Date(field.dataset.at), zone());
  }

  document.addEventListener("formdata", ({ target, formData }) => {
    if (!target.matches("[data-moments]")) return;
    for (const name of ["since", "until"]) {
      const text = formData.get(name);
      if (text && !Number.isNaN(Date.parse(`${text}Z`))) formData.set(name, moment(text, zone()));
    }
  });
  document.addEventListener("htmx:after:swap", showMoments);
  $("#zone")?.addEventListener("change", showMoments);
  showMoments();
}
