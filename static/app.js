// Everything works without this file; it words times in the viewer's zone, keeps the page live, and eases some typing.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const tell = (place, text) => { if (place.textContent !== text) place.textContent = text; };
const span = (s, whole = Math.floor) => (s < 60 ? `${whole(s)} s` : s < 3600 ? `${whole(s / 60)} min` : `${whole(s / 3600)} h`);

// -- what this browser remembers --------------------------------------------------------------------------------------

const kept = (() => { try { return localStorage; } catch { return {}; } })(); // it may be switched off
const remember = (key, value) => { kept[key] = value; };
const recall = (key) => kept[key] ?? null;

// Controls of what is remembered, wherever they are: buttons and lists by their value, switches by that or what they name as off.
function showControls() {
  for (const control of $$("[data-pref]")) {
    const told = recall(control.dataset.pref);
    if (control.type === "checkbox") control.checked = told ? told === control.value : control.defaultChecked;
    else if (control.localName === "select") { control.value = told; if (control.selectedIndex < 0) control.selectedIndex = 0; }
    else if (control.ariaPressed) control.ariaPressed = control.value === (told ?? "auto");
  }
}

function showPrefs() {
  showControls();
  document.documentElement.dataset.theme = recall("theme") ?? "auto";
  showZone();
}

function choosePref(control) {
  remember(control.dataset.pref, control.type === "checkbox" && !control.checked ? control.dataset.off : control.value);
  showPrefs();
}

document.addEventListener("change", ({ target }) => { if (target.matches("[data-pref]")) choosePref(target); });
document.addEventListener("htmx:after:swap", showControls);
for (const event of ["storage", "pageshow"]) addEventListener(event, showPrefs); // chosen in another tab meanwhile

// -- times ------------------------------------------------------------------------------------------------------------

const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ENGLISHES = ["en-GB", "en-US", "en-AU"]; // each knows the short names of the zones around it
const DAY = { day: "numeric", month: "short" }, TIME = { hour: "2-digit", minute: "2-digit" }, EXACT = { ...TIME, second: "2-digit" };
const DAY_LONG = 86400000, two = (n) => String(n).padStart(2, "0"), clocks = new Map();

// How moments read in a zone. One that this browser does not know is told in UTC, and the title says so.
function clockOf(zone) {
  if (!clocks.has(zone)) {
    try { clocks.set(zone, makeClock(zone)); } catch { clocks.set(zone, makeClock("UTC", ` (this browser does not know ${zone})`)); }
  }
  return clocks.get(zone);
}

function makeClock(timeZone, place = timeZone === "UTC" ? "" : ` (${timeZone})`) {
  const told = (options, locale = "en-GB") => new Intl.DateTimeFormat(locale, { hourCycle: "h23", timeZone, ...options }).format;
  const names = ENGLISHES.map((locale) => told({ timeZoneName: "short" }, locale)).map((tell) => (at) => tell(at).split(" ").at(-1));
  const name = names.find((one) => !/^GMT[+-]/.test(one(Date.now()))) ?? names[0];
  const named = (tell) => (at) => `${tell(at)} ${name(at)}`;
  const exact = named(told({ dateStyle: "full", timeStyle: "medium" })), shown = told({ dateStyle: "short", timeStyle: "medium" }, "sv-SE");
  const near = told({ ...DAY, ...EXACT }), far = told({ ...DAY, year: "numeric", ...EXACT });
  const quiet = {
    name,
    title: (at) => exact(at) + place,
    wall: (at) => Date.parse(`${shown(at).replace(" ", "T")}Z`), // what the clock on the wall shows, as if it were UTC
    weekday: told({ weekday: "short" }),
    day: told(DAY),
    date: told({ ...DAY, year: "numeric" }),
    clock: told(TIME),
    stamp: told({ ...EXACT, fractionalSecondDigits: 3 }),
    short: (at) => (shown(at).slice(0, 4) === shown(Date.now()).slice(0, 4) ? near : far)(at),
    full: named(told({ weekday: "short", ...DAY, year: "numeric", ...EXACT })),
  };
  const loud = { ...quiet, clock: named(quiet.clock), short: named(quiet.short) };
  return { ...quiet, loud: Object.assign(loud, { loud }) };
}

