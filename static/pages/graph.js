// A graph of jobs that is larger than its box shows the job of this page first.
"use strict";

{
  const box = $(".graph-box"), { x, y, width, height } = (box && $("[aria-current]", box))?.getBBox() ?? {};
  box?.scrollTo(x - (box.clientWidth - width) / 2, y - (box.clientHeight - height) / 2);
}
