// Buttons that copy: the text of the element that they name, or what their link leads to.
"use strict";

// Where a page may not write the clipboard (it came over plain HTTP), the old way is tried; within an open dialog, since
// nothing outside it can be selected then.
function copyOldWay(text) {
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "vh" });
  ($("dialog[open]") ?? document.body).append(area);
  area.select();
  try { return document.execCommand("copy"); } finally { area.remove(); }
}

// For two seconds a button says in place of its own words what came of it.
on("click", "[data-copy]", async (button, event) => {
  event.preventDefault();
  const text = button.href ? await (await fetch(button.href)).text() : document.getElementById(button.dataset.copy).textContent;
  const done = (await navigator.clipboard?.writeText(text).then(() => true, () => false)) || copyOldWay(text);
  tell($("#copied"), done ? "Copied" : "This browser does not let a page copy.");
  button.dataset.done = done ? "Copied" : "Not copied";
  setTimeout(() => { tell($("#copied"), ""); delete button.dataset.done; }, 2000);
});