// A time's own zone, else the chosen one; on lists each row has its job's. Where zones mix, short times name theirs too.
function clockFor(time) {
  const choice = $("#zone")?.value, page = document.body.dataset.jobZone;
  const jobs = choice === "job" && (time.closest("[data-zone]")?.dataset.zone ?? page);
  const clock = clockOf(time.dataset.zone || (choice === "UTC" ? choice : jobs || OWN));
  return time.dataset.zone || (choice === "job" && !page) ? clock.loud : clock;
}

function ticking(seconds) {
  const s = Math.max(0, Math.floor(seconds)), days = Math.floor(s / 86400);
  const clock = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  if (days) return `${days} d ${two(Math.floor(s / 3600) % 24)} h`;
  return s < 3600 ? clock : `${two(Math.floor(s / 3600))}:${clock}`;
}

// The day of a moment as the clock has it; the days around now have names.
function dayOf(at, now, clock, names) {
  const there = clock.wall(at), here = clock.wall(now), days = Math.floor(there / DAY_LONG) - Math.floor(here / DAY_LONG);
  if (Math.abs(days) < 2) return names[days + 1];
  if (Math.abs(days) < 7) return clock.weekday(at);
  return new Date(there).getUTCFullYear() === new Date(here).getUTCFullYear() ? clock.day(at) : clock.date(at);
}

function relative(at, now, clock) {
  const ago = Math.round((now - at) / 1000), away = Math.abs(ago);
  if (away < 3600) return ago >= 0 ? `${span(away, Math.round)} ago` : `in ${span(away, Math.round)}`;
  const day = dayOf(at, now, clock, ["Yesterday", "Today", "Tomorrow"]);
  return day === clock.date(at) ? day : `${day} ${clock.clock(at)}`;
}

const WORDS = {
  relative,
  when: (at, now, clock) => `${dayOf(at, now, clock, ["yesterday", "", "tomorrow"])} ${clock.clock(at)}`.trim(), // in a sentence
  countdown: (at, now) => (at - now < 500 ? "now" : ticking((at - now) / 1000)),
  elapsed: (at, now) => ticking((now - at) / 1000),
};

function word(time, now = new Date()) {
  const at = new Date(time.dateTime), clock = clockFor(time), { show, since } = time.dataset;
  const text = (WORDS[show] ?? clock[show])?.(at, now, clock);
  if (!text) return;
  tell(time, text);
  if (time.matches(".there")) time.hidden = text === $("time", time.parentElement).textContent; // the reader's clock says the same
  if (show === "stamp") return;
  const title = clock.title(at);
  if (time.title !== title) time.title = title;
  if (since) fill(time, at, now);
}

function wordAll(root, now = new Date()) {
  if (root.nodeType === 1) for (const time of root.matches("time[data-show]") ? [root] : $$("time[data-show]", root)) word(time, now);
}

// A countdown draws how much of the wait is over, and is marked when little of it is left.
function fill(time, at, now) {
  const since = new Date(time.dataset.since), share = Math.min(1, Math.max(0, (now - since) / (at - since)));
  time.nextElementSibling?.lastElementChild?.setAttribute("width", (share * 100).toFixed(1));
  time.parentElement.classList.toggle("soon", at - now < 10000);
}

const TICKING = Object.keys(WORDS).map((show) => `time[data-show=${show}]`).join();
const tick = () => { const now = new Date(); if (!document.hidden) $$(TICKING).forEach((time) => word(time, now)); };

