// The log of a run: loaded in pieces, followed at its end, searched on the server.
"use strict";

function watchLog(panel) {
  const log = $("#log", panel), more = $("#log-new", panel), form = $("#log-form", panel), { q: field, full } = form.elements;
  const show = form.elements.show.value, within = field.defaultValue; // which of the lines are on the page
  const at = `/runs/${panel.dataset.run}/log`, query = (asked) => new URLSearchParams(asked);
  const press = (what, act) => panel.addEventListener("click", (event) => {
    const button = event.target.closest(what);
    if (button) act(button, event);
  });

  // -- pieces ---------------------------------------------------------------------------------------------------

  const isEmpty = (piece) => !piece.firstElementChild;
  const load = (piece) => isEmpty(piece) && (piece.coming ??= htmx
    .ajax("GET", `${at}?${query({ show, q: within, after: piece.dataset.first - 1 })}`, { source: piece, target: piece })
    .finally(() => { delete piece.coming; }));

  // What is near has its lines, and what is far gives them back. They are got piece by piece, the nearest first: the reader
  // may be elsewhere by then.
  const near = new Set(), watcher = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) near.add(target);
      else if (near.delete(target) && target !== log.lastElementChild) target.replaceChildren();
    }
    fill();
  }, { root: log, rootMargin: "3000px 0px" });

  let filling = false;
  async function fill() {
    if (filling) return;
    filling = true;
    const away = ({ offsetTop, offsetHeight }) => Math.abs(offsetTop + offsetHeight / 2 - log.scrollTop - log.clientHeight / 2);
    for (let piece; (piece = [...near].filter(isEmpty).sort((a, b) => away(a) - away(b))[0]);) {
      await load(piece);
      if (isEmpty(piece)) break; // it cannot be had just now
      if (!near.has(piece)) piece.replaceChildren();
      await new Promise(requestAnimationFrame); // a frame has time for one piece
    }
    filling = false;
  }

  // -- the end --------------------------------------------------------------------------------------------------

  let following = true, had = 0, place = 0, top = null; // top: the line that the reader has there
  const total = () => Math.max(log.children.length - 1, 0) * log.dataset.size + (log.lastElementChild?.childElementCount ?? 0);

  function follow(state) {
    if (following && !state) had = total();
    following = state;
    $("#log-follow", panel).ariaPressed = state;
    refresh();
  }

  function refresh() {
    const fresh = following ? 0 : total() - had;
    more.hidden = !fresh;
    more.lastElementChild.textContent = `${fresh.toLocaleString("en")} new line${fresh === 1 ? "" : "s"}`;
    if (following) log.scrollTop = log.scrollHeight;
  }

  // Lines that arrive never move what is in sight upwards: that is the reader's hand.
  log.addEventListener("scroll", () => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 2, upwards = log.scrollTop < place;
    const { left, top: y } = log.getBoundingClientRect();
    place = log.scrollTop;
    top = document.elementFromPoint(left + 8, y + 14)?.closest("#log .line");
    if (upwards !== atEnd) follow(atEnd);
  });

  // The end of the box stays in the window where the page above it leaves enough room, and what is read stays in sight though
  // lines get another height. Told to its frame, which has no id: of what has one htmx writes the style into its successor,
  // and the policy forbids that.
  function fit() {
    const room = innerHeight - log.getBoundingClientRect().top - scrollY - 44;
    if (!full.checked) log.parentElement.style.setProperty("--room", `${Math.max(room, 0)}px`);
    if (top) log.scrollTop = top.offsetTop - 8;
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

  async function look(asked) {
    const reply = await fetch(`${at}/search?${query(asked)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    return reply?.ok ? reply.json() : null;
  }

  async function search(after = 0) {
    const q = typed(), answer = q ? await look({ q, show, after }) : {};
    if (!answer || q !== typed()) return; // typed on meanwhile
    tellFound(after ? { ...sought, count: sought.count + answer.count, upto: answer.upto } : { q, ...answer });
  }

  function tellFound(answer) {
    const number = (sought = answer).count?.toLocaleString("en") ?? "";
    tell($("#log-found", panel), answer.at ? `${answer.at.toLocaleString("en")} of ${number}` : number);
    for (const button of $$("#log-prev, #log-next", panel)) button.hidden = !answer.count;
    mark();
  }

  // On from the line that was stepped to last, else from what is in sight: to the next that holds the text, or tells of an error.
  async function step(back, q) {
    const from = ($(".here", log) ?? top)?.dataset.seq ?? 0;
    const answer = await look({ ...(q ? { q, show } : { errors: true }), from, ...(back && { back }) });
    if (q && answer) tellFound({ q, ...answer });
    if (!answer?.seq) return;
    const line = await reveal(answer.seq);
    if (!line) location.assign(`?${full.checked ? "full=1" : ""}#L${answer.seq}`); // it is not one of those shown
    $(".here", log)?.classList.remove("here");
    line?.classList.add("here");
  }
  const stepMatch = (back) => typed() && step(back, typed());

  field.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, 200); });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || (within && within !== typed())) return; // of lines with one text, Enter asks for those with another
    event.preventDefault();
    stepMatch(event.shiftKey);
  });

  // Matches are drawn over the text: whatever puts the lines there, their HTML stays as it is.
  function mark() {
    for (const line of $$(".line", log)) line.classList.toggle("marked", line.dataset.seq >= marked[0] && line.dataset.seq <= marked[1]);
    const found = searching() ? $$(".m", log).flatMap((text) => ranges(text, sought.q.toLowerCase())) : [];
    CSS.highlights?.set("log-found", new Highlight(...found));
  }

  function ranges(text, q) {
    const whole = text.textContent.toLowerCase(), found = [];
    for (let from = whole.indexOf(q); from >= 0; from = whole.indexOf(q, from + q.length)) {
      const range = new Range();
      range.setStart(...nodeAt(text, from));
      range.setEnd(...nodeAt(text, from + q.length));
      found.push(range);
    }
    return found;
  }

  function nodeAt(text, letter) { // colours part the text
    const nodes = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode() && nodes.currentNode.length < letter) letter -= nodes.currentNode.length;
    return [nodes.currentNode, letter];
  }

  press("#log-follow", () => follow(!following));
  press("#log-new", () => { follow(true); log.focus(); });
  press(".log-told a", (link) => { if (full.checked) link.search = "full=1"; });
  press("#log-errors", (_, { shiftKey }) => step(shiftKey));
  press("#log-next", () => stepMatch(false));
  press("#log-prev", () => stepMatch(true));
  form.addEventListener("change", ({ target }) => (target.name === "show" ? form.requestSubmit() : fit()));

  fit();
  showMarked();
  search();
  return (shows) => { // lines may have come, the window have another size, the address name other lines
    for (const piece of log.children) watcher.observe(piece); // also what could not be had before
    if (shows === "hashchange") showMarked();
    else if (shows === "resize") fit();
    else refresh();
    fill();
    mark();
    const last = log.lastElementChild?.lastElementChild?.dataset.seq ?? 0;
    if (searching() && last > sought.upto) again ||= setTimeout(() => { again = 0; if (searching()) search(sought.upto); }, 500);
  };
}

// A stamp is told as was chosen: what the clock said, or the time since the run began.
WORDS.stamp = (at, _, clock) => {
  if (recall("log-times") !== "elapsed") return clock.stamp(at);
  const since = at - new Date($("#log-empty").dataset.start), tail = `.${String(Math.abs(since) % 1000).padStart(3, "0")}`;
  return `${since < 0 ? "-" : "+"}${ticking(Math.abs(since) / 1000)}${tail}`;
};

let watched = null, renew = null;
function lookAfterLog({ type } = {}) {
  const panel = $("#log-panel");
  if (panel !== watched) renew = panel && watchLog(panel);
  watched = panel;
  renew?.(type);
}
document.addEventListener("htmx:after:swap", lookAfterLog);
for (const event of ["hashchange", "resize"]) addEventListener(event, lookAfterLog);
lookAfterLog();
