// The list of runs: from when and until when are typed by the clock that the page tells the time by.
"use strict";

{ // its names are its own
  const clock = () => clockFor($("#zone"));

  // The moment at which the clock on the wall shows that; in a change of the clock the later look decides.
  function moment(asUtc) {
    let at = asUtc;
    for (let look = 0; look < 2; look++) at += asUtc - clock().wall(at);
    return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
  }

  function showMoments() {
    for (const field of $$("[data-moments] [data-at]:not([data-at=''], :focus)")) {
      field.value = new Date(clock().wall(new Date(field.dataset.at))).toISOString().slice(0, 19);
    }
  }

  on("formdata", "[data-moments]", (_, { formData }) => {
    for (const name of ["since", "until"]) {
      const asUtc = Date.parse(`${formData.get(name)}Z`);
      if (asUtc) formData.set(name, moment(asUtc));
    }
  });
  addEventListener("zone", showMoments);
  always(showMoments);
}
