// Lists of which rows can be selected, of jobs and of runs. What the stream brings leaves the boxes as they are.
"use strict";

let lastPicked = null; // where a range begins

const picks = () => $$("[data-list] .sel");
const valuesOf = (boxes) => new Set(boxes.map((box) => box.value)); // a job stands in each group that it has a tag of

function showPicks() {
  const here = valuesOf(picks()).size, count = valuesOf(picks().filter((box) => box.checked)).size, whole = here > 0 && count === here;
  const all = $(".bulk-all"), every = all && $("input", all);
  for (const box of $$("[data-list] .sel-all")) Object.assign(box, { checked: whole, indeterminate: count > 0 && !whole });
  if (all) all.hidden = !whole;
  if (!whole && every) every.checked = false;
  const page = whole && all ? `All ${count} on this page selected` : `${count} selected`;
  if ($("#bulk-count")) tell($("#bulk-count"), every?.checked ? `All ${all.dataset.matching} selected` : page);
}

// With Shift all rows from the one before to this one.
document.addEventListener("click", ({ target, shiftKey }) => {
  if (!target.matches("[data-list] .sel")) return;
  const boxes = picks(), from = boxes.findIndex((box) => box.value === lastPicked), to = boxes.indexOf(target);
  const range = valuesOf(shiftKey && from >= 0 ? boxes.slice(Math.min(from, to), Math.max(from, to) + 1) : [target]);
  for (const box of boxes) if (range.has(box.value)) box.checked = target.checked;
  lastPicked = target.value;
  showPicks();
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-list] .sel-all")) for (const box of picks()) box.checked = target.checked;
  if (target.closest("[data-list]")) showPicks();
});

// A question is settled once it is answered: what it was asked of is selected no longer.
for (const event of ["reset", "submit"]) document.addEventListener(event, ({ target }) => {
  if (!target.matches(event === "reset" ? "#bulk" : "[data-bulk]")) return;
  if ($("#bulk")?.contains(document.activeElement)) $("#find")?.focus();
  for (const box of picks()) box.checked = false;
  lastPicked = null;
  queueMicrotask(showPicks);
});

// Fields that say nothing stay out of the address.
document.addEventListener("formdata", ({ target, formData }) => {
  if (target.matches("[data-quiet]")) for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});

document.addEventListener("htmx:after:swap", showPicks);
showPicks();
