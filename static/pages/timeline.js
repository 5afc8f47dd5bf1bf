// The timeline and the load: what of them goes by the reader's clock, and moves with it.
"use strict";

{ // its names are its own
  const zoneShown = () => ($("#zone")?.value === "UTC" ? "UTC" : OWN);
  const HOUR = 3600000, DAY_LONG = 24 * HOUR;

  // What the clock on the wall shows, as if it were UTC.
  function wallAt(at, zone) {
    const told = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone }).format(at);
    return Date.parse(`${told.replace(" ", "T")}Z`);
  }

  const place = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
  const percent = (share) => `${(share * 100).toFixed(3)}%`;

  // The labels stand where the reader's clock is full: a day begins elsewhere in each zone.
  function placeTicks(axis, zone) {
    const { axis: since, until, step } = axis.dataset;
    for (const tick of $$(".tick", axis)) {
      const asked = Number(tick.dataset.at), first = asked - (wallAt(asked, zone) - asked);
      const nearest = first + Math.round((asked - first) / step) * step;
      const at = nearest - (wallAt(nearest, zone) % step); // the clock may change in between
      const share = (at - since) / (until - since), time = $("time", tick), day = wallAt(at, zone) % DAY_LONG === 0;
      place(tick, "x", percent(share));
      tick.toggleAttribute("hidden", share < 0 || share > 1);
      tick.classList.toggle("day", day);
      time.dataset.show = day ? "day" : "clock";
      time.dateTime = new Date(at).toISOString();
      word(time);
    }
  }

  // Running bars grow, and the line of now moves on.
  function move() {
    const axis = $(".lanes-axis [data-axis]"), now = Date.now();
    if (!axis || document.hidden) return;
    const share = (at) => (at - axis.dataset.axis) / (axis.dataset.until - axis.dataset.axis), here = share(now);
    const line = $(".lanes .now");
    if (line) place(line, "x", percent(Math.min(here, 1)));
    for (const bar of $$("[data-grows]")) {
      const width = Math.min(here, 1) - Math.max(share(bar.dataset.grows), 0);
      if (width > 0) place(bar, "width", percent(Math.max(width, 0.0004)));
    }
  }

  // A row is a day, and a column an hour, of the reader's clock.
  function placeHeat(heat, zone) {
    const cells = $$("[data-at]", heat), first = Math.floor(wallAt(Number(cells[0].dataset.at), zone) / DAY_LONG), days = new Map();
    for (const cell of cells) {
      const at = Number(cell.dataset.at), wall = wallAt(at, zone), row = Math.floor(wall / DAY_LONG) - first;
      days.set(row, days.get(row) ?? at);
      place($("rect", cell), "x", percent(Math.floor((wall % DAY_LONG) / HOUR) / 24));
      place($("rect", cell), "y", String(row * 28));
    }
    const labels = $$(".heat-days time");
    labels.forEach((time, row) => {
      time.parentElement.hidden = !days.has(row);
      if (days.has(row)) { time.dateTime = new Date(days.get(row)).toISOString(); word(time); }
    });
    place(heat, "height", String(28 * days.size));
  }

  function placeAll() {
    const zone = zoneShown();
    for (const axis of $$("[data-axis]")) placeTicks(axis, zone);
    for (const heat of $$(".heat")) placeHeat(heat, zone);
    move();
  }

  // Within a lane the arrow keys go from run to run, and up and down to the one nearest in the next lane.
  function step(event) {
    const link = event.target.closest?.(".lane-chart a, .heat a"), key = event.key;
    if (!link || !["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(key)) return;
    event.preventDefault();
    const middle = (one) => { const box = one.getBoundingClientRect(); return box.left + box.width / 2; };
    let next = null;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const links = $$("a", link.closest("svg"));
      next = links[links.indexOf(link) + (key === "ArrowLeft" ? -1 : 1)];
    } else {
      let lane = link.closest(".lane");
      if (!lane) return;
      do lane = key === "ArrowUp" ? lane.previousElementSibling : lane.nextElementSibling; while (lane && !$("svg a", lane));
      next = lane && $$("svg a", lane).sort((one, other) => Math.abs(middle(one) - middle(link)) - Math.abs(middle(other) - middle(link)))[0];
    }
    if (!next) return;
    for (const one of $$("a", next.closest("svg"))) one.tabIndex = one === next ? 0 : -1;
    next.focus();
  }

  document.addEventListener("keydown", step);
  document.addEventListener("htmx:after:swap", placeAll);
  $("#zone")?.addEventListener("change", placeAll);
  for (const event of ["storage", "pageshow"]) addEventListener(event, placeAll);
  const lanes = $(".lanes-box");
  if (lanes && lanes.scrollWidth > lanes.clientWidth) lanes.scrollLeft = (lanes.scrollWidth - lanes.clientWidth) * 0.75; // a phone shows now
  placeAll();
  setInterval(move, 1000);
}
