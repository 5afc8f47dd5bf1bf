// Everything works without this file; it words times in the viewer's zone, keeps the page live, and eases some typing.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const tell = (place, text) => { if (place.textContent !== text) place.textContent = text; };
const span = (s, whole = Math.floor) => (s < 60 ? `${whole(s)} s` : s < 3600 ? `${whole(s / 60)} min` : `${whole(s / 3600)} h`);

// Acts on what there is and on what comes later: the closest that fits.
function on(types, selector, act, early = false) {
  for (const type of types.split(" ")) document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  }, early);
}

// Shows something now, and again when the page has changed.
function always(show) {
  document.addEventListener("htmx:after:swap", show);
  show();
}

// -- what this browser remembers --------------------------------------------------------------------------------------

const kept = (() => { try { return localStorage; } catch { return {}; } })(); // it may be switched off
const remember = (key, value) => { kept[key] = value; };
const recall = (key) => kept[key] ?? null;

// Controls of what is remembered, wherever they are: buttons and lists by their value, switches by that or what they name as off.
function showControls() {
  for (const control of $$("[data-pref]")) {
    const told = recall(control.dataset.pref);
    if (control.type === "checkbox") control.checked = told ? told === control.value : control.defaultChecked;
    else if (control.localName === "select") ($(`[value="${told}"]`, control) ?? control.options[0]).selected = true;
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

on("change", "[data-pref]", choosePref);
on("click", "button[data-pref]", choosePref);
on("click", "[data-forget]", () => { for (const key of Object.keys(kept)) delete kept[key]; showPrefs(); });
document.addEventListener("htmx:after:swap", showControls);
for (const event of ["storage", "pageshow"]) addEventListener(event, showPrefs); // chosen in another tab meanwhile

// -- times ------------------------------------------------------------------------------------------------------------

const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ENGLISHES = ["en-GB", "en-US", "en-AU"]; // each knows the short names of the zones around it
const DAY = { day: "numeric", month: "short" }, TIME = { hour: "2-digit", minute: "2-digit" }, EXACT = { ...TIME, second: "2-digit" };
const DAY_LONG = 86400000, two = (n) => String(n).padStart(2, "0"), clocks = {};

// How moments read in a zone. One that this browser does not know is told in UTC, and the title says so.
function clockOf(zone) {
  try { clocks[zone] ??= makeClock(zone); } catch { clocks[zone] = makeClock("UTC", ` (this browser does not know ${zone})`); }
  return clocks[zone];
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
  left: (at, now) => (now < at ? `about ${span((at - now) / 1000, Math.ceil)} left` : ""),
  late: (at, now) => (now > at ? "Longer than usual" : ""),
};

function word(time, now = new Date()) {
  const at = new Date(time.dateTime), clock = clockFor(time), { show, since, until } = time.dataset;
  const text = (WORDS[show] ?? clock[show])?.(at, now, clock);
  if (text === undefined) return;
  tell(time, text);
  if (time.matches(".there")) time.hidden = text === $("time", time.parentElement).textContent; // the reader's clock says the same
  if (show === "stamp") return; // a log has thousands: each gets its title when it is asked for
  const title = clock.title(at);
  if (time.title !== title) time.title = title;
  if (since) fill(time, new Date(since), now, at);
  if (until) fill(time, at, now, new Date(until));
}

on("pointerover", "[data-show=stamp]", (time) => { time.title = clockFor(time).title(new Date(time.dateTime)); });

function wordAll(root, now = new Date()) {
  if (root.nodeType === 1) for (const time of root.matches("time[data-show]") ? [root] : $$("time[data-show]", root)) word(time, now);
}

// The line beside it draws how much of the time is over, and it is marked when little is left.
function fill(time, since, now, until) {
  const share = Math.min(1, Math.max(0, (now - since) / (until - since)));
  $("rect.p", time.closest(":has(rect.p)") ?? time)?.setAttribute("width", (share * 100).toFixed(1));
  time.parentElement.classList.toggle("soon", until - now < 10000);
}

const TICKING = Object.keys(WORDS).map((show) => `time[data-show=${show}]`).join();
setInterval(() => { if (!document.hidden) $$(TICKING).forEach((time) => word(time)); }, 1000);

// What arrives is worded before it is painted, whoever put it there. An edit may move a job's zone while it is shown.
new MutationObserver((changes) => {
  const now = new Date();
  for (const { target, addedNodes } of changes) {
    const near = target.nodeType === 3 ? target.parentElement : target;
    if (near?.localName === "time") word(near, now);
    else addedNodes.forEach((node) => wordAll(node, now));
  }
  if (changes.some(({ attributeName }) => attributeName === "data-zone")) showZone();
}).observe(document.body, { childList: true, subtree: true, characterData: true, attributeFilter: ["datetime", "data-zone"] });

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
  const zone = select.value === "own" ? OWN : select.value, drawn = $("[data-drawn-in]")?.dataset.drawnIn ?? zone;
  const safe = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `cronapp_zone=${zone}; path=/; max-age=31536000; samesite=lax${safe}`; // what the server draws goes by it too
  if (drawn !== zone && document.cookie.includes(`cronapp_zone=${zone}`)) location.reload();
}

// -- the stream -----------------------------------------------------------------------------------------------------

const SHORT = 1500, LONG = 8000; // ms without a connection until that is told, and until the page counts as stale
const live = { name: "", last: "", open: false, since: null, port: null };

// All tabs share one connection by a worker. Where there is none, or it does not start, the page has its own.
function openPort() {
  const { port1, port2 } = new MessageChannel(), own = () => { serveStream(port2); return port1; };
  try {
    const worker = new SharedWorker(document.body.dataset.worker);
    worker.onerror = () => { hear(own()); if (live.name) joinStream(); };
    return worker.port;
  } catch { return own(); }
}

function hear(port) {
  live.port = port;
  port.onmessage = hearStream;
}

// Each time under a new name: what was sent to the old one and comes late would be told twice.
function joinStream() {
  const asked = new URL(document.body.dataset.stream, location.href).searchParams;
  live.name = `v${Math.random().toString(36).slice(2, 14)}`;
  live.last ||= asked.get("after") ?? "";
  live.port.postMessage({ name: live.name, topics: asked.get("topics"), at: location.pathname + location.search, last: live.last });
}

function leaveStream() {
  live.port.postMessage(null);
  Object.assign(live, { name: "", open: false });
}

function hearStream({ data: { name, html, last, open, since, gone } }) {
  if (name !== live.name) return;
  if (gone) location.reload();
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
let coming = [], shown = -REST, allShown = -UNSEEN;

const showSoon = () => setTimeout(requestAnimationFrame, shown + REST - performance.now(), showComing);

function wait(html) {
  if (!coming.length) showSoon();
  for (const text of html.split(/(?=<hx-partial )/)) {
    const [, at, morph] = /hx-target="([^"]*)" hx-swap="\w*?(Morph)?"/.exec(text) ?? [];
    if (morph) coming = coming.filter((piece) => piece.due || piece.at !== at);
    else for (const piece of coming) piece.due = true;
    coming.push({ at, text, due: !morph });
  }
}

