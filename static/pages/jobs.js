// The jobs list: which groups are folded. It outlives what the stream brings.
"use strict";

const foldKey = "jobs.folded", folded = new Set(JSON.parse(recall(foldKey) ?? "[]"));

function showFolds() {
  for (const group of $$("#job-list [data-fold]")) {
    const on = folded.has(group.dataset.fold);
    group.classList.toggle("folded", on);
    $(".fold", group).setAttribute("aria-expanded", !on);
  }
}

ON_CLICK[".fold"] = (button) => {
  const name = button.closest("[data-fold]").dataset.fold;
  if (!folded.delete(name)) folded.add(name);
  remember(foldKey, JSON.stringify([...folded]));
  showFolds();
};

document.addEventListener("htmx:after:swap", showFolds);
showFolds();
