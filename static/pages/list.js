// Lists of which rows can be selected, of jobs and of runs. What the stream brings leaves the boxes as they are.
"use strict";

let lastPicked = null; // where a range begins

const picks = () => $$("[data-list] .sel");
const valuesOf = (boxes) => new Set(boxes.map((box) => box.value)); // a job stands in each group that it has a tag of

function showPicks() {
  const here = valuesOf(picks()).size, count = valuesOf(picks().filter((box) => box.checked)).size, whole = here > 0 && count === here;
  const all = $(".bulk-all"), every = all && $("input", all), told = $("#bulk-count");
  for (const box of $$("[data-list] .sel-all")) Object.assign(box, { checked: whole, indeterminate: count > 0 && !whole });
  if (all) all.hidden = !whole;
  if (every) every.checked &&= whole;
  const some = whole && all ? `All ${count} on this page` : count;
  if (told) tell(told, `${every?.checked ? `All ${all.dataset.matching}` : some} selected`);
}

// With Shift all rows from the one before to this one.
on("click", "[data-list] .sel", (box, { shiftKey }) => {
  const boxes = picks(), [from, to] = [boxes.findIndex(({ value }) => value === lastPicked), boxes.indexOf(box)].sort((a, b) => a - b);
  const range = valuesOf(shiftKey && from >= 0 ? boxes.slice(from, to + 1) : [box]);
  for (const one of boxes) if (range.has(one.value)) one.checked = box.checked;
  lastPicked = box.value;
  showPicks();
});

on("change", "[data-list] .sel-all", (all) => { for (const box of picks()) box.checked = all.checked; });
on("change", "[data-list]", showPicks);

// A question is settled once it is answered: what it was asked of is selected no longer.
function settle() {
  if ($("#bulk")?.contains(document.activeElement)) $("#find")?.focus();
  for (const box of picks()) box.checked = false;
  lastPicked = null;
  queueMicrotask(showPicks);
}

on("reset", "#bulk", settle);
on("submit", "[data-bulk]", settle);

// Fields that say nothing stay out of the address.
on("formdata", "[data-quiet]", (_, { formData }) => {
  for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});

always(showPicks);