function inSight(place) {
  const { top, bottom } = place?.getBoundingClientRect() ?? { top: 0, bottom: 1 };
  return bottom > 0 && top < innerHeight;
}

// It is the turn of what is in sight, and of what came earlier for places within it, else that would set them back later.
function giveTurns(now) {
  const every = now - allShown > UNSEEN, places = [];
  if (every) allShown = now;
  for (const piece of [...coming].reverse()) {
    const place = $(piece.at);
    piece.due = every || inSight(place) || places.some((one) => one?.contains(place));
    if (piece.due) places.push(place);
  }
}

// What is swapped at once, as far as none of it brings the place of another.
function nextPieces() {
  const places = [], pieces = [];
  for (const piece of coming.filter(({ due }) => due).slice(0, AT_ONCE)) {
    const place = piece.at && $(piece.at);
    if (pieces.length && (!place || places.some((one) => one?.contains(place)))) break;
    places.push(place);
    pieces.push(piece);
  }
  coming = coming.filter((piece) => !pieces.includes(piece));
  return pieces.map(({ text }) => text).join("");
}

function showComing() {
  const until = performance.now() + BUDGET;
  do {
    if (!coming.some(({ due }) => due)) giveTurns(performance.now());
    const text = nextPieces();
    if (!text) break;
    htmx.swap({ sourceElement: document.body, target: document.body, swap: "none", text });
  } while (performance.now() < until);
  shown = performance.now();
  if (coming.length) showSoon();
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
  const joinAgain = () => { if (live.name) joinStream(); };
  hear(openPort());
  document.addEventListener("visibilitychange", () => (document.hidden ? leaveStream() : joinStream()));
  document.addEventListener("htmx:after:history:update", joinAgain);
  document.addEventListener("htmx:before:swap", leaveToStream);
  addEventListener("pagehide", leaveStream);
  // A form that leads to another page may end the session, and to load this one anew would take its answer away.
  document.addEventListener("submit", (event) => queueMicrotask(() => { if (!event.defaultPrevented) leaveStream(); }));
  addEventListener("pageshow", ({ persisted }) => { if (persisted) joinStream(); });
  addEventListener("online", joinAgain);
  setInterval(tellLive, 1000);
  if (!document.hidden) joinStream();
}

