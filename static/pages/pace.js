// How far what runs has come against what is usual, by the second, without a word from the server.
"use strict";

{ // its names are its own
  // The line of the overview is full at what is usual, that of a run's own page goes on; beyond the limit it turns, and that is said.
  function showPace(place) {
    const took = (Date.now() - new Date($("time", place).dateTime)) / 1000, { usual, p95, limit, told } = place.dataset;
    const whole = p95 ? Math.max(p95, took) * 1.15 : usual, beyond = took > limit, [first, last] = $$(".m", place);
    const draw = (line, name, seconds) => line?.setAttribute(name, Math.min((100 * seconds) / whole, 100).toFixed(2));
    if (told === undefined) draw($(".p", place), "width", took);
    draw(first, "x", usual);
    draw(last, "x", p95);
    place.classList.toggle("beyond", beyond);
    tell($(".slow", place), beyond ? "Longer than usual" : "");
    tell($(".left", place), took < usual ? `about ${span(usual - took, Math.ceil)} left` : "");
  }

  const showAll = () => $$("[data-usual]:is(li, [data-running])").forEach(showPace);
  setInterval(showAll, 1000);
  always(showAll);
}
