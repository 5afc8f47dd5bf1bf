// The live connection. A browser has only six connections for each server, so its tabs share one: this file runs as a
// SharedWorker, or, where there is none, in the page itself. A page joins with a view under a name of its own, and is told
// what came for it; when pages come and go, the connection is made anew, and each view goes on where it stopped.
"use strict";

(() => {
  const SILENCE = 35000; // ms; the server gives a sign of life each 15 s, so by then the connection is dead
  const LATER = 500; // ms until a view that left is not asked for any more; mostly another page comes at once
  const views = new Map(); // by the ports of their pages
  let source = null, timer = 0, failures = 0, heard = 0, since = null;

  const tellAll = (news) => views.forEach(({ name }, port) => port.postMessage({ name, ...news }));

  function open() {
    close();
    if (!views.size) return;
    source = new EventSource(`/stream?${new URLSearchParams([...views.values()].map((view) => ["view", new URLSearchParams(view)]))}`);
    const on = (event, act) => source.addEventListener(event, (message) => { heard = Date.now(); act?.(message); });
    heard = Date.now();
    on("open", () => { failures = 0; since = null; tellAll({ open: true, since }); });
    views.forEach((view, port) => on(view.name, ({ data: html, lastEventId }) => {
      view.last = lastEventId.slice(view.name.length + 1) || view.last;
      port.postMessage({ name: view.name, html, last: view.last });
    }));
    on("here");
    on("gone", () => { close(); tellAll({ gone: true }); });
    on("bye", again);
    source.onerror = again;
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function again() {
    close();
    since ??= Date.now();
    tellAll({ open: false, since });
    timer = setTimeout(open, Math.min(8000, 250 * 2 ** failures++) * (0.6 + Math.random() * 0.4));
  }

  // A connection may be dead without a word, as when the network changed or the machine slept.
  setInterval(() => {
    if (!source || Date.now() - heard < SILENCE) return;
    since ??= heard;
    again();
  }, 5000);

  function leave(port) {
    if (!views.delete(port) || (views.size && !source)) return; // it will be made anew soon
    clearTimeout(timer);
    timer = setTimeout(open, views.size ? LATER : 0);
  }

  function join(port, view) {
    views.set(port, view);
    if (since) port.postMessage({ name: view.name, open: false, since });
    open();
  }

  function serve(port) {
    port.onmessage = ({ data: view }) => (view ? join(port, view) : leave(port));
    port.onclose = () => leave(port);
  }

  if (typeof window === "undefined") self.onconnect = ({ ports: [port] }) => serve(port);
  else window.serveStream = serve;
})();
