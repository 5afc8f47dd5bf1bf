// The overview: how far what goes on has come against what is usual, by the second, without a word from the server.
"use strict";

{
  const about = (seconds) => (seconds < 60 ? `${Math.max(Math.ceil(seconds), 1)} s` : seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`);

  function goOn() {
    for (const row of $$("#overview-running li[data-usual]")) {
      const took = (Date.now() - new Date($("time", row).dateTime)) / 1000, usual = Number(row.dataset.usual);
      const beyond = took > Number(row.dataset.limit), left = $(".left", row);
      const text = beyond ? "Longer than usual" : took < usual ? `about ${about(usual - took)} left` : "";
      if (!("told" in row.dataset)) $(".p", row).setAttribute("width", Math.min(100, (100 * took) / usual).toFixed(1));
      row.classList.toggle("beyond", beyond);
      if (left.textContent !== text) left.textContent = text;
    }
  }

  goOn();
  setInterval(goOn, 1000);
  document.addEventListener("htmx:after:swap", goOn);
}
