// The keyboard's place: what a swap, a busy button, a closed question or a message took away gets it back; what is gone is
// followed by what stands where it stood. Who puts the focus elsewhere by hand is left alone, and so is who uses a mouse: a
// space that shall scroll must not press what took the place of a button.
"use strict";

{
  const STOPS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const may = (element) => element.isConnected && !element.matches(":disabled") && element.checkVisibility({ visibilityProperty: true });
  const stopsOf = (box) => (box ? [box, ...$$(STOPS, box)] : []);
  let held = null, before = null; // where the focus is, and where it was last outside of questions and messages
  let byHand = false, followed = false; // followed: something else has the focus since the key went down

  // A place is told by the boxes that have an id, the innermost first, and how many stops of each come before it.
  function placeOf(element) {
    const steps = [];
    for (let box = element.closest("[id]"); box; box = box.parentElement?.closest("[id]")) steps.push([box.getAttribute("id"), stopsOf(box).indexOf(element)]);
    return { element, steps, byKeys: element.matches(":focus-visible") };
  }

  function successor(place) {
    if (!place || may(place.element)) return place?.element;
    for (const [id, at] of place.steps) {
      const stops = stopsOf(document.getElementById(id)), next = [...stops.slice(at), ...stops.slice(1, at).reverse()].find(may);
      if (next) return next;
    }
    return null;
  }

  function regain() {
    const sending = held?.element.isConnected && held.element.matches(":disabled") && $(".htmx-request");
    if (!held || sending || document.activeElement !== document.body) return;
    const { element, byKeys } = held;
    for (const next of byKeys ? [successor(held), successor(before), $("#main")] : [may(element) && element]) {
      if (next && next !== element) followed = true;
      if (next) next.focus({ preventScroll: true });
      if (document.activeElement !== document.body) return;
    }
  }

  addEventListener("focusin", ({ target }) => {
    held = placeOf(target);
    if (!target.closest("dialog, #toasts")) before = held;
  });
  addEventListener("focusout", ({ relatedTarget }) => {
    if (byHand) held = null;
    else if (!relatedTarget) setTimeout(regain);
  });
  for (const name of ["mousedown", "keydown"]) addEventListener(name, (event) => {
    byHand = !event.key || event.key === "Tab";
    setTimeout(() => { byHand = false; });
    if (!event.repeat) followed = false;
    else if (followed && event.key === "Enter") event.preventDefault(); // a key that is held presses only what it was for
  }, true);
  for (const name of ["htmx:after:swap", "htmx:finally:request"]) document.addEventListener(name, () => setTimeout(regain));
}
