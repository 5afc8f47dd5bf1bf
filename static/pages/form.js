// The job form: what eases typing, what follows it, and a test beside it.
"use strict";

const state = { typed: false, leaving: false };

// One more name in a text with commas between them, or one less.
on("click", "[data-add]", ({ dataset: { add, value } }) => {
  const field = document.getElementById(add), names = field.value.split(/[\s,;]+/).filter(Boolean);
  enter(field, (names.includes(value) ? names.filter((one) => one !== value) : [...names, value]).join(", "));
});
on("click", "[data-keep]", (button) => { $("#f-version").value = button.dataset.keep; followForm(); $("#form-saved").replaceChildren(); });

// -- the task: it is found in a list, and kept in the select that is there without JavaScript ----------------------------

const FIND = "#f-task-find";

function closeTasks(text) {
  Object.assign(text, { value: $("#f-task").value, ariaExpanded: "false" });
  listOf(text).replaceChildren();
  choose(text);
}

on("click", FIND, (text) => { if (text.ariaExpanded !== "true") seek(text); });
on("click", "#f-task-list [role=option]", ({ dataset: { value } }) => {
  const select = $("#f-task"), changed = select.value !== value;
  select.value = value;
  closeTasks($(FIND));
  if (changed) select.dispatchEvent(new Event("change", { bubbles: true }));
});
on("keydown", FIND, (text, { key }) => { if (key === "Escape") closeTasks(text); });
on("focusin", FIND, (text) => text.select());
on("focusout", FIND, closeTasks);
on("mousedown", "#f-task-list", (_, event) => event.preventDefault()); // the cursor stays

// -- cron expressions: which of the fields the cursor is in --------------------------------------------------------------

function markField() {
  const { dataset, value, selectionStart } = document.activeElement ?? document.body;
  $$(".cron-fields .here").forEach((item) => item.classList.remove("here"));
  if (!dataset.cron) return;
  const place = value.slice(0, selectionStart).trimStart().split(/\s+/).length - 1;
  $$(`.cron-fields[data-of="${dataset.cron}"] > li`)[place]?.classList.add("here");
}

for (const event of ["selectionchange", "focusin", "focusout"]) document.addEventListener(event, markField);

// -- rules that differ from the default, and fields that were wrong -----------------------------------------------------

on("input", ".say", (say) => {
  const differs = (control) => !["", control.dataset.default].includes(control.value.trim());
  say.classList.toggle("differs", $$("[data-default]", say).some(differs));
});
on("click", ".reset", (button) => {
  for (const control of $$("[data-default]", button.closest(".say"))) enter(control, control.matches("select") ? control.dataset.default : "");
});
on("input", ".only-simple", (simple) => $$(".wrong", simple).forEach((text) => text.remove()));
on("input", ":is(.is-wrong, .when-row) [aria-invalid=true]", (field) => {
  const wrong = field.closest(".is-wrong, .when-row");
  field.removeAttribute("aria-invalid");
  document.getElementById(`${field.id}-wrong`)?.remove();
  if (!$("[aria-invalid]", wrong)) wrong.classList.remove("is-wrong");
});

// -- what is typed is not lost ------------------------------------------------------------------------------------------

on("input", "#job-form", (_, { isTrusted, target }) => { state.typed ||= isTrusted && !target.matches("[role=combobox]"); });
on("click", "[data-leave]", () => { state.leaving = true; });
on("submit", "#job-form", (_, event) => {
  state.leaving = true;
  if (event.submitter?.matches("[data-native]")) event.stopImmediatePropagation(); // a whole page with what was chosen
}, true);
addEventListener("beforeunload", (event) => { if (state.typed && !state.leaving) event.preventDefault(); });

// -- a test of what is typed --------------------------------------------------------------------------------------------

// The stream follows the job that is edited and the run that tries it out.
function followForm(after) {
  const job = $("#job-form").dataset.mode === "edit" ? $("#f-id").value : "", run = $("#form-test")?.dataset.run ?? "";
  const url = new URL(document.body.dataset.stream, location.href);
  url.searchParams.set("topics", `form:${job}:${$("#f-version")?.value ?? ""}:${run}`);
  if (after) { live.last = ""; url.searchParams.set("after", after); }
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
  const swapped = ctx.target?.getAttribute?.("id");
  if (swapped === "job-form") { state.leaving = false; followForm(); } // its version may be another one
  if (["job-form", "form-args", "group-told"].includes(swapped)) $("#job-form").dispatchEvent(new Event("input", { bubbles: true }));
});
always(() => {
  const test = $("#form-test");
  if (test && !test.hidden && !test.shown) showTest(test);
  markField();
});
