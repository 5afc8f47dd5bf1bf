// The live connection. A browser has only six connections for each server, so its tabs share one: this file runs as a
// SharedWorker, or, where there is none, in the page itself. A page joins with a view under a name of its own, and is told
// what came for it; when pages come and go, the connection is made anew, and each view goes on where it stopped.
"use strict";

(() => {
  const SILENCE = 35000; // ms; the server gives a sign of life each 15 s, so by then the connection is dead
  const LATER = 500; // ms until a view that left is not asked for any more; mostly another page comes at once
  const views = new Map();
  let source = null, timer = 0, failures = 0, heard = 0, since = null;

  const tellAll = (news) => views.forEach(({ port }, name) => port.postMessage({ name, ...news }));

  function open() {
    close();
    if (!views.size) return;
    const url = new URL("/stream", location.origin);
    for (const [name, { topics, at, last }] of views) url.searchParams.append("view", new URLSearchParams({ name, topics, at, last }));
    source = new EventSource(url);
    heard = Date.now();
    source.onopen = () => { failures = 0; since = null; heard = Date.now(); tellAll({ open: true, since }); };
    for (const [name, view] of views) source.addEventListener(name, ({ data, lastEventId }) => {
      heard = Date.now();
      view.last = lastEventId.slice(name.length + 1) || view.last;
      view.port.postMessage({ name, html: data, last: view.last });
    });
    source.addEventListener("here", () => { heard = Date.now(); });
    source.addEventListener("gone", () => { close(); tellAll({ gone: true }); });
    source.addEventListener("bye", again);
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

  function leave(name) {
    if (!views.delete(name)) return;
    if (views.size && !source) return; // it will be made anew soon
    clearTimeout(timer);
    timer = setTimeout(open, views.size ? LATER : 0);
  }

  // `leave` of an older name comes with `join`, so that a page whose address changed asks once.
  function serve(port) {
    port.onmessage = ({ data: { join, leave: left, ...view } }) => {
      if (left && !join) leave(left);
      if (!join) return;
      views.delete(left);
      views.set(join, { port, ...view });
      if (since) port.postMessage({ name: join, open: false, since });
      open();
    };
    port.onclose = () => views.forEach((view, name) => { if (view.port === port) leave(name); });
  }

  if (typeof window === "undefined") self.onconnect = ({ ports: [port] }) => serve(port);
  else window.serveStream = serve;
})();
