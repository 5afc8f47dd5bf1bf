// The log of a run: loaded in pieces, followed at its end, searched on the server.
"use strict";

function watchLog(panel) {
  const log = $("#log", panel), more = $("#log-new", panel), form = $("#log-form", panel), field = $("#log-q", panel);
  const show = form.elements.show.value, within = field.defaultValue; // which of the lines are on the page
  const gone = new AbortController(), { signal } = gone; // when another run's log takes its place
  const on = (element, event, act) => element.addEventListener(event, act, { signal });
  const press = (at, act) => on(panel, "click", (event) => { const button = event.target.closest(at); if (button) act(button, event); });
  const pressed = (at, state) => $(at, panel).setAttribute("aria-pressed", state);

  // The answer of the server, or nothing if it cannot be had just now.
  async function ask(path, asked) {
    const address = `/runs/${panel.dataset.run}/log${path}?${new URLSearchParams(asked)}`;
    const reply = await fetch(address, { headers: { "HX-Request": "true" }, signal }).catch(() => null);
    return reply?.ok ? reply : null;
  }

  // -- pieces ---------------------------------------------------------------------------------------------------

  const isEmpty = (piece) => !piece.firstElementChild;

  async function load(piece) {
    const reply = isEmpty(piece) && await ask("", { show, q: within, after: piece.dataset.first - 1 });
    if (reply) {
      const lines = await reply.text();
      await new Promise(requestAnimationFrame); // a frame has time for one piece
      piece.innerHTML = lines;
      htmx.process(piece);
      mark();
    }
    return !isEmpty(piece);
  }

  // What is near has its lines, and what is far gives them back. They are got piece by piece, the nearest first: the reader
  // may be elsewhere by then.
  const near = new Set(), watcher = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) near.add(target);
      else if (near.delete(target) && target !== log.lastElementChild) target.replaceChildren();
    }
    fill();
  }, { root: log, rootMargin: "3000px 0px" });
  function watch() { // also what could not be had before
    for (const piece of log.children) watcher.observe(piece);
    fill();
  }

  let filling = false;
  async function fill() {
    if (filling) return;
    filling = true;
    const away = ({ offsetTop, offsetHeight }) => Math.abs(offsetTop + offsetHeight / 2 - log.scrollTop - log.clientHeight / 2);
    const next = () => [...near].filter(isEmpty).sort((a, b) => away(a) - away(b))[0];
    for (let piece = next(); piece && await load(piece); piece = next()) if (!near.has(piece)) piece.replaceChildren();
    filling = false;
  }

  // -- the end --------------------------------------------------------------------------------------------------

  let following = true, had = 0, place = 0;
  const total = () => Math.max(log.children.length - 1, 0) * log.dataset.size + (log.lastElementChild?.childElementCount ?? 0);

  function follow(state) {
    if (following && !state) had = total();
    following = state;
    pressed("#log-follow", state);
    refresh();
  }

  function refresh() {
    const fresh = following ? 0 : total() - had;
    more.hidden = !fresh;
    more.lastElementChild.textContent = `${fresh.toLocaleString("en")} new line${fresh === 1 ? "" : "s"}`;
    if (following) log.scrollTop = log.scrollHeight;
  }

  // Lines that arrive never move what is in sight upwards: that is the reader's hand.
  on(log, "scroll", () => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 2, upwards = log.scrollTop < place;
    place = log.scrollTop;
    if (upwards !== atEnd) follow(atEnd);
  });

  function topLine() {
    const { left, top } = log.getBoundingClientRect();
    return document.elementFromPoint(left + 8, top + 14)?.closest("#log .line");
  }

  function keepPlace(change) { // though lines get another height
    const line = topLine(), before = line?.offsetTop;
    change();
    if (line) log.scrollTop += line.offsetTop - before;
    refresh();
  }

  // -- one line -------------------------------------------------------------------------------------------------

  async function reveal(seq) {
    const piece = [...log.children].findLast(({ dataset: { first } }) => first <= seq);
    if (!piece) return null;
    await load(piece);
    follow(false);
    const line = $(`[data-seq="${seq}"]`, piece);
    line?.scrollIntoView({ block: "center" });
    return line;
  }

  let marked = []; // the first and the last line that the address names
  function showMarked() {
    const [, from, to = from] = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash) ?? [];
    marked = from ? [Number(from), Number(to)].sort((a, b) => a - b) : [];
    mark();
    if (from) reveal(marked[0]);
  }

  press(".n", ({ parentElement: { dataset: { seq } } }, event) => {
    if (!event.shiftKey || !marked.length) return;
    event.preventDefault();
    marked = [Math.min(marked[0], seq), Math.max(marked[0], seq)];
    history.replaceState(history.state, "", `#L${marked[0]}-L${marked[1]}`);
    mark();
  });

  // -- looking for --------------------------------------------------------------------------------------------------

  let sought = { q: "" }, typing = 0, again = 0; // what was looked for, how many lines hold it, and which of them is shown
  const typed = () => field.value.trim(), searching = () => sought.q && sought.q === typed();
  const look = async (asked) => (await ask("/search", asked))?.json();

  async function search(q, after = 0) {
    const answer = q ? await look({ q, show, after }) : {};
    if (!answer || q !== typed()) return; // typed on meanwhile
    tell(after ? { ...sought, count: sought.count + answer.count, upto: answer.upto } : { q, ...answer });
  }

  function tell(answer) {
    const { q, count, at } = sought = answer, number = count?.toLocaleString("en");
    $("#log-found", panel).textContent = !q ? "" : at ? `${at.toLocaleString("en")} of ${number}` : number;
    for (const id of ["#log-prev", "#log-next"]) $(id, panel).hidden = !count;
    mark();
  }

  // On from the line that was stepped to last, else from what is in sight.
  async function step(asked, back) {
    const answer = await look({ ...asked, from: ($(".here", log) ?? topLine())?.dataset.seq ?? 0, ...(back && { back }) });
    if (!answer?.seq) return answer;
    const line = await reveal(answer.seq);
    if (!line) location.assign(`?${isFull() ? "full=1" : ""}#L${answer.seq}`); // it is not one of those shown
    $(".here", log)?.classList.remove("here");
    line?.classList.add("here");
    return answer;
  }

  const stepError = (back) => step({ errors: true }, back);
  async function stepMatch(back) {
    const q = typed(), answer = q && await step({ q, show }, back);
    if (answer) tell({ q, ...answer });
  }

  on(field, "input", () => { clearTimeout(typing); typing = setTimeout(() => search(typed()), 200); });
  on(field, "keydown", (event) => {
    if (event.key !== "Enter" || (within && within !== typed())) return; // of lines with one text, Enter asks for those with another
    event.preventDefault();
    stepMatch(event.shiftKey);
  });
  on(form.elements.show, "change", () => form.requestSubmit());

  // Matches are drawn over the text: whatever puts the lines there, their HTML stays as it is.
  function mark() {
    for (const line of $$(".line", log)) line.classList.toggle("marked", line.dataset.seq >= marked[0] && line.dataset.seq <= marked[1]);
    const found = searching() ? $$(".m", log).flatMap((text) => ranges(text, sought.q.toLowerCase())) : [];
    CSS.highlights?.set("log-found", new Highlight(...found));
  }

  function ranges(text, q) {
    const whole = text.textContent.toLowerCase(), found = [];
    for (let at = whole.indexOf(q); at >= 0; at = whole.indexOf(q, at + q.length)) found.push(rangeOf(text, at, at + q.length));
    return found;
  }

  function rangeOf(text, from, to) { // over the colours within it
    const range = new Range(), nodes = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    for (let past = 0; past < to && nodes.nextNode(); past += nodes.currentNode.length) {
      const node = nodes.currentNode;
      if (from >= past && from < past + node.length) range.setStart(node, from - past);
      range.setEnd(node, Math.min(to - past, node.length));
    }
    return range;
  }

  // -- how it is shown ----------------------------------------------------------------------------------------------

  const setWrap = (state) => pressed("#log-wrap", log.classList.toggle("wrap", state));

  function setTimes(times) {
    $("#log-time", panel).value = log.dataset.times = times;
    wordAll(log);
  }

  // On the root, so that the next run's log fills the window too, and in the form, so that other lines do.
  const isFull = () => document.documentElement.matches(".log-full");
  function setFull(state) {
    pressed("#log-full", document.documentElement.classList.toggle("log-full", state));
    form.elements.full.disabled = !state;
    fit();
  }

  // The end of the box stays in the window where the page above it leaves enough room. Told to its frame, which has no
  // id: of what has one htmx writes the style into its successor, and the policy forbids that.
  function fit() {
    const room = innerHeight - log.getBoundingClientRect().top - scrollY - 44;
    if (!isFull()) log.parentElement.style.setProperty("--room", `${Math.max(room, 0)}px`);
    refresh();
  }

  press("#log-follow", () => follow(!following));
  press("#log-new", () => { follow(true); log.focus(); });
  press("#log-wrap", () => keepPlace(() => { setWrap(!log.matches(".wrap")); remember("wrap", log.matches(".wrap")); }));
  press("#log-full", () => keepPlace(() => setFull(!isFull())));
  press(".log-told a", (link) => { if (isFull()) link.search = "full=1"; });
  press("#log-errors", (_, event) => stepError(event.shiftKey));
  press("#log-next", () => stepMatch(false));
  press("#log-prev", () => stepMatch(true));
  on($("#log-time", panel), "change", ({ target: { value } }) => keepPlace(() => { remember("log-times", value); setTimes(value); }));
  on(document, "keydown", (event) => {
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && isFull() && !event.defaultPrevented) keepPlace(() => setFull(false));
    if (event.key === "f") follow(!following);
    if (event.key.toLowerCase() === "e") stepError(event.shiftKey);
  });
  on(document, "htmx:after:swap", () => { // lines may have come
    watch();
    refresh();
    mark();
    const last = log.lastElementChild?.lastElementChild?.dataset.seq ?? 0;
    if (searching() && last > sought.upto) again ||= setTimeout(() => { again = 0; if (searching()) search(sought.q, sought.upto); }, 500);
  });
  on(window, "hashchange", showMarked);
  on(window, "resize", fit);

  setWrap(recall("wrap") !== "false");
  setTimes(recall("log-times") ?? "clock");
  setFull(isFull() || new URLSearchParams(location.search).has("full"));
  watch();
  showMarked();
  search(typed());
  return () => { gone.abort(); watcher.disconnect(); };
}

// A stamp is told as the panel says: what the clock said, or the time since the run began.
WORDS.stamp = (at, _, clock) => {
  if ($("#log")?.dataset.times !== "elapsed") return clock.stamp(at);
  const since = at - new Date($("#log-empty").dataset.start), tail = `.${String(Math.abs(since) % 1000).padStart(3, "0")}`;
  return `${since < 0 ? "-" : "+"}${ticking(Math.abs(since) / 1000)}${tail}`;
};

let watched = null, leave = null;
function findLog() {
  const panel = $("#log-panel");
  if (panel === watched) return;
  leave?.();
  watched = panel;
  leave = panel && watchLog(panel);
}
document.addEventListener("htmx:after:swap", findLog);
findLog();
