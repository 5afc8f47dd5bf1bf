// The palette and the keys: two ways to everything without a mouse.
"use strict";

// -- fields over a list that the server finds ---------------------------------------------------------------------------
// The cursor stays in the field; what is chosen in the list is told to it by its id. The field asks when it is typed in, and on `seek`.

const BOX = "[role=combobox]";
const listOf = (text) => document.getElementById(text.getAttribute("aria-controls"));
const chosenOf = (text) => $("[aria-selected=true]", listOf(text));

function choose(text, option) {
  chosenOf(text)?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  text.setAttribute("aria-activedescendant", option?.id ?? "");
}

const opened = (text) => Object.assign(text, { ariaExpanded: "true", waits: false });
const seek = (text) => htmx.trigger(opened(text), "seek");

// Enter that comes before the answer to what was typed waits for it.
function press(text) {
  text.waits = text.shown !== text.value;
  if (!text.waits) chosenOf(text)?.click();
}

on("input", BOX, opened);
on("keydown", BOX, (text, event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], closed = text.ariaExpanded !== "true", all = $$("[role=option]", listOf(text));
  if (event.isComposing || !(step || (event.key === "Enter" && !closed))) return;
  event.preventDefault();
  if (!step) press(text);
  else if (closed) seek(text);
  else choose(text, all.at((all.indexOf(chosenOf(text)) + step + all.length) % all.length));
});
on("htmx:after:swap", BOX, (text, { detail: { ctx } }) => {
  if (text.ariaExpanded !== "true" || !text.checkVisibility()) { listOf(text).replaceChildren(); return; } // it was left meanwhile
  const all = $$("[role=option]", listOf(text));
  text.shown = new URL(ctx.request.action, location.href).searchParams.get(text.name) ?? "";
  choose(text, chosenOf(text) ?? all[0]);
  $("#found-told").textContent = all.length === 1 ? "1 result" : `${all.length} results`;
  if (text.waits) press(text);
});
on("htmx:error", BOX, (text, { detail: { ctx } }) => {
  if (ctx.response) return;
  listOf(text).replaceChildren($("p", $("#away").content).cloneNode(true));
  choose(text);
  text.waits = false;
});

// -- the palette --------------------------------------------------------------------------------------------------------

const RECENT = 8; // jobs remembered in this browser
const recent = (recall("recent") ?? "").split(" "), seen = $("#job-head")?.dataset.job; // this one comes first the next time
if (seen) remember("recent", [...new Set([seen, ...recent])].slice(0, RECENT).join(" "));

function openPalette() {
  const palette = $("#palette"), text = $("#palette-text");
  if ($("#palette[open], #dialog[open]")) return; // a question wants its answer first
  $("#palette-recent").value = recall("recent");
  palette.showModal();
  text.value = "";
  text.focus();
  seek(text);
}

// What was clicked does what it does on a page; the palette only makes room, after the click was heard by all.
on("click", "#palette [role=option]", () => setTimeout(() => $("#palette").close()));
on("click", "[data-palette]", (_, event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPalette();
});
if (/Mac|iP/.test(navigator.platform)) $$(".find kbd").forEach((kbd) => { kbd.textContent = "⌘ K"; });

// -- the keys -----------------------------------------------------------------------------------------------------------

const keyRows = $$("#keys [data-key]").map((row) => row.dataset);
let before = "", since = 0; // what was pressed, and when: two in a row make one

on("click", "[data-keys]", () => $("#keys").showModal());
on("keydown", "body", (_, event) => {
  const { key, ctrlKey, metaKey, altKey, shiftKey, target } = event, palette = $("#palette");
  if (palette && key.toLowerCase() === "k" && (ctrlKey || metaKey) && !altKey && !shiftKey) {
    event.preventDefault();
    if (palette.open) palette.close(); else openPalette();
  }
  if (event.defaultPrevented || event.isComposing || ctrlKey || metaKey || altKey) return;
  if (key.length === 1 && $("#keys-on")?.checked === false) return;
  if (target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") || $("dialog[open]")) return;
  const typed = `${Date.now() - since < 1500 ? before : ""}${key}`, rows = keyRows.filter((row) => row.key === typed);
  before = !rows.length && keyRows.some((row) => row.key.startsWith(`${typed} `)) ? `${typed} ` : "";
  since = Date.now();
  if (rows.length && key.length === 1) event.preventDefault();
  rows.some(act); // of what applies here the first counts
});

function act({ go, press, ask, move, shift }) {
  if (go) location.assign(go);
  if (press === "[data-keys]") { $("#keys").showModal(); return true; } // its button may be folded away
  const form = ask && $(ask), target = press?.split(" | ").flatMap((one) => $$(one)).find((one) => one.checkVisibility());
  if (form) htmx.ajax("GET", form.getAttribute("action"), { source: document.body, swap: "none" });
  if (target?.matches("[data-hotkey]")) { target.focus(); target.select(); }
  else target?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: shift !== undefined }));
  if (move) moveBy(Number(move));
  return Boolean(go || form || target || move);
}

// Between the rows of the page's lists: to the link that opens a row.
function moveBy(step) {
  const links = $$("main :is(tr, li):is([data-job], [data-run], [data-slot]) a.name").filter((link) => link.checkVisibility());
  const at = links.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
  const next = links[at + step] ?? links.at(at < 0 ? -1 : at);
  next?.focus();
  next?.closest("tr, li").scrollIntoView({ block: "nearest" });
}
