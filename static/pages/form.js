// The job form: what eases typing, what follows it, and a test beside it.
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

const tellForm = () => $("#job-form").dispatchEvent(new Event("input", { bubbles: true }));

Object.assign(ON_CLICK, {
  "[data-fill]": (button) => { const input = document.getElementById(button.dataset.fill); type(input, button.dataset.value); input.focus(); },
  "[data-add]": (button) => { const input = document.getElementById(button.dataset.add); type(input, toggled(input.value, button.dataset.value)); },
  "[data-add-row]": addRow,
  "[data-drop]": dropRow,
  ".reset": (button) => { for (const control of controlsOf(button.closest(".say"))) type(control, control.localName === "select" ? control.dataset.default : ""); },
  "[data-keep]": (button) => { $("#f-version").value = button.dataset.keep; followForm(); $("#form-saved").replaceChildren(); },
  "[data-leave]": () => { state.leaving = true; },
  "[data-jump]": (link, event) => { event.preventDefault(); jumpTo($(link.getAttribute("href"))); },
});

function jumpTo(field) {
  const folded = field?.closest("details");
  if (folded) folded.open = true;
  field?.focus();
}

// -- the job's id: it follows the chosen task until somebody types another one ----------------------------------------

document.addEventListener("change", async ({ target }) => {
  const id = $("#f-id");
  if (target.id !== "f-task" || id.readOnly || (id.value && !("suggested" in id.dataset))) return;
  const reply = await fetch(`/form/suggested-id?task=${encodeURIComponent(target.value)}`);
  if (!reply.ok || (id.value && !("suggested" in id.dataset))) return;
  type(id, await reply.text());
  id.dataset.suggested = "";
});

document.addEventListener("input", ({ target }) => { if ("suggested" in (target.dataset ?? {})) delete target.dataset.suggested; });

// -- several times ----------------------------------------------------------------------------------------------------

function addRow() {
  const last = Math.max(...$$(".when-row").map((row) => Number(row.dataset.row))) + 1;
  const box = document.createElement("div");
  box.innerHTML = $("#another-time").innerHTML.replaceAll("NEW", last);
  const row = box.firstElementChild;
  $("#when-rows").append(row);
  $("select", row).focus();
  tellForm();
}

function dropRow(button) {
  button.closest(".when-row").remove();
  $("[data-add-row]").focus();
  tellForm();
}

// Which field of a cron expression the cursor is in.
function markField() {
  const input = document.activeElement;
  $$(".cron-fields .here").forEach((item) => item.classList.remove("here"));
  if (!input?.dataset?.cron) return;
  const before = input.value.slice(0, input.selectionStart).trimStart();
  const place = before.split(/\s+/).length - 1;
  $$(`.cron-fields[data-of="${input.dataset.cron}"] > li`)[place]?.classList.add("here");
}

for (const event of ["selectionchange", "focusin", "focusout"]) document.addEventListener(event, markField);

// -- rules that differ from the default, and fields that were wrong -----------------------------------------------------

const controlsOf = (say) => $$("[data-default]", say);
const differs = (control) => !["", control.dataset.default].includes(control.value.trim());

document.addEventListener("input", ({ target }) => {
  const say = target.closest?.(".say"), wrong = target.closest?.(".is-wrong, .when-row");
  if (target.closest?.(".only-simple")) $$(".wrong", target.closest(".only-simple")).forEach((text) => text.remove());
  if (say) say.classList.toggle("differs", controlsOf(say).some(differs));
  if (!wrong || target.getAttribute("aria-invalid") !== "true") return;
  target.removeAttribute("aria-invalid");
  document.getElementById(`${target.id}-wrong`)?.remove();
  if (!$("[aria-invalid]", wrong)) wrong.classList.remove("is-wrong");
});

// -- what is typed is not lost ------------------------------------------------------------------------------------------

const state = { typed: false, leaving: false };
document.addEventListener("input", (event) => { if (event.isTrusted && event.target.closest?.("#job-form")) state.typed = true; });
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
  if (["job-form", "form-args"].includes(swapped)) tellForm();
  if (test && !test.hidden && !test.shown) showTest(test);
  markField();
});
if ($("#form-test")?.dataset.run) showTest($("#form-test"));
