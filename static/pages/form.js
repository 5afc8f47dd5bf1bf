// The job form: what eases typing.
"use strict";

function type(input, value) {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

// One more name in a text with commas between them, or one less.
function toggled(text, name) {
  const names = text.split(/[\s,;]+/).filter(Boolean);
  return (names.includes(name) ? names.filter((one) => one !== name) : [...names, name]).join(", ");
}

Object.assign(ON_CLICK, {
  "[data-fill]": (button) => { const input = document.getElementById(button.dataset.fill); type(input, button.dataset.value); input.focus(); },
  "[data-add]": (button) => { const input = document.getElementById(button.dataset.add); type(input, toggled(input.value, button.dataset.value)); },
});

document.addEventListener("input", ({ target }) => { if ("suggested" in target.dataset) delete target.dataset.suggested; });

// The job's id follows the chosen task until somebody types another one.
document.addEventListener("change", ({ target }) => {
  const id = target.dataset.suggests && document.getElementById(target.dataset.suggests);
  if (id && "suggested" in id.dataset) id.value = target.value.replace(/[^A-Za-z0-9.-]+/g, "-");
});
