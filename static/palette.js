// The palette and the keys: two ways to everything without a mouse.
"use strict";

// -- the palette ----------------------------------------------------------------------------------------------------

const RECENT = 8; // jobs remembered in this browser

function watchPalette(palette) {
  const text = $("#palette-text"), options = () => $$("[role=option]", palette);
  const chosen = () => $("[aria-selected=true]", palette);

  // The cursor stays in the field; what is chosen is told to it by its id.
  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) text.setAttribute("aria-activedescendant", option.id);
    else text.removeAttribute("aria-activedescendant");
  }

  function open() {
    if (palette.open) return;
    if ($("#dialog").open) return; // a question wants its answer first
    text.value = "";
    $("#palette-recent").value = recentJobs().join(" ");
    palette.showModal();
    text.focus();
    htmx.trigger(text, "seek");
  }

  const STEPS = { ArrowDown: 1, ArrowUp: -1 };
  text.addEventListener("keydown", (event) => {
    const all = options(), at = all.indexOf(chosen());
    if (event.isComposing) return;
    if (event.key in STEPS) choose(all.at((at + STEPS[event.key] + all.length) % all.length));
    else if (event.key === "Home" && !event.shiftKey) choose(all[0]);
    else if (event.key === "End" && !event.shiftKey) choose(all.at(-1));
    else if (event.key === "Enter") pressed();
    else return;
    event.preventDefault();
  });

  // Enter that comes before the answer to what was typed waits for it.
  let waiting = false;
  function pressed() {
    waiting = palette.dataset.shown !== text.value;
    if (!waiting) chosen()?.click();
  }

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx?.sourceElement !== text) return;
    const all = options();
    palette.dataset.shown = ctx.request.action ? new URL(ctx.request.action, location.href).searchParams.get("q") ?? "" : text.value;
    choose(all[0]);
    $("#palette-told").textContent = all.length === 1 ? "1 result" : `${all.length} results`;
    if (waiting) pressed();
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx?.sourceElement !== text || ctx.response) return;
    $("#found").replaceChildren($("p", $("#away").content).cloneNode(true));
    choose();
  });

  palette.addEventListener("pointermove", ({ target }) => { const option = target.closest("[role=option]"); if (option && option !== chosen()) choose(option); });
  // What was clicked does what it does on a page; the palette only makes room, after the click was heard by all.
  palette.addEventListener("click", ({ target }) => { if (target === palette || target.closest("[role=option]")) setTimeout(() => palette.close()); });
  Object.assign(ON_CLICK, { "[data-palette]": (_, event) => { if (event.ctrlKey || event.metaKey || event.shiftKey) return; event.preventDefault(); open(); } });
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (palette.open) palette.close(); else open();
  });
  if (/Mac|iP/.test(navigator.platform)) $$(".find kbd").forEach((kbd) => { kbd.textContent = "⌘ K"; });
}

const recentJobs = () => (recall("recent") ?? "").split(" ").filter(Boolean);

// A job that was looked at comes first the next time.
function rememberJob(job) {
  if (job) remember("recent", [job, ...recentJobs().filter((one) => one !== job)].slice(0, RECENT).join(" "));
}

// -- the keys -------------------------------------------------------------------------------------------------------

function watchKeys(dialog) {
  const rows = new Map($$("[data-key]", dialog).map((row) => [row.dataset.key, row.dataset])), on = $("#keys-on");
  const show = () => { on.checked = recall("keys") !== "off"; document.documentElement.classList.toggle("no-keys", !on.checked); };
  let before = "", timer = 0;

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
    if (!on.checked || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") || $("dialog[open]")) return;
    const typed = `${before}${event.key}`, row = rows.get(typed);
    clearTimeout(timer);
    before = !row && [...rows.keys()].some((key) => key.startsWith(`${typed} `)) ? `${typed} ` : "";
    if (before) timer = setTimeout(() => { before = ""; }, 1500);
    if (!row) return;
    event.preventDefault();
    act(row);
  });

  on.addEventListener("change", () => { remember("keys", on.checked ? "on" : "off"); show(); });
  addEventListener("storage", show);
  Object.assign(ON_CLICK, { "[data-keys]": () => dialog.showModal() });
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
  show();
}

// Between the rows of the page's lists: to the link that opens a row.
function moveBy(step) {
  const links = $$("main :is(tr, li):is([data-job], [data-run], [data-slot])").map((row) => $("a.name", row)).filter((link) => link?.checkVisibility());
  const at = links.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.closest("tr, li").scrollIntoView({ block: "nearest" });
}

if ($("#palette")) watchPalette($("#palette"));
if ($("#keys")) watchKeys($("#keys"));
rememberJob($("#job-head")?.dataset.job);