// What arrives is worded before it is painted, whoever put it there. An edit may move a job's zone while it is shown.
function watchTimes() {
  new MutationObserver((changes) => {
    const now = new Date();
    let moved = false;
    for (const { type, target, addedNodes } of changes) {
      const near = target.nodeType === 3 ? target.parentElement : target;
      if (near?.localName === "time") word(near, now);
      else if (type === "attributes") moved = true;
      else addedNodes.forEach((node) => wordAll(node, now));
    }
    if (moved) showZone();
  }).observe(document.body, { childList: true, subtree: true, characterData: true, attributeFilter: ["datetime", "data-zone"] });
  // A log has thousands of stamps: each gets its title only when it is asked for.
  addEventListener("pointerover", ({ target }) => {
    if (target.dataset?.show === "stamp") target.title = clockFor(target).title(new Date(target.dateTime));
  });
  setInterval(tick, 1000);
}

// Where the page has no job's zone, that choice waits for one that has.
function showZone() {
  const select = $("#zone"), page = document.body.dataset, head = $("#job-head") ?? $("#run-head");
  if (!select) return; // the sign-in page, which has no times
  if (head?.dataset.zone) page.jobZone = head.dataset.zone;
  for (const option of $$("[data-of]", select)) option.textContent = `${option.dataset.of} (${option.value === "own" ? OWN : page.jobZone})`;
  select.title = select.selectedOptions[0].textContent;
  const told = select.value === "job" && !page.jobZone ? "mixed" : clockFor(select).name(Date.now());
  for (const place of [select.previousElementSibling, ...$$(".zone-told b")]) place.textContent = told;
  wordAll(document.body);
  dispatchEvent(new Event("zone"));
}

// -- the stream -----------------------------------------------------------------------------------------------------

const SHORT = 1500, LONG = 8000; // ms without a connection until that is told, and until the page counts as stale
const live = { name: "", last: "", open: false, since: null, port: null };

// All tabs share one connection by a worker. Where there is none, or it does not start, the page has its own.
function sharedPort() {
  try {
    const worker = new SharedWorker(document.body.dataset.worker);
    worker.onerror = () => { live.port = ownPort(); joinAgain(); };
    worker.port.onmessage = hearStream;
    return worker.port;
  } catch { return ownPort(); }
}

function ownPort() {
  const page = { postMessage: (data) => hearStream({ data }) };
  serveStream(page);
  return { postMessage: (data) => page.onmessage({ data }) };
}

// Each time under a new name: what was sent to the old one and comes late would be told twice.
function joinStream() {
  const asked = new URL(document.body.dataset.stream, location.href).searchParams, left = live.name;
  live.name = `v${Math.random().toString(36).slice(2, 14)}`;
  live.last ||= asked.get("after") ?? "";
  live.port.postMessage({ join: live.name, leave: left, topics: asked.get("topics"), at: location.pathname + location.search, last: live.last });
}

const joinAgain = () => { if (live.name) joinStream(); };

function leaveStream() {
  live.port.postMessage({ leave: live.name });
  Object.assign(live, { name: "", open: false });
}

function hearStream({ data: { name, html, last, open, since, gone } }) {
  if (name !== live.name) return;
  if (gone) { location.reload(); return; }
  if (open !== undefined) { Object.assign(live, { open, since }); tellLive(); }
  live.last = last || live.last;
  if (html) wait(html);
}

// What comes is shown a few pieces at a time, so that whoever presses something meanwhile is answered first. Of what
// takes the same place only the newest waits for the next round, so a page that cannot keep up falls behind by one piece
// for each place, and each has its turn; places out of sight have theirs less often. What is added to a place, as lines
// of a log, keeps its place among all others. Between two times the page rests: one that is drawn in each frame has none
// left for a press.
const BUDGET = 8, AT_ONCE = 6, REST = 100, UNSEEN = 3000; // ms, pieces in one swap, which is told to all who listen, ms, ms
const coming = new Map();
let round = [], shown = -REST, allShown = -UNSEEN;

const showSoon = () => setTimeout(requestAnimationFrame, shown + REST - performance.now(), showComing);

