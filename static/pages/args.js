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

function focusMarked() {
  const marked = $("form [data-focus]");
  if (!marked) return;
  marked.removeAttribute("data-focus");
  const row = marked.closest("[data-row]"), own = marked.matches("[data-row]");
  const field = moved && row && $(`[name="${CSS.escape(`args.${marked.value.split(":")[1]}${moved}`)}"]`, row);
  (field || (own && $("input:not([type=hidden]), select, textarea, button", row)) || marked).focus();
  moved = "";
}

// One button after the other: what is pressed while the rows change waits for them, and means the row that it stood at. If
// one types meanwhile, the answer is of an older form: it is thrown away, and the button pressed once more.
let busy = null;
const waiting = [];

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!busy || button?.form !== busy.form || !(button.type === "submit" || button.matches("[hx-post]"))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting.push({ button, form: button.form, deed: button.matches("#form-args [name=do]") ? button.value : "", moved });
  moved = "";
}, true);

document.addEventListener("input", ({ target }) => { if (busy && target.closest("#form-args")) busy.typed = true; });

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const button = ctx.sourceElement;
  if (button.matches("#form-args [name=do]")) busy = { ctx, button, form: button.form, deed: button.value, moved, typed: false, done: false };
});
document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx !== busy?.ctx) return;
  if (busy.typed) event.preventDefault();
  else busy.done = true;
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (ctx !== busy?.ctx) return;
  const last = busy;
  busy = null;
  if (last.typed && !last.done) waiting.unshift(last);
  else if (last.done) for (const one of waiting) one.deed = afterwards(one.deed, last.deed);
  else waiting.length = 0; // it did not arrive, which is told
  pressNext();
});

// What a button means once another one has done its work: rows have other numbers then.
function afterwards(deed, done) {
  const [, verb, list, at] = /^(remove|up|down):(.*)\.(\d+)$/.exec(done) ?? [], start = deed.indexOf(":") + 1;
  const [, number, rest] = (verb && deed.startsWith(`${list}.`, start) && /^(\d+)(.*)$/.exec(deed.slice(start + list.length + 1))) || [];
  if (!number) return deed;
  const from = Number(at), to = from + { remove: 0, up: -1, down: 1 }[verb], n = Number(number);
  const now = verb === "remove" ? n - (n > from) : n === from ? to : n === to ? from : n;
  return `${deed.slice(0, start)}${list}.${now}${rest}`;
}

function pressNext() {
  const next = waiting.shift();
  if (!next) return;
  const { button, form, deed } = next;
  if (!deed) { // it sends the form; Enter presses a button that the rows bring along
    if (button.isConnected) button.click(); else form.requestSubmit();
    return pressNext();
  }
  const last = document.activeElement, again = $(`#form-args [name=do][value="${CSS.escape(deed)}"]`)
    ?? (deed.startsWith("remove:") && last.value?.startsWith("remove:") ? last : null); // the last row went: the one before
  if (!again || again.disabled) return pressNext();
  moved = next.moved;
  again.click();
}

document.addEventListener("input", ({ target }) => {
  if (target.matches(".ctl > input")) target.toggleAttribute("data-blank", !target.value);
  if (target.matches("[data-json]")) target.dataset.typed = "";
});

// Tab indents while one types in a JSON text: who only passes goes on, and after Escape it leaves.
function indent(area, event) {
  if (event.key === "Escape" && "typed" in area.dataset) { delete area.dataset.typed; event.preventDefault(); }
  if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || !("typed" in area.dataset)) return;
  event.preventDefault();
  area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("focusout", ({ target }) => { if (target.matches("[data-json]")) delete target.dataset.typed; });

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
