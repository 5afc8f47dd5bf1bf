"""Terminal colours in log lines → HTML with classes only: the content security policy forbids inline styles."""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape

NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_STYLES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
_STYLES_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("strike",)}

# One escape sequence: CSI (colours and cursor moves), OSC (titles, links; ended by BEL or ST), or a short one.
_SEQUENCE = re.compile(
    r"\x1b\[(?P<params>[0-9;:<=>?]*)[ -/]*(?P<final>[@-~])|\x1b[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPECIAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

# The sixteen colours as most terminals show them, to find the nearest one of a 256-colour or true-colour value.
_RGB = (
    ((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    ((127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255), (255,) * 3),
)


class _Pen:
    """What the sequences so far have switched on."""

    def __init__(self) -> None:
        self.styles: set[str] = set()
        self.colours: dict[str, str] = {}

    def classes(self) -> str:
        on = sorted(self.styles) + [f"{ground}-{name}" for ground, name in sorted(self.colours.items())]
        return " ".join(f"ansi-{name}" for name in on)

    def apply(self, params: str) -> None:
        codes = [int(code) if code.isdigit() else 0 for code in params.replace(":", ";").split(";")]
        while codes:
            self._code(codes.pop(0), codes)

    def _code(self, code: int, rest: list[int]) -> None:
        if code == 0:
            self.styles.clear()
            self.colours.clear()
        elif code in _STYLES:
            self.styles.add(_STYLES[code])
        elif code in _STYLES_OFF:
            self.styles.difference_update(_STYLES_OFF[code])
        elif code in (39, 49):
            self.colours.pop("fg" if code == 39 else "bg", None)
        elif code in (38, 48):
            self._colour("fg" if code == 38 else "bg", _extended(rest))
        elif 30 <= code <= 37 or 40 <= code <= 47:
            self._colour("fg" if code < 40 else "bg", NAMES[code % 10])
        elif 90 <= code <= 97 or 100 <= code <= 107:
            self._colour("fg" if code < 100 else "bg", f"bright-{NAMES[code % 10]}")

    def _colour(self, ground: str, name: str | None) -> None:
        if name:
            self.colours[ground] = name


def plain(text: str) -> str:
    """The text as one reads it: without its colours and controls."""
    return _CONTROL.sub("", _SEQUENCE.sub("", text))


def ansi(text: str) -> Markup:
    """One log line as safe HTML: text escaped, colours as `<span class="ansi-…">`, other control characters dropped.

    After a carriage return the line starts anew, as in a terminal: of a progress bar its last state is shown.
    """
    if not _SPECIAL.search(text):
        return escape(text)
    pen, end = _Pen(), 0
    html: list[str] = []
    text = _last_state(text)
    for sequence in _SEQUENCE.finditer(text):
        html.append(_span(text[end : sequence.start()], pen))
        end = sequence.end()
        if sequence["final"] == "m":
            pen.apply(sequence["params"])
    html.append(_span(text[end:], pen))
    return Markup("".join(html))  # noqa: S704 (_span escapes)


def _span(text: str, pen: _Pen) -> str:
    text = _CONTROL.sub("", text)
    classes = pen.classes()
    if not text or not classes:
        return escape(text)
    return f'<span class="{classes}">{escape(text)}</span>'


def _last_state(text: str) -> str:
    states = [state for state in re.split(r"[\r\n]", text) if state.strip()]
    return states[-1] if states else ""


def _extended(rest: list[int]) -> str | None:
    """The parameters after 38 or 48: `5;N` or `2;R;G;B`. Takes what it reads off `rest`."""
    kind = rest.pop(0) if rest else None
    if kind == 5 and rest:
        return _palette(rest.pop(0))
    if kind == 2 and len(rest) >= 3:
        return _nearest((rest.pop(0), rest.pop(0), rest.pop(0)))
    rest.clear()
    return None


def _palette(number: int) -> str:
    if number < 16:
        return ("bright-" if number > 7 else "") + NAMES[number % 8]
    if number > 231:
        return _nearest((8 + (number - 232) * 10,) * 3)
    cube = number - 16
    level = (0, 95, 135, 175, 215, 255)
    return _nearest((level[cube // 36 % 6], level[cube // 6 % 6], level[cube % 6]))


@lru_cache(maxsize=1024)
def _nearest(rgb: tuple[int, int, int]) -> str:
    distances = {
        ("bright-" if bright else "") + name: sum((a - b) ** 2 for a, b in zip(rgb, _RGB[bright][i], strict=True))
        for bright in (0, 1)
        for i, name in enumerate(NAMES)
    }
    return min(distances, key=distances.__getitem__)
