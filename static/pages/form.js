// The job form: what eases typing, what follows it, and a test beside it.
"use strict";

const state = { typed: false, leaving: false };
const tellForm = () => $("#job-form").dispatchEvent(new Event("input", { bubbles: true }));

Object.assign(ON_CLICK, {
  "[data-add]": ({ dataset: { add, value } }) => { const field = document.getElementById(add); enter(field, toggled(field.value, value)); },
  ".reset": (button) => {
    for (const control of controlsOf(button.closest(".say"))) enter(control, control.matches("select") ? control.dataset.default : "");
  },
  "[data-keep]": (button) => { $("#f-version").value = button.dataset.keep; followForm(); $("#form-saved").replaceChildren(); },
  "[data-leave]": () => { state.leaving = true; },
  "[data-jump]": (link, event) => { event.preventDefault(); unfold($(link.getAttribute("href")))?.focus(); },
  "#f-task-find": (text) => { if (text.ariaExpanded !== "true") seek(text); },
  "#f-task-list [role=option]": chooseTask,
});

// One more name in a text with commas between them, or one less.
function toggled(text, name) {
  const names = text.split(/[\s,;]+/).filter(Boolean);
  return (names.includes(name) ? names.filter((one) => one !== name) : [...names, name]).join(", ");
}

// -- the task: it is found in a list, and kept in the select that is there without JavaScript ----------------------------

function chooseTask(option) {
  const select = $("#f-task"), changed = select.value !== option.dataset.value;
  select.value = option.dataset.value;
  closeTasks();
  if (changed) select.dispatchEvent(new Event("change", { bubbles: true }));
}

function closeTasks() {
  const text = $("#f-task-find");
  Object.assign(text, { value: $("#f-task").value, ariaExpanded: "false" });
  $("#f-task-list").replaceChildren();
  choose(text);
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape" && event.target.matches("#f-task-find")) closeTasks(); });
document.addEventListener("mousedown", (event) => { if (event.target.closest("#f-task-list")) event.preventDefault(); }); // the cursor stays
document.addEventListener("focusin", ({ target }) => { if (target.matches("#f-task-find")) target.select(); });
document.addEventListener("focusout", ({ target }) => { if (target.matches("#f-task-find")) closeTasks(); });

// -- cron expressions: which of the fields the cursor is in --------------------------------------------------------------

function markField() {
  const input = document.activeElement;
  $$(".cron-fields .here").forEach((item) => item.classList.remove("here"));
  if (!input?.dataset?.cron) return;
  const place = input.value.slice(0, input.selectionStart).trimStart().split(/\s+/).length - 1;
  $$(`.cron-fields[data-of="${input.dataset.cron}"] > li`)[place]?.classList.add("here");
}

for (const event of ["selectionchange", "focusin", "focusout"]) document.addEventListener(event, markField);

// -- rules that differ from the default, and fields that were wrong -----------------------------------------------------

const controlsOf = (say) => $$("[data-default]", say);
const differs = (control) => !["", control.dataset.default].includes(control.value.trim());

document.addEventListener("input", ({ target, isTrusted }) => {
  if (isTrusted && target.matches("#job-form :not([role=combobox])")) state.typed = true;
  const say = target.closest(".say"), wrong = target.closest(".is-wrong, .when-row"), simple = target.closest(".only-simple");
  if (simple) $$(".wrong", simple).forEach((text) => text.remove());
  if (say) say.classList.toggle("differs", controlsOf(say).some(differs));
  if (!wrong || target.ariaInvalid !== "true") return;
  target.removeAttribute("aria-invalid");
  document.getElementById(`${target.id}-wrong`)?.remove();
  if (!$("[aria-invalid]", wrong)) wrong.classList.remove("is-wrong");
});

// -- what is typed is not lost ------------------------------------------------------------------------------------------

addEventListener("beforeunload", (event) => { if (state.typed && !state.leaving) event.preventDefault(); });
document.addEventListener("submit", (event) => {
  if (!event.target.matches("#job-form")) return; // not by .id: its field of that name would answer
  state.leaving = true;
  if (event.submitter?.matches("[data-native]")) event.stopImmediatePropagation(); // a whole page with what was chosen
}, true);

// -- a test of what is typed --------------------------------------------------------------------------------------------

// The stream follows the job that is edited and the run that tries it out.
function followForm(after) {
  const job = $("#job-form").dataset.mode === "edit" ? $("#f-id").value : "", test = $("#form-test")?.dataset;
  const url = new URL(document.body.dataset.stream, location.href);
  url.searchParams.set("topics", `form:${job}:${$("#f-version")?.value ?? ""}:${test?.run ?? ""}`);
  if (after !== undefined) { live.last = ""; url.searchParams.set("after", after); }
  document.body.dataset.stream = url.pathname + url.search;
  if (live.name) joinStream();
}

function showTest(test) {
  test.shown = true;
  if (test.dataset.run) followForm(test.dataset.after);
  test.scrollIntoView({ block: "nearest" });
  $(".form-side").scrollTop = 0;
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const swapped = ctx.target?.getAttribute?.("id"), test = $("#form-test");
  if (swapped === "job-form") {
    state.leaving = false;
    followForm(); // its version may be another one
  }
  if (["job-form", "form-args", "group-told"].includes(swapped)) tellForm();
  if (test && !test.hidden && !test.shown) showTest(test);
  markField();
});
if ($("#form-test")?.dataset.run) showTest($("#form-test"));
