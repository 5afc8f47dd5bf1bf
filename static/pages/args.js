// The arguments of a task in a form: what eases typing. Rows come and go on the server.
"use strict";

// Sets a field as if it was typed.
function enter(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

on("click", "[data-fill]", ({ dataset: { fill, value } }) => {
  const field = document.getElementById(fill);
  enter(field, value);
  field.focus();
});

// After a change of rows the cursor goes where it belongs: into the new row, to the button that was pressed, or into the
// field from which a row was moved by the keyboard.
let moved = "";

always(() => {
  const marked = $("form [data-focus]"), row = marked?.closest("[data-row]");
  if (!marked) return;
  marked.removeAttribute("data-focus");
  const field = moved && row && $(`[name="${CSS.escape(`args.${marked.value.split(":")[1]}${moved}`)}"]`, row);
  (field || (row === marked && $("input:not([type=hidden]), select, textarea, button", row)) || marked).focus();
});

// What is pressed while the rows change is sent with what was pressed before, to be done after it; so is the form. If one
// types meanwhile, the answer is of an older form: it is thrown away, and the button pressed once more.
const DEED = "#form-args [name=do]";
let pending = null; // the last request, what was pressed since the rows were shown, and whether one typed since

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const { sourceElement: button, request } = ctx, deeds = pending?.deeds ?? [];
  if (request.method === "POST" && deeds.length) request.body.set("did", deeds.join(" "));
  if (button.matches(DEED)) pending = { ctx, deeds: [...deeds, button.value] };
  else if (button.matches("form")) pending?.ctx.request.abort();
});
document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx !== pending?.ctx || !pending.typed) return;
  pending.again = true;
  event.preventDefault();
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (ctx !== pending?.ctx) return;
  pending = pending.again && ctx.sourceElement.isConnected ? { deeds: pending.deeds.slice(0, -1) } : null;
  if (pending) ctx.sourceElement.click();
});

on("input", "#form-args", () => { if (pending) pending.typed = true; });
on("input", ".ctl > input", (field) => field.toggleAttribute("data-blank", !field.value));
on("toggle", ".more-args", (more) => { more.previousElementSibling.value = more.open ? "open" : ""; }, true);

on("click", DEED, (_, { isTrusted }) => { if (isTrusted) moved = ""; });
on("keydown", "[data-row]", (row, event) => {
  const button = event.altKey && $(`:scope > .row-acts [value^="${{ ArrowUp: "up", ArrowDown: "down" }[event.key]}:"]`, row);
  if (!button) return;
  event.preventDefault();
  moved = event.target.name?.slice(`args.${button.value.split(":")[1]}`.length) ?? "";
  button.click();
});

// Tab indents while one types in a JSON text: who only passes goes on, and after Escape it leaves.
on("input", "[data-json]", (area) => { area.dataset.typed = ""; });
on("focusout", "[data-json]", (area) => { delete area.dataset.typed; });
on("keydown", "[data-json][data-typed]", (area, event) => {
  if (event.key === "Escape") delete area.dataset.typed;
  else if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey) return;
  else {
    area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  event.preventDefault();
});
