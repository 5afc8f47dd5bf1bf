// The page of one run: how long it takes against what is usual, by the second.
"use strict";

{ // of its own, so that no name meets one of another script
  const about = (seconds) => (seconds < 60 ? `${Math.max(Math.ceil(seconds), 1)} s` : seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`);

  // While it runs, the line grows without a word from the server; beyond the limit it turns, and that is said once.
  function showPace() {
    const pace = $("#run-pace[data-running][data-usual]");
    if (!pace) return;
    const took = (Date.now() - new Date($("time", pace).dateTime)) / 1000, usual = Number(pace.dataset.usual), p95 = Number(pace.dataset.p95);
    const beyond = took > Number(pace.dataset.limit), whole = Math.max(p95, took) * 1.15, [, fill, ...marks] = $$("rect", pace);
    const x = (seconds) => ((100 * seconds) / whole).toFixed(2);
    fill.setAttribute("width", x(took));
    marks.forEach((mark, n) => mark.setAttribute("x", x(n ? p95 : usual)));
    pace.classList.toggle("beyond", beyond);
    tell($(".slow", pace), beyond ? "Longer than usual" : "");
    tell($(".left", pace), took < usual ? `about ${about(usual - took)} left` : "");
  }

  function tell(place, text) {
    if (place.textContent !== text) place.textContent = text;
  }

  document.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], tab = event.target.closest?.(".tries a");
    if (!step || !tab || event.altKey || event.ctrlKey || event.metaKey) return;
    const tabs = $$(".tries a");
    event.preventDefault();
    tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length].focus();
  });

  showPace();
  setInterval(showPace, 1000);
  document.addEventListener("htmx:after:swap", showPace);
}