function wait(html) {
  if (!coming.size && !round.length) showSoon();
  for (const text of html.split(/(?=<hx-partial )/)) {
    const [, at, morph] = /hx-target="([^"]*)" hx-swap="\w*?(Morph)?"/.exec(text) ?? [], piece = { at, text };
    if (morph) {
      coming.delete(at);
      coming.set(at, piece);
    } else {
      round.push(...coming.values(), piece);
      coming.clear();
    }
  }
}

function inSight(place) {
  const { top, bottom } = place?.getBoundingClientRect() ?? { top: 0, bottom: 1 };
  return bottom > 0 && top < innerHeight;
}

// What is in sight; before a piece also what came earlier for places within it, else that would set them back later.
function nextRound(now) {
  const every = now - allShown > UNSEEN, places = [];
  if (every) allShown = now;
  for (const piece of [...coming.values()].reverse()) {
    const place = $(piece.at);
    if (!every && !inSight(place) && !places.some((one) => one?.contains(place))) continue;
    places.push(place);
    round.unshift(piece);
    coming.delete(piece.at);
  }
}

// What is swapped at once, as far as none of it brings the place of another.
function nextPieces() {
  const places = [], pieces = [];
  while (round.length && pieces.length < AT_ONCE) {
    const place = round[0].at && $(round[0].at);
    if (pieces.length && (!place || places.some((one) => one?.contains(place)))) break;
    places.push(place);
    pieces.push(round.shift().text);
  }
  return pieces.join("");
}

function showComing() {
  const until = performance.now() + BUDGET;
  do {
    if (!round.length) nextRound(performance.now());
    if (!round.length) break;
    htmx.swap({ sourceElement: document.body, target: document.body, swap: "none", text: nextPieces() });
  } while (performance.now() < until);
  shown = performance.now();
  if (round.length || coming.size) showSoon();
}

// A connection that the server ended to be resumed comes back at once, so that is not told.
function tellLive(now = Date.now()) {
  const box = $("#live"), told = $("#live-told"), away = live.since ? now - live.since : 0;
  if (!box || (!live.open && !live.since) || (away && away < SHORT)) return;
  const state = !away ? "live" : away < LONG ? "reconnecting" : "stale";
  const lost = "The connection is lost. What is shown may be old.";
  if (box.dataset.state !== state) told.textContent = state === "stale" ? lost : told.textContent && "Live again.";
  box.dataset.state = state;
  const since = away && `No connection since ${clockOf(OWN).loud.short(live.since)}. What is shown may be old. It is tried again by itself.`;
  box.title = since || "What is shown changes by itself";
  tell($("#live-text"), { live: "Live", reconnecting: "Reconnecting…", stale: `Stale since ${span(away / 1000)}` }[state]);
}

// While the stream is open it alone brings what changed. The reply to a button may have been made before something
// that the stream has shown meanwhile, and would set the page back; of such a reply only the message is taken, what is
// asked in the dialog, and what the job form tells of what is typed in it, which never comes by the stream.
function leaveToStream({ detail: { ctx, tasks } }) {
  if (!ctx.request || !live.open) return;
  const told = tasks.filter(({ type, target }) => type !== "partial" || ["toasts", "dialog"].includes(target?.id) || target?.closest(".form-cols"));
  tasks.splice(0, tasks.length, ...told);
}

// A hidden tab takes no part.
function watchStream() {
  if (!document.body.dataset.stream) return;
  live.port = sharedPort();
  document.addEventListener("visibilitychange", () => (document.hidden ? leaveStream() : joinStream()));
  document.addEventListener("htmx:after:history:update", joinAgain);
  document.addEventListener("htmx:before:swap", leaveToStream);
  addEventListener("pagehide", leaveStream);
  // A form that leads to another page may end the session, and to load this one anew would take its answer away.
  document.addEventListener("submit", (event) => queueMicrotask(() => { if (!event.defaultPrevented) leaveStream(); }));
  addEventListener("pageshow", (event) => { if (event.persisted) joinStream(); });
  addEventListener("online", joinAgain);
  setInterval(tellLive, 1000);
  if (!document.hidden) joinStream();
}

