// Buttons that copy: the text of the element that they name, or what their link leads to.
"use strict";

// Where a page may not write the clipboard (it came over plain HTTP), the old way is tried; within an open dialog, since
// nothing outside it can be selected then.
async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* as below */ }
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "vh" });
  ($("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

// For two seconds a button says in place of its own words what came of it.
ON_CLICK["[data-copy]"] = async (button, event) => {
  event.preventDefault();
  const told = $("#copied"), label = $("span", button), own = button.own ??= [button.title, label?.textContent];
  const text = button.href ? await (await fetch(button.href)).text() : document.getElementById(button.dataset.copy).textContent;
  const done = await copy(text), say = (title, word) => { button.title = title; if (label) label.textContent = word; };
  told.textContent = done ? "Copied" : "This browser does not let a page copy.";
  say(told.textContent, done ? "Copied" : "Not copied");
  button.classList.toggle("copied", done);
  setTimeout(() => { say(...own); told.textContent = ""; button.classList.remove("copied"); }, 2000);
};
