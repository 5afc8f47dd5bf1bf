// The log of a run: loaded in pieces, followed at its end.
"use strict";

const CHUNK = 500, KEPT = 10;

function watchLog(log) {
  const follow = $("#log-follow"), wrap = $("#log-wrap"), more = $("#log-new");
  let following = true, seen = lastSeq(), fresh = 0;

  function lastSeq() { return Number($$(".chunk:last-child > .line:last-child", log)[0]?.dataset.seq ?? 0); }
  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const toEnd = () => { log.scrollTop = log.scrollHeight; };

  function setFollowing(on) {
    following = on;
    follow.setAttribute("aria-pressed", on);
    if (!on) return;
    fresh = 0;
    more.hidden = true;
  }

  async function load(chunk) {
    if (chunk.firstElementChild || chunk.dataset.loading) return;
    chunk.dataset.loading = "1";
    try {
      const reply = await fetch(chunk.dataset.src, { headers: { "HX-Request": "true" } });
      if (!reply.ok) return;
      const lines = new DOMParser().parseFromString(await reply.text(), "text/html").querySelectorAll("li");
      chunk.style.minHeight = "";
      chunk.replaceChildren(...lines);
    } finally {
      delete chunk.dataset.loading;
    }
  }

  // The farthest chunks give their lines back; the height they had keeps the scroll bar still.
  function shed() {
    const middle = log.scrollTop + log.clientHeight / 2;
    const distance = (chunk) => Math.abs(chunk.offsetTop + chunk.offsetHeight / 2 - middle);
    const filled = $$(".chunk:not(:last-child)", log).filter((chunk) => chunk.firstElementChild);
    for (const chunk of filled.sort((a, b) => distance(b) - distance(a)).slice(0, Math.max(0, filled.length - KEPT))) {
      chunk.style.minHeight = `${chunk.offsetHeight}px`;
      chunk.replaceChildren();
    }
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) load(entry.target).then(shed);
  }, { root: log, rootMargin: "1200px 0px" });

  async function showLine(hash) {
    const seq = /^#L(\d+)$/.exec(hash)?.[1];
    const chunk = seq && $(`#log-chunk-${Math.floor((seq - 1) / CHUNK)}`);
    if (!chunk) return false;
    setFollowing(false);
    await load(chunk);
    $$(".marked", log).forEach((line) => line.classList.remove("marked"));
    const line = $(hash);
    line?.classList.add("marked");
    line?.scrollIntoView({ block: "center" });
    return true;
  }

  new MutationObserver(() => {
    $$(".chunk", log).forEach((chunk) => near.observe(chunk));
    const last = lastSeq();
    fresh += Math.max(0, last - seen);
    seen = Math.max(seen, last);
    if (following) toEnd();
    else if (fresh) {
      more.lastElementChild.textContent = `${fresh.toLocaleString("en")} new line${fresh === 1 ? "" : "s"}`;
      more.hidden = false;
    }
  }).observe(log, { childList: true, subtree: true });

  // Only a scroll by the reader's hand ends following: lines that arrive move the end away as well.
  let height = log.scrollHeight;
  log.addEventListener("scroll", () => {
    if (atEnd()) setFollowing(true);
    else if (log.scrollHeight === height) setFollowing(false);
    height = log.scrollHeight;
  }, { passive: true });

  for (const button of [follow, more]) button.addEventListener("click", () => { setFollowing(button === more || !following); if (following) toEnd(); });
  wrap.addEventListener("click", () => setWrap(!log.classList.contains("wrap"), true));
  function setWrap(on, chosen) {
    log.classList.toggle("wrap", on);
    wrap.setAttribute("aria-pressed", on);
    if (chosen) remember("wrap", on);
    if (following) toEnd();
  }

  setWrap(recall("wrap") !== "false", false);
  $$(".chunk", log).forEach((chunk) => near.observe(chunk));
  addEventListener("hashchange", () => showLine(location.hash));
  showLine(location.hash).then((shown) => { if (!shown) toEnd(); });
}

if ($("#log")) watchLog($("#log"));
