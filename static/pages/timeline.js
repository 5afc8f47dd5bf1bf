// The timeline and the load: what of them goes by the reader's clock, and moves with it.
"use strict";

{ // its names are its own
  const HOUR = 3600000, ROW = 28; // ms, and how high a day of the heat map is
  const wall = (at) => clockFor($("#zone")).wall(at), percent = (share) => `${(share * 100).toFixed(3)}%`;
  const full = (at, step) => at - wall(at) + Math.round(wall(at) / step) * step;
  const showTime = (time, at, show) => { time.dataset.show = show; time.dateTime = new Date(at).toISOString(); }; // and is worded

  // The labels stand where the reader's clock is full: a day begins elsewhere in each zone.
  function placeTicks(axis) {
    const { axis: since, until, step } = axis.dataset;
    for (const tick of $$(".tick", axis)) {
      const at = full(full(Number(tick.dataset.at), step), step); // twice, for the clock may change in between
      const share = (at - since) / (until - since);
      tick.setAttribute("x", percent(share));
      tick.toggleAttribute("hidden", share < 0 || share > 1);
      showTime($("time", tick), at, wall(at) % DAY_LONG ? "clock" : "day");
    }
  }

  // Running bars grow, and the line of now moves on.
  function move() {
    const { axis: since, until } = $(".lanes-axis [data-axis]")?.dataset ?? {}, share = (at) => (at - since) / (until - since);
    if (!since || document.hidden) return;
    const here = Math.min(share(Date.now()), 1);
    $(".lanes .now")?.setAttribute("x", percent(here));
    for (const bar of $$("[data-grows]")) bar.setAttribute("width", percent(Math.max(here - Math.max(share(bar.dataset.grows), 0), 0.0004)));
  }

  // A row is a day, and a column an hour, of the reader's clock.
  function placeHeat(heat) {
    const firsts = [], days = []; // of each row the first hour
    for (const cell of $$("[data-at]", heat)) {
      const at = Number(cell.dataset.at), hours = Math.floor(wall(at) / HOUR), day = Math.floor(hours / 24), rect = $("rect", cell);
      if (days.at(-1) !== day) firsts[days.push(day) - 1] = at;
      rect.setAttribute("x", percent((hours % 24) / 24));
      rect.setAttribute("y", (days.length - 1) * ROW);
    }
    $$(".heat-days time").forEach((time, row) => {
      time.parentElement.hidden = row >= days.length;
      if (row < days.length) showTime(time, firsts[row], "weekday");
    });
    heat.setAttribute("height", days.length * ROW);
  }

  function placeAll() {
    $$("[data-axis]").forEach(placeTicks);
    $$(".heat").forEach(placeHeat);
    move();
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
  addEventListener("zone", placeAll);
  setInterval(move, 1000);
  always(placeAll);
}
