// The timeline and the load: what of them goes by the reader's clock, and moves with it.
"use strict";

{ // its names are its own
  const HOUR = 3600000;
  const wall = (at) => clockFor($("#zone")).wall(at);
  const percent = (share) => `${(share * 100).toFixed(3)}%`;

  function showTime(time, at, show = time.dataset.show) {
    time.dataset.show = show;
    time.dateTime = new Date(at).toISOString();
    word(time);
  }

  const full = (at, step) => at - wall(at) + Math.round(wall(at) / step) * step;

  // The labels stand where the reader's clock is full: a day begins elsewhere in each zone.
  function placeTicks(axis) {
    const { axis: since, until, step } = axis.dataset;
    for (const tick of $$(".tick", axis)) {
      const at = full(full(Number(tick.dataset.at), step), step); // twice, for the clock may change in between
      const share = (at - since) / (until - since), day = wall(at) % DAY_LONG === 0;
      tick.setAttribute("x", percent(share));
      tick.toggleAttribute("hidden", share < 0 || share > 1);
      tick.classList.toggle("day", day);
      showTime($("time", tick), at, day ? "day" : "clock");
    }
  }

  // Running bars grow, and the line of now moves on.
  function move() {
    const axis = $(".lanes-axis [data-axis]"), line = $(".lanes .now");
    if (!axis || document.hidden) return;
    const share = (at) => (at - axis.dataset.axis) / (axis.dataset.until - axis.dataset.axis), here = Math.min(share(Date.now()), 1);
    if (line) line.setAttribute("x", percent(here));
    for (const bar of $$("[data-grows]")) {
      const width = here - Math.max(share(bar.dataset.grows), 0);
      if (width > 0) bar.setAttribute("width", percent(Math.max(width, 0.0004)));
    }
  }

  // A row is a day, and a column an hour, of the reader's clock.
  function placeHeat(heat) {
    const cells = $$("[data-at]", heat), days = new Map();
    for (const cell of cells) {
      const at = Number(cell.dataset.at), hours = wall(at) / HOUR, day = Math.floor(hours / 24);
      if (!days.has(day)) days.set(day, { at, row: days.size });
      $("rect", cell).setAttribute("x", percent((hours % 24 | 0) / 24));
      $("rect", cell).setAttribute("y", String(days.get(day).row * 28));
    }
    const firsts = [...days.values()];
    $$(".heat-days time").forEach((time, row) => {
      time.parentElement.hidden = row >= firsts.length;
      if (row < firsts.length) showTime(time, firsts[row].at);
    });
    heat.setAttribute("height", String(28 * days.size));
  }

  function placeAll() {
    $$("[data-axis]").forEach(placeTicks);
    $$(".heat").forEach(placeHeat);
    move();
  }

  // Within a lane the arrow keys go from run to run, and up and down to the one nearest in the next lane.
  document.addEventListener("keydown", (event) => {
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key], down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const link = event.target.closest?.(".lane-chart a, .heat a");
    if (!link || !(side || down)) return;
    event.preventDefault();
    const middle = (one) => { const box = one.getBoundingClientRect(); return box.left + box.width / 2; };
    const distance = (one) => Math.abs(middle(one) - middle(link));
    const lanes = $$(".lane-chart:has(a)"), own = $$("a", link.closest("svg")), next = lanes[lanes.indexOf(link.closest("svg")) + down];
    const to = side ? own[own.indexOf(link) + side] : next && $$("a", next).sort((one, other) => distance(one) - distance(other))[0];
    if (!to) return;
    for (const one of $$("a", to.closest("svg"))) one.tabIndex = one === to ? 0 : -1;
    to.focus();
  });

  document.addEventListener("htmx:after:swap", placeAll);
  addEventListener("zone", placeAll);
  const lanes = $(".lanes-box");
  if (lanes && lanes.scrollWidth > lanes.clientWidth) lanes.scrollLeft = (lanes.scrollWidth - lanes.clientWidth) * 0.75; // a phone shows now
  placeAll();
  setInterval(move, 1000);
}
