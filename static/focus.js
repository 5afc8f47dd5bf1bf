// The keyboard's place: what a swap, a busy button, a closed question or a message took away gets it back; what is gone is
// followed by what stands where it stood. Who puts the focus elsewhere by hand is left alone.
"use strict";

{
  const STOPS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const may = (element) => element.isConnected && !element.matches(":disabled") && element.checkVisibility({ visibilityProperty: true });
  const stopsOf = (box) => (box ? [box, ...$$(STOPS, box)] : []);
  let held = null, before = null; // where the focus is, and where it was last outside of questions and messages
  let byHand = false;

  // A place is told by the boxes that have an id, the innermost first, and how many stops of each come before it.
  function placeOf(element) {
    const steps = [];
    for (let box = element.closest("[id]"); box; box = box.parentElement?.closest("[id]")) steps.push([box.getAttribute("id"), stopsOf(box).indexOf(element)]);
    return { element, steps };
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
    for (const next of [successor(held), successor(before), $("#main")]) {
      next?.focus({ preventScroll: true });
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
  for (const name of ["mousedown", "keydown"]) addEventListener(name, ({ key }) => {
    byHand = !key || key === "Tab";
    setTimeout(() => { byHand = false; });
  }, true);
  for (const name of ["htmx:after:swap", "htmx:finally:request"]) document.addEventListener(name, () => setTimeout(regain));
}
