// The log of a run: loaded in pieces, followed at its end, searched on the server.
"use strict";

const KEPT = 10;
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

function watchLog(panel) {
  const log = $("#log", panel), more = $("#log-new", panel), source = `/runs/${panel.dataset.run}/log`;
  const gone = new AbortController(), { signal } = gone; // when another run's log takes its place
  const on = (element, event, act) => element.addEventListener(event, act, { signal });
  const press = (id, act) => on(panel, "click", (event) => { if (event.target.closest(id)) act(event); });
  const pressed = (id, state) => $(id, panel).setAttribute("aria-pressed", state);

  // -- pieces ---------------------------------------------------------------------------------------------------

  const pieces = () => $$(".chunk", log);

  async function load(chunk) {
    if (chunk.firstElementChild || chunk.dataset.loading) return;
    chunk.dataset.loading = "1";
    try {
      const reply = await fetch(chunk.dataset.src, { headers: { "HX-Request": "true" } });
      if (!reply.ok) return;
      const lines = new DOMParser().parseFromString(await reply.text(), "text/html").querySelectorAll("li");
      chunk.style.minHeight = "";
      chunk.replaceChildren(...lines);
      htmx.process(chunk);
    } finally {
      delete chunk.dataset.loading;
    }
  }

  // The farthest pieces give their lines back; the height they had keeps the scroll bar still.
  function shed() {
    const middle = log.scrollTop + log.clientHeight / 2;
    const distance = (chunk) => Math.abs(chunk.offsetTop + chunk.offsetHeight / 2 - middle);
    const filled = pieces().slice(0, -1).filter((chunk) => chunk.firstElementChild);
    for (const chunk of filled.sort((a, b) => distance(b) - distance(a)).slice(0, Math.max(0, filled.length - KEPT))) {
      chunk.style.minHeight = `${chunk.offsetHeight}px`;
      chunk.replaceChildren();
    }
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) load(entry.target).then(shed);
  }, { root: log, rootMargin: "1200px 0px" });

  // -- the end --------------------------------------------------------------------------------------------------

  let following = true, seen = lastSeq(), fresh = 0;

  function lastSeq() { return Number($$(".chunk:last-child > .line:last-child", log)[0]?.dataset.seq ?? 0); }
  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const toEnd = () => { log.scrollTop = log.scrollHeight; };

  function setFollowing(state) {
    following = state;
    pressed("#log-follow", state);
    if (!state) return;
    fresh = 0;
    more.hidden = true;
  }

  function follow(state) { setFollowing(state); if (state) toEnd(); }

  function grown() {
    pieces().forEach((chunk) => near.observe(chunk));
    const last = lastSeq();
    if (last > seen) { fresh += countSince(seen); seen = last; lookAgain(); }
    if (following) toEnd();
    else if (fresh) { more.lastElementChild.textContent = plural(fresh, "new line"); more.hidden = false; }
    mark();
  }

  const filtered = () => $("#log-told", panel)?.childElementCount > 0;
  function countSince(seq) { // without a filter the numbers have no gaps
    return filtered() ? $$(".line", log).filter((line) => line.dataset.seq > seq).length : lastSeq() - seq;
  }

  // Only a scroll by the reader's hand ends following: lines that arrive move the end away as well.
  let height = log.scrollHeight;
  on(log, "scroll", () => {
    if (atEnd()) setFollowing(true);
    else if (log.scrollHeight === height) setFollowing(false);
    height = log.scrollHeight;
  });

  // -- one line -------------------------------------------------------------------------------------------------

  async function show(seq) {
    const chunk = pieces().findLast((one) => Number(one.dataset.first) <= seq);
    if (!chunk) return null;
    setFollowing(false);
    await load(chunk);
    const line = document.getElementById(`L${seq}`);
    line?.scrollIntoView({ block: "center" });
    return line;
  }

  let marked = null; // the first and the last line that the address names
  async function showMarked() {
    const [, from, to] = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash) ?? [];
    marked = from ? [Number(from), Number(to ?? from)].sort((a, b) => a - b) : null;
    const line = marked && await show(marked[0]);
    mark();
    return line;
  }

  on(log, "click", (event) => {
    const number = event.target.closest(".n");
    if (!number || !event.shiftKey || !marked) return;
    event.preventDefault();
    const seq = Number(number.parentElement.dataset.seq), ends = [Math.min(marked[0], seq), Math.max(marked[0], seq)];
    history.replaceState(history.state, "", `#L${ends[0]}-L${ends[1]}`);
    marked = ends;
    mark();
  });

  // -- looking for --------------------------------------------------------------------------------------------------

  const form = $("#log-form", panel), field = $("#log-q", panel), found = $("#log-found", panel);
  const query = () => new URLSearchParams(new FormData(form));
  const matches = { q: "", seqs: [], count: 0, upto: 0, at: -1 }, errors = { seqs: null, upto: 0 };

  async function look(asked, after) {
    const reply = await fetch(`${source}/search?${new URLSearchParams({ ...asked, after })}`, { headers: { "HX-Request": "true" } });
    return reply.ok ? reply.json() : { seqs: [], count: 0, upto: after };
  }

  async function search(q, after = 0) {
    const answer = q ? await look({ q, show: form.elements.show.value }, after) : { seqs: [], count: 0, upto: 0 };
    if (q !== field.value.trim()) return; // typed on meanwhile
    const before = after ? matches : { seqs: [], count: 0, at: -1 };
    Object.assign(matches, { q, seqs: [...before.seqs, ...answer.seqs], count: before.count + answer.count, upto: answer.upto, at: before.at });
    tellFound();
    mark();
  }

  function tellFound() {
    const { q, count, at } = matches;
    found.textContent = !q ? "" : !count ? "0" : `${at < 0 ? "" : `${(at + 1).toLocaleString("en")} of `}${count.toLocaleString("en")}`;
    for (const id of ["#log-prev", "#log-next"]) $(id, panel).hidden = !count;
  }

  let typing = 0, again = 0;
  on(field, "input", () => { clearTimeout(typing); typing = setTimeout(() => search(field.value.trim()), 200); });
  const searching = () => field.value.trim() && field.value.trim() === matches.q;
  function lookAgain() { // lines have come
    clearTimeout(again);
    if (searching()) again = setTimeout(() => search(matches.q, matches.upto), 500);
  }

  // From where the reader is: the line that was shown last, else what is in sight.
  function current() { return Number($(".here", log)?.dataset.seq ?? $$(".line", log).find((line) => line.offsetTop >= log.scrollTop)?.dataset.seq ?? 0); }

  async function step(seqs, back) {
    const from = current(), next = back ? seqs.findLastIndex((seq) => seq < from) : seqs.findIndex((seq) => seq > from);
    const at = next >= 0 ? next : back ? seqs.length - 1 : 0;
    $(".here", log)?.classList.remove("here");
    (await show(seqs[at]))?.classList.add("here");
    mark();
    return at;
  }

  async function stepMatch(back) {
    if (!searching()) await search(field.value.trim());
    if (!matches.seqs.length) return;
    matches.at = await step(matches.seqs, back);
    tellFound();
  }

  async function stepError(back) {
    const answer = await look({ show: "errors" }, errors.upto);
    Object.assign(errors, { seqs: [...errors.seqs ?? [], ...answer.seqs], upto: answer.upto });
    if (errors.seqs.length) await step(errors.seqs, back);
  }

  on(field, "keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); stepMatch(event.shiftKey); }
    if (event.key === "Escape" && field.value) { event.preventDefault(); field.value = ""; search(""); }
  });
  on(form, "submit", (event) => { event.preventDefault(); filter(); });
  on(form.elements.show, "change", () => filter());
  function filter() {
    const asked = query();
    for (const [name, value] of [...asked]) if (!value || value === "all") asked.delete(name);
    location.assign(`${location.pathname}?${asked}#log-panel`);
  }

  // Matches and named lines are drawn over the text: whatever puts the lines there, their HTML stays as it is.
  function mark() {
    const named = ({ dataset: { seq } }) => marked && seq >= marked[0] && seq <= marked[1];
    if (marked || $(".marked", log)) for (const line of $$(".line", log)) line.classList.toggle("marked", !!named(line));
    if (!globalThis.Highlight) return;
    if (searching()) CSS.highlights.set("log-found", new Highlight(...$$(".m", log).flatMap((text) => ranges(text, matches.q.toLowerCase()))));
    else CSS.highlights.delete("log-found");
  }

  function ranges(text, q) {
    const whole = text.textContent.toLowerCase(), spans = [];
    for (let at = whole.indexOf(q); at >= 0; at = whole.indexOf(q, at + q.length)) spans.push(rangeOf(text, at, at + q.length));
    return spans;
  }

  function rangeOf(text, from, to) {
    const range = new Range(), walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    let past = 0;
    for (let node = walker.nextNode(); node; past += node.length, node = walker.nextNode()) {
      if (from >= past && from < past + node.length) range.setStart(node, from - past);
      if (to <= past + node.length) { range.setEnd(node, to - past); break; }
    }
    return range;
  }

  // -- how it is shown ----------------------------------------------------------------------------------------------

  function setWrap(state, chosen) {
    log.classList.toggle("wrap", state);
    pressed("#log-wrap", state);
    if (chosen) remember("wrap", state);
    if (following) toEnd();
  }

  function setTimes(shown) {
    const time = $("#log-time", panel);
    time.value = shown;
    if (time.selectedIndex < 0) time.value = "clock";
    log.dataset.times = time.value;
    wordAll(log);
  }

  // The end of the box stays in the window where the page above it leaves enough room. Told to its frame, which has no
  // id: of what has one htmx writes the style into its successor, and the policy forbids that.
  function fit() {
    const room = innerHeight - log.getBoundingClientRect().top - scrollY - 44, frame = log.parentElement;
    if (room >= 320) frame.style.setProperty("--room", `${Math.floor(room)}px`);
    else frame.style.removeProperty("--room");
    if (following) toEnd();
  }

  function setFull(state) {
    panel.classList.toggle("full", state);
    document.documentElement.classList.toggle("log-full", state);
    pressed("#log-full", state);
    if (following) toEnd();
  }

  press("#log-follow", () => follow(!following));
  press("#log-new", () => { follow(true); log.focus(); });
  press("#log-wrap", () => setWrap(!log.classList.contains("wrap"), true));
  press("#log-full", () => setFull(!panel.classList.contains("full")));
  press("#log-errors", ({ shiftKey }) => stepError(shiftKey));
  press("#log-next", () => stepMatch(false));
  press("#log-prev", () => stepMatch(true));
  on($("#log-time", panel), "change", ({ target }) => { remember("log-times", target.value); setTimes(target.value); });
  on(document, "keydown", (event) => {
    if (event.key === "Escape" && panel.classList.contains("full") && !event.defaultPrevented) setFull(false);
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "f") follow(!following);
    if (event.key === "e" || event.key === "E") stepError(event.shiftKey);
  });

  const watcher = new MutationObserver(grown);
  watcher.observe(log, { childList: true, subtree: true });
  on(window, "hashchange", showMarked);
  setWrap(recall("wrap") !== "false", false);
  setTimes(recall("log-times") ?? "clock");
  on(window, "resize", fit);
  fit();
  pieces().forEach((chunk) => near.observe(chunk));
  showMarked().then((line) => { if (!line) toEnd(); });
  if (field.value) search(field.value.trim());
  return () => { gone.abort(); watcher.disconnect(); near.disconnect(); };
}

// A stamp is told as the panel says: what the clock said, or the time since the run began.
WORDS.stamp = (at, _, clock) => {
  const log = $("#log"), since = at - new Date(log?.dataset.start);
  if (log?.dataset.times !== "elapsed") return clock.stamp(at);
  const tail = `.${String(Math.abs(since) % 1000).padStart(3, "0")}`;
  return `${since < 0 ? "-" : "+"}${ticking(Math.abs(since) / 1000)}${tail}`;
};

let watched = null, leave = () => {};
function findLog() {
  const panel = $("#log-panel");
  if (panel === watched) return;
  leave();
  watched = panel;
  leave = panel ? watchLog(panel) : () => {};
}
document.addEventListener("htmx:after:swap", findLog);
findLog();
