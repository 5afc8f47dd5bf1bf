// The configuration of a job: what is written there goes to the clipboard.
"use strict";

async function copy(button) {
  const source = document.getElementById(button.dataset.copy), label = $("span", button);
  try {
    await navigator.clipboard.writeText(source.textContent);
    tellCopied(button, label, "Copied");
  } catch { // not over plain http, or not allowed: then it stands selected, ready for the keyboard
    getSelection().selectAllChildren(source);
    tellCopied(button, label, "Selected");
  }
}

function tellCopied(button, label, text) {
  $("#copied").textContent = text === "Copied" ? "Copied to the clipboard." : "Selected. Copy it with the keyboard.";
  label.textContent = text;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => { label.textContent = "Copy"; $("#copied").textContent = ""; }, 2000);
}

ON_CLICK["[data-copy]"] = copy;
