// The timeline and the load: what of them moves with the time, and their keys.
"use strict";

{ // its names are its own
  const percent = (share) => `${(share * 100).toFixed(3)}%`;

  // Running bars grow, and the line of now moves on.
  function move() {
    const { axis: since, until } = $(".lanes-axis [data-axis]")?.dataset ?? {}, share = (at) => (at - since) / (until - since);
    if (!since || document.hidden) return;
    const here = Math.min(share(Date.now()), 1);
    $(".lanes .now")?.setAttribute("x", percent(here));
    for (const bar of $$("[data-grows]")) bar.setAttribute("width", percent(Math.max(here - Math.max(share(bar.dataset.grows), 0), 0.0004)));
  }

  // Within a lane the arrow keys go from run to run, and up and down to the one nearest in the next lane.
  on("keydown", ".lane-chart a, .heat a", (link, event) => {
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key], down = { ArrowUp: -1, ArrowDown: 1 }[event.key], svg = link.closest("svg");
    if (!side && !down) return;
    event.preventDefault();
    const middle = (one) => { const { left, right } = one.getBoundingClientRect(); return left + right; };
    const away = (one) => Math.abs(middle(one) - middle(link));
    const lanes = $$(".lane-chart:has(a)"), own = $$("a", svg), next = lanes[lanes.indexOf(svg) + down];
    const to = side ? own[own.indexOf(link) + side] : next && $$("a", next).sort((one, other) => away(one) - away(other))[0];
    if (!to) return;
    for (const one of $$("a", to.closest("svg"))) one.tabIndex = one === to ? 0 : -1;
    to.focus();
  });

  const lanes = $(".lanes-box");
  if (lanes) lanes.scrollLeft = (lanes.scrollWidth - lanes.clientWidth) * 0.75; // where it is wider than a phone, that shows now
  setInterval(move, 1000);
  always(move);
}