// -- small things -----------------------------------------------------------------------------------------------------

function timeToast(toast) {
  if (toast.matches(".bad")) { $("#dialog").close(); return; } // it would cover the message, which stays until it was read
  const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 1500) : toast.remove());
  setTimeout(leave, 7000);
}

function watchToasts(toasts) {
  const timeAll = (changes) => changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node.nodeType === 1).forEach(timeToast);
  new MutationObserver(timeAll).observe(toasts, { childList: true });
}

// A question is open as long as there is one in the dialog; the browser keeps the focus in it, and gives it back.
function watchDialog(dialog) {
  new MutationObserver(() => {
    if (!dialog.childElementCount) dialog.close();
    else if (!dialog.open) {
      dialog.showModal();
      if (!$("[autofocus]", dialog)) $(".fields :is(input:not([type=hidden]), select, textarea)", dialog)?.focus();
    }
  }).observe(dialog, { childList: true });
  dialog.addEventListener("close", () => dialog.replaceChildren());
}

const ON_CLICK = {
  "button[data-pref]": choosePref,
  "[data-dismiss]": (button) => button.closest(".toast").remove(),
  "dialog [data-close]": (button, event) => { event.preventDefault(); button.closest("dialog").close(); },
  "[data-forget]": () => { for (const key of Object.keys(kept)) delete kept[key]; showPrefs(); },
};

document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(ON_CLICK)) {
    const button = event.target.closest(selector);
    if (button) act(button, event);
  }
  const asks = event.target.closest(".menu a[hx-get]"); // its question gives the focus back to the menu
  if (asks) $("summary", asks.closest(".menu")).focus();
  closeMenus(asks ? null : event.target);
});

// A menu is open as long as one is in it.
function closeMenus(target) {
  $$("details.menu[open]").forEach((menu) => { if (!menu.contains(target)) menu.open = false; });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Tab") setTimeout(() => closeMenus(document.activeElement));
  if (event.key === "Escape") $$("details.menu[open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
});

function unfold(field) {
  const folded = field?.closest("details");
  if (folded) folded.open = true;
  return field;
}

// A form that was refused: what is folded away but wrong is opened, and the first wrong field takes the cursor.
function showWrong() {
  const wrong = $$(":is(#job-form, #ask) [aria-invalid=true]:not([data-told])");
  for (const field of wrong) unfold(field).dataset.told = "1";
  wrong[0]?.focus();
}

// What was pressed but could not be sent is told, in the question where it was pressed, else in the corner. So is an answer
// that is not Cron-App's, as a proxy gives while the server is away; it takes no place on the page.
function tellAway({ sourceElement: asked }, which) {
  const told = $(which).content.cloneNode(true), row = asked.closest("dialog form") && $(".acts-row", asked.closest("dialog form"));
  if (!asked.matches("form, a, button")) return; // what is asked while one types is asked again
  $$(".away").forEach((old) => old.remove());
  if (row) row.before(told); else $("#toasts").append(told);
}

document.addEventListener("htmx:error", ({ detail: { ctx, error } }) => {
  if (ctx?.request && !ctx.response && error?.name !== "AbortError") tellAway(ctx, "#away");
});
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 500 || ctx.text.includes("<hx-partial")) return;
  event.preventDefault();
  tellAway(ctx, "#broken");
});
document.addEventListener("htmx:after:swap", showWrong);

// What the page is about begins its title with its state, which the tab shows.
document.addEventListener("htmx:after:swap", () => {
  const state = $("#job-head, #run-head")?.dataset.told, [, ...rest] = document.title.split(" · ");
  if (state) document.title = [state, ...rest].join(" · ");
});

watchTimes();
showPrefs();
watchStream();
if ($("#toasts")) watchToasts($("#toasts"));
if ($("#dialog")) watchDialog($("#dialog"));
showWrong();
