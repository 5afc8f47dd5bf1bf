// The log of a run: loaded in pieces, followed at its end, searched on the server.
"use strict";

const NEAR = 1500, FAR = 15000; // pixels beyond what is in sight: how far there are lines, and how far they are kept

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
      piece.innerHTML = await reply.text();
      htmx.process(piece);
      mark();
    }
    return !isEmpty(piece);
  }

  // The first piece that ends below a height; they stand in order, so it is found by halves.
  function pieceAt(y) {
    let low = 0, high = log.children.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1, { offsetTop, offsetHeight } = log.children[middle];
      if (offsetTop + offsetHeight > y) high = middle; else low = middle + 1;
    }
    return low;
  }

  const around = (beyond) => [...log.children].slice(pieceAt(log.scrollTop - beyond), pieceAt(log.scrollTop + log.clientHeight + beyond) + 1);

  // What has no lines yet: what is in sight, else the first of what is near.
  function missing() {
    const inSight = around(0).filter(isEmpty);
    return inSight.length ? inSight : around(NEAR).filter(isEmpty).slice(0, 1);
  }

  // Filled little by little, since the reader may be elsewhere by then. What is far gives its lines back.
  let filling = false;
  async function fill() {
    if (filling) return;
    filling = true;
    for (let next = missing(); next.length && (await Promise.all(next.map(load))).every(Boolean); next = missing()) {
      const kept = new Set(around(FAR));
      for (const piece of $$(".chunk:not(:empty, :last-child)", log)) if (!kept.has(piece)) piece.replaceChildren();
      await new Promise(requestAnimationFrame);
    }
    filling = false;
  }

  // -- the end --------------------------------------------------------------------------------------------------

  let following = true, had = 0, place = 0;
  const total = () => (log.children.length - 1) * log.dataset.size + (log.lastElementChild?.childElementCount ?? 0);
  const stayAtEnd = () => { if (following) log.scrollTop = log.scrollHeight; };

  function follow(state) {
    if (following && !state) had = total();
    following = state;
    pressed("#log-follow", state);
    tellNew();
  }

  function tellNew() {
    const fresh = following ? 0 : total() - had;
    more.hidden = !fresh;
    more.lastElementChild.textContent = `${fresh.toLocaleString("en")} new line${fresh === 1 ? "" : "s"}`;
  }

  function refresh() {
    stayAtEnd();
    tellNew();
    fill();
  }

  // Lines that arrive never move what is in sight upwards: that is the reader's hand.
  on(log, "scroll", () => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    if (atEnd || log.scrollTop < place) follow(atEnd);
    place = log.scrollTop;
    fill();
  });

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

  let marked = null; // the first and the last line that the address names
  function showMarked() {
    const [, from, to = from] = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash) ?? [];
    setMarked(from && [Number(from), Number(to)].sort((a, b) => a - b));
    if (marked) reveal(marked[0]);
  }

  function setMarked(ends) {
    marked = ends;
    $$(".marked", log).forEach((line) => line.classList.remove("marked"));
    mark();
  }

  press(".n", ({ parentElement: { dataset: { seq } } }, event) => {
    if (!event.shiftKey || !marked) return;
    event.preventDefault();
    setMarked([Math.min(marked[0], seq), Math.max(marked[0], seq)]);
    history.replaceState(history.state, "", `#L${marked[0]}-L${marked[1]}`);
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

  function searchOn() { // in what has come since
    if (searching()) again ||= setTimeout(() => { again = 0; if (searching()) search(sought.q, sought.upto); }, 500);
  }

  // From where the reader is: the line that was shown last, while it is in sight, else the first one in sight.
  function current() {
    const box = log.getBoundingClientRect(), here = $(".here", log), { top, bottom } = (here ?? log).getBoundingClientRect();
    const line = here && bottom > box.top && top < box.bottom ? here : document.elementFromPoint(box.left + 8, box.top + 14)?.closest(".line");
    return line?.dataset.seq ?? 0;
  }

  async function step(asked, back) {
    const answer = await look({ ...asked, from: current(), ...(back && { back }) });
    if (!answer?.seq) return answer;
    const line = await reveal(answer.seq);
    if (!line) location.assign(`?#L${answer.seq}`); // it is not one of those shown
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
    const next = event.key === "Enter" && (!within || within === typed()), clear = event.key === "Escape" && field.value;
    if (next || clear) event.preventDefault(); // else Enter asks for the lines with another text
    if (next) stepMatch(event.shiftKey);
    if (clear) { field.value = ""; search(""); }
  });
  on(form.elements.show, "change", () => form.requestSubmit());

  // Matches are drawn over the text: whatever puts the lines there, their HTML stays as it is.
  function mark() {
    if (marked) for (const line of $$(".line", log)) line.classList.toggle("marked", line.dataset.seq >= marked[0] && line.dataset.seq <= marked[1]);
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

  function setWrap(state) {
    log.classList.toggle("wrap", state);
    pressed("#log-wrap", state);
  }

  function setTimes(times) {
    const choice = $("#log-time", panel);
    choice.value = times;
    if (choice.selectedIndex < 0) choice.value = "clock";
    log.dataset.times = choice.value;
    wordAll(log);
  }

  // On the root, so that the next run's log fills the window too, and in the form, so that other lines do.
  const isFull = () => document.documentElement.matches(".log-full");
  function setFull(state) {
    document.documentElement.classList.toggle("log-full", state);
    form.elements.full.disabled = !state;
    pressed("#log-full", state);
  }

  // The end of the box stays in the window where the page above it leaves enough room. Told to its frame, which has no
  // id: of what has one htmx writes the style into its successor, and the policy forbids that.
  function fit() {
    const room = innerHeight - log.getBoundingClientRect().top - scrollY - 44;
    if (!isFull()) log.parentElement.style.setProperty("--room", `${Math.max(room, 0)}px`);
  }

  const shape = (act) => (...given) => { act(...given); refresh(); };
  press("#log-follow", shape(() => follow(!following)));
  press("#log-new", shape(() => { follow(true); log.focus(); }));
  press("#log-wrap", shape(() => { setWrap(!log.matches(".wrap")); remember("wrap", log.matches(".wrap")); }));
  press("#log-full", shape(() => setFull(!isFull())));
  press(".log-told a", (link) => { if (isFull()) link.search = "full=1"; });
  press("#log-errors", (_, event) => stepError(event.shiftKey));
  press("#log-next", () => stepMatch(false));
  press("#log-prev", () => stepMatch(true));
  on($("#log-time", panel), "change", ({ target: { value } }) => { remember("log-times", value); setTimes(value); });
  on(document, "keydown", (event) => {
    if (event.key === "Escape" && isFull() && !event.defaultPrevented) { setFull(false); refresh(); }
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "f") { follow(!following); refresh(); }
    if (event.key.toLowerCase() === "e") stepError(event.shiftKey);
  });
  on(document, "htmx:after:swap", () => { refresh(); mark(); searchOn(); });
  on(window, "hashchange", showMarked);
  on(window, "resize", shape(fit));

  setWrap(recall("wrap") !== "false");
  setTimes(recall("log-times") ?? "clock");
  setFull(isFull() || new URLSearchParams(location.search).has("full"));
  fit();
  refresh();
  showMarked();
  search(typed());
  return () => gone.abort();
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
