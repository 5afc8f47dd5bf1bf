// Lists of which rows can be selected, of jobs and of runs: which rows are. It outlives what the stream brings.
"use strict";

const selected = new Set();
let lastPicked = null; // where a range begins

const picks = () => $$("[data-list] .sel");

function pick(box, on) {
  if (on) selected.add(box.value); else selected.delete(box.value);
}

// What stands on the page is brought in line with what is known; a row that left the page is selected no longer.
function showPicks() {
  const boxes = picks(), here = new Set(boxes.map((box) => box.value));
  for (const id of selected) if (!here.has(id)) selected.delete(id);
  for (const box of boxes) if (box.checked !== selected.has(box.value)) box.checked = selected.has(box.value);
  const whole = here.size > 0 && selected.size === here.size, all = $(".bulk-all");
  for (const box of $$("[data-list] .sel-all")) {
    box.checked = whole;
    box.indeterminate = selected.size > 0 && !whole;
  }
  if (all) {
    all.hidden = !whole;
    if (!whole) $("input", all).checked = false;
  }
  const every = all && $("input", all).checked, count = $("#bulk-count");
  const page = whole && all ? `All ${selected.size} on this page selected` : `${selected.size} selected`;
  const told = every ? `All ${all.dataset.matching} selected` : page;
  if (count && count.textContent !== told) count.textContent = told;
}

// With Shift all rows from the one before to this one.
document.addEventListener("click", ({ target, shiftKey }) => {
  if (!target.matches("[data-list] .sel")) return;
  const boxes = picks(), from = boxes.findIndex((box) => box.value === lastPicked), to = boxes.indexOf(target);
  const range = shiftKey && from >= 0 ? boxes.slice(Math.min(from, to), Math.max(from, to) + 1) : [target];
  for (const box of range) pick(box, target.checked);
  lastPicked = target.value;
  showPicks();
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-list] .sel-all")) for (const box of picks()) pick(box, target.checked);
  if (target.closest("[data-list]")) showPicks();
});

document.addEventListener("reset", ({ target }) => {
  if (target.id === "bulk") clearPicks();
});

// A question is settled once it is answered: what it was asked of is selected no longer.
document.addEventListener("submit", ({ target }) => {
  if (target.matches("[data-bulk]")) clearPicks();
});

function clearPicks() {
  const focused = $("#bulk")?.contains(document.activeElement);
  selected.clear();
  lastPicked = null;
  queueMicrotask(showPicks);
  if (focused) $("#find")?.focus();
}

// Fields that say nothing stay out of the address.
document.addEventListener("formdata", ({ target, formData }) => {
  if (target.matches("[data-quiet]")) for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});

// A question out of a menu gives the focus back to the menu.
ON_CLICK[".menu a[hx-get]"] = (link) => {
  const menu = link.closest(".menu");
  menu.open = false;
  $("summary", menu).focus();
};

document.addEventListener("htmx:after:swap", showPicks);
showPicks();