// -- small things -----------------------------------------------------------------------------------------------------

// A message leaves when its time is over, which the style tells; a bad one stays until it was read, and no question covers it.
on("animationend", ".toast", (toast, { animationName }) => { if (animationName === "stay") toast.remove(); });
on("animationstart", "#toasts > .bad", () => $("#dialog").close());
on("click", "[data-dismiss]", (button) => button.closest(".toast").remove());

// A question is open as long as there is one in the dialog; the browser keeps the focus in it, and gives it back.
function showDialog() {
  const dialog = $("#dialog");
  if (!dialog.childElementCount) dialog.close();
  else if (!dialog.open) {
    dialog.showModal();
    if (!$("[autofocus]", dialog)) $(".fields :is(input:not([type=hidden]), select, textarea)", dialog)?.focus();
  }
}

on("close", "#dialog", (dialog) => dialog.replaceChildren(), true);
on("click", "dialog [data-close]", (button, event) => { event.preventDefault(); button.closest("dialog").close(); });

// A menu is open as long as one is in it.
const closeMenus = (target) => { for (const menu of $$("details.menu[open]")) if (!menu.contains(target)) menu.open = false; };
const leaveMenu = (menu) => { $("summary", menu)?.focus(); closeMenus(); };
on("click focusin", "*", closeMenus);
on("click", ".menu a[hx-get]", (link) => leaveMenu(link.closest(".menu"))); // a question gives the focus back to it
on("keydown", "body:has(details.menu[open])", (_, { key }) => { if (key === "Escape") leaveMenu($("details.menu[open]")); });

// A form that was refused: what is folded away but wrong is opened, and the first wrong field takes the cursor.
function showWrong() {
  const wrong = $$(":is(#job-form, #ask) [aria-invalid=true]:not([data-told])");
  for (const field of wrong) {
    field.dataset.told = "1";
    field.closest("details")?.setAttribute("open", "");
  }
  wrong[0]?.focus();
}

// What was pressed but could not be sent is told, in the question where it was pressed, else in the corner. So is an answer
// that is not Cron-App's, as a proxy gives while the server is away; it takes no place on the page.
function tellAway({ sourceElement: asked }, which) {
  if (!asked.matches("form, a, button")) return; // what is asked while one types is asked again
  const told = $(which).content.cloneNode(true), form = asked.closest("dialog form"), row = form && $(".acts-row", form);
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

// What the page is about begins its title with its state, which the tab shows.
function showTitle() {
  const state = $("#job-head, #run-head")?.dataset.told, [, ...rest] = document.title.split(" · ");
  if (state) document.title = [state, ...rest].join(" · ");
}

showPrefs();
if (document.body.dataset.stream) watchStream();
[showDialog, showWrong, showTitle].forEach(always);
