// Choosing a task: an input that finds among many, over the list that the form sends.
"use strict";

const MOST_SHOWN = 60;
const picker = {
  get input() { return $("#f-task-find"); },
  get list() { return $("#f-task-list"); },
  get select() { return $("#f-task"); },
  active: -1,
};

// Names that begin with what is typed come first, then those that hold it, then those whose text does.
function found(text) {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = [];
  for (const option of picker.select.options) {
    if (!option.value) continue;
    const name = option.value.toLowerCase(), all = `${name} ${option.dataset.doc.toLowerCase()} ${option.dataset.takes.toLowerCase()}`;
    if (words.every((word) => all.includes(word))) ranked.push([!words.length || name.startsWith(words[0]) ? 0 : words.every((word) => name.includes(word)) ? 1 : 2, option]);
  }
  return ranked.sort((a, b) => a[0] - b[0]).map(([, option]) => option);
}

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function showTasks(text) {
  const all = found(text), shown = all.slice(0, MOST_SHOWN);
  const items = shown.map((option, n) => {
    const item = element("li", "");
    Object.assign(item, { id: `f-task-${n}`, role: "option" });
    item.dataset.value = option.value;
    item.setAttribute("aria-selected", option.selected);
    item.append(element("b", option.value), element("code", option.dataset.takes ? `(${option.dataset.takes})` : "()"), element("small", option.dataset.doc));
    return item;
  });
  if (!items.length) items.push(element("li", "No task matches.", "note-item"));
  if (all.length > shown.length) items.push(element("li", `${all.length - shown.length} more. Type on to see them.`, "note-item"));
  for (const item of items) if (!item.role) item.setAttribute("role", "presentation");
  picker.list.replaceChildren(...items);
  picker.list.hidden = false;
  picker.input.setAttribute("aria-expanded", "true");
  activate(shown.length ? Math.max(0, text ? 0 : shown.findIndex((option) => option.selected)) : -1);
}

function activate(place) {
  const items = $$("[role=option]", picker.list);
  picker.active = items.length ? (place + items.length) % items.length : -1;
  items.forEach((item, n) => item.classList.toggle("active", n === picker.active));
  const item = items[picker.active];
  if (item) picker.input.setAttribute("aria-activedescendant", item.id);
  else picker.input.removeAttribute("aria-activedescendant");
  item?.scrollIntoView({ block: "nearest" });
}

function closeTasks() {
  picker.list.hidden = true;
  picker.input.setAttribute("aria-expanded", "false");
  picker.input.removeAttribute("aria-activedescendant");
  picker.input.value = picker.select.value;
}

function chooseTask(value) {
  const changed = picker.select.value !== value;
  picker.select.value = value;
  closeTasks();
  if (changed) for (const name of ["input", "change"]) picker.select.dispatchEvent(new Event(name, { bubbles: true }));
}

const KEYS = {
  ArrowDown: () => (picker.list.hidden ? showTasks("") : activate(picker.active + 1)),
  ArrowUp: () => (picker.list.hidden ? showTasks("") : activate(picker.active - 1)),
  Enter: () => { const item = $$("[role=option]", picker.list)[picker.active]; if (item) chooseTask(item.dataset.value); },
  Escape: closeTasks,
};

document.addEventListener("keydown", (event) => {
  if (event.target !== picker.input || !KEYS[event.key] || (picker.list.hidden && !event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.addEventListener("input", (event) => {
  if (event.target !== picker.input) return;
  event.stopImmediatePropagation(); // it is no field of the form
  showTasks(picker.input.value);
}, true);
document.addEventListener("focusin", ({ target }) => { if (target === picker.input) target.select(); });
document.addEventListener("focusout", ({ target }) => { if (target === picker.input) closeTasks(); });
document.addEventListener("pointerdown", (event) => { // before the input loses the focus
  const item = event.target.closest?.("#f-task-list li");
  if (event.target === picker.input && picker.list.hidden) showTasks("");
  if (!item) return;
  event.preventDefault();
  if (item.dataset.value) chooseTask(item.dataset.value);
});
