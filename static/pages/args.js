// The arguments of a task in a form: what eases typing. Rows come and go on the server.
"use strict";

// Sets a field as if it was typed.
function enter(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

ON_CLICK["[data-fill]"] = ({ dataset: { fill, value } }) => {
  const field = document.getElementById(fill);
  enter(field, value);
  field.focus();
};

// After a change of rows the cursor goes where it belongs: into the new row, to the button that was pressed, or into the
// field from which a row was moved by the keyboard.
let moved = "";

function focusMarked() {
  const marked = $("form [data-focus]");
  if (!marked) return;
  marked.removeAttribute("data-focus");
  const row = marked.closest("[data-row]"), own = marked.matches("[data-row]");
  const field = moved && row && $(`[name="${CSS.escape(`args.${marked.value.split(":")[1]}${moved}`)}"]`, row);
  (field || (own && $("input:not([type=hidden]), select, textarea, button", row)) || marked).focus();
  moved = "";
}

document.addEventListener("input", ({ target }) => { if (target.matches(".ctl > input")) target.toggleAttribute("data-blank", !target.value); });

// Tab indents in a JSON text; after Escape it leaves, until the next visit.
function indent(area, event) {
  if (event.key === "Escape") { area.dataset.leaves = "1"; event.preventDefault(); }
  if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || area.dataset.leaves) return;
  event.preventDefault();
  area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("focusout", ({ target }) => { if (target.matches("[data-json]")) delete target.dataset.leaves; });
document.addEventListener("keydown", (event) => {
  if (event.target.matches("[data-json]")) indent(event.target, event);
  const row = event.altKey && event.target.closest("[data-row]"), way = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  const button = row && way && $(`:scope > .row-acts [value^="${way}:"]`, row);
  if (!button) return;
  event.preventDefault();
  moved = event.target.name?.slice(`args.${button.value.split(":")[1]}`.length) ?? "";
  button.click();
});

document.addEventListener("toggle", ({ target }) => {
  if (target.matches(".more-args")) target.previousElementSibling.value = target.open ? "open" : "";
}, true);

document.addEventListener("htmx:after:swap", focusMarked);
focusMarked();
