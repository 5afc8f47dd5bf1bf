// The palette and the keys: two ways to everything without a mouse.
"use strict";

// -- fields over a list that the server finds ---------------------------------------------------------------------------
// The cursor stays in the field; what is chosen in the list is told to it by its id. The field asks when it is typed in, and on `seek`.

const listOf = (text) => document.getElementById(text.getAttribute("aria-controls"));
const optionsOf = (text) => $$("[role=option]", listOf(text));
const chosenOf = (text) => $("[aria-selected=true]", listOf(text));

function choose(text, option) {
  chosenOf(text)?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  text.setAttribute("aria-activedescendant", option?.id ?? "");
}

function seek(text) {
  Object.assign(text, { ariaExpanded: "true", waits: false });
  htmx.trigger(text, "seek");
}

// Enter that comes before the answer to what was typed waits for it.
function press(text) {
  text.waits = text.shown !== text.value;
  if (!text.waits) chosenOf(text)?.click();
}

document.addEventListener("keydown", (event) => {
  const text = event.target, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!text.matches("[role=combobox]") || event.isComposing) return;
  const all = optionsOf(text), closed = text.ariaExpanded !== "true";
  if (step && closed) seek(text);
  else if (step) choose(text, all.at((all.indexOf(chosenOf(text)) + step + all.length) % all.length));
  else if (event.key === "Enter" && !closed) press(text);
  else return;
  event.preventDefault();
});

document.addEventListener("input", ({ target }) => {
  if (target.matches("[role=combobox]")) Object.assign(target, { ariaExpanded: "true", waits: false });
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const text = ctx?.sourceElement;
  if (!text?.matches?.("[role=combobox]")) return;
  if (text.ariaExpanded !== "true" || !text.checkVisibility()) { listOf(text).replaceChildren(); return; } // it was left meanwhile
  const all = optionsOf(text);
  text.shown = new URL(ctx.request.action, location.href).searchParams.get(text.name) ?? "";
  choose(text, chosenOf(text) ?? all[0]);
  $("#found-told").textContent = all.length === 1 ? "1 result" : `${all.length} results`;
  if (text.waits) press(text);
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  const text = ctx?.sourceElement;
  if (!text?.matches?.("[role=combobox]") || ctx.response) return;
  listOf(text).replaceChildren($("p", $("#away").content).cloneNode(true));
  choose(text);
  text.waits = false;
});

// -- the palette --------------------------------------------------------------------------------------------------------

const RECENT = 8; // jobs remembered in this browser
const recentJobs = () => (recall("recent") ?? "").split(" ").filter(Boolean);

function watchPalette(palette) {
  const text = $("#palette-text");

  function open() {
    if (palette.open || $("#dialog").open) return; // a question wants its answer first
    text.value = "";
    $("#palette-recent").value = recentJobs().join(" ");
    palette.showModal();
    text.focus();
    seek(text);
  }

  // What was clicked does what it does on a page; the palette only makes room, after the click was heard by all.
  palette.addEventListener("click", ({ target }) => { if (target.closest("[role=option]")) setTimeout(() => palette.close()); });
  ON_CLICK["[data-palette]"] = (_, event) => { if (event.ctrlKey || event.metaKey || event.shiftKey) return; event.preventDefault(); open(); };
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (palette.open) palette.close(); else open();
  });
  if (/Mac|iP/.test(navigator.platform)) $$(".find kbd").forEach((kbd) => { kbd.textContent = "⌘ K"; });
}

// -- the keys -----------------------------------------------------------------------------------------------------------

function watchKeys(dialog) {
  const rows = new Map($$("[data-key]", dialog).map((row) => [row.dataset.key, row.dataset]));
  let before = "", since = 0; // what was pressed, and when: two in a row make one
  ON_CLICK["[data-keys]"] = () => dialog.showModal();

  function act({ go, press, ask, move }) {
    if (go) location.assign(go);
    if (press === "[data-keys]") { dialog.showModal(); return; } // its button may be folded away
    const form = ask && $(ask), target = press?.split(" | ").flatMap((one) => $$(one)).find((one) => one.checkVisibility());
    if (form) htmx.ajax("GET", form.getAttribute("action"), { source: document.body, swap: "none" });
    if (target?.matches("input")) { target.focus(); target.select(); }
    else target?.click();
    if (move) moveBy(Number(move));
  }

  document.addEventListener("keydown", (event) => {
    if (!$("#keys-on").checked || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") || $("dialog[open]")) return;
    const typed = `${Date.now() - since < 1500 ? before : ""}${event.key}`, row = rows.get(typed);
    before = !row && [...rows.keys()].some((key) => key.startsWith(`${typed} `)) ? `${typed} ` : "";
    since = Date.now();
    if (!row) return;
    event.preventDefault();
    act(row);
  });
}

// Between the rows of the page's lists: to the link that opens a row.
function moveBy(step) {
  const links = $$("main :is(tr, li):is([data-job], [data-run], [data-slot]) a.name").filter((link) => link.checkVisibility());
  const at = links.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
  const next = links[at + step] ?? links.at(at < 0 ? -1 : at);
  next?.focus();
  next?.closest("tr, li").scrollIntoView({ block: "nearest" });
}

if ($("#palette")) watchPalette($("#palette"));
if ($("#keys")) watchKeys($("#keys"));
const seen = $("#job-head")?.dataset.job; // comes first the next time
if (seen) remember("recent", [...new Set([seen, ...recentJobs()])].slice(0, RECENT).join(" "));
