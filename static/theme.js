// Runs before the page is painted, so that a chosen theme does not flash.
document.documentElement.classList.add("js");
try { document.documentElement.dataset.theme = localStorage.theme ?? "auto"; } catch { /* storage is switched off: follow the system */ }
