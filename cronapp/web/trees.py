"""A JSON value as a tree to be read: names and values, what is nested folded, what is long cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cronapp.web.ansi import ansi

MOST = 400  # values of one tree that are shown; the rest is in the JSON
DEEP = 12  # levels
WIDE = 50  # entries of one object or list
LONG = 240  # letters of a text that are shown at once
LONGEST = 100_000  # that are shown at all
OPEN = 8  # entries that an object on top may have to be open at first
FLAT = 60  # letters of a list of plain values that stands on one line

BLOCK = ' class="v-block" tabindex="0"'  # it may scroll, so it must take the focus


def tree(value: Any) -> Markup:
    """The value; of an object its fields by their names."""
    return Tree().entries(value.items()) if isinstance(value, dict) and value else Tree().value(value, 0)


class Tree:
    def __init__(self) -> None:
        self._left = MOST

    def value(self, value: Any, depth: int) -> Markup:
        self._left -= 1
        match value:
            case str():
                return text(value)
            case dict() | list() if value and depth >= DEEP:
                return Markup('<span class="v-word">… deeper; the JSON has it</span>')
            case dict() | list() if value and not flat(value):
                return self._nested(value, depth)
            case int() | float() if not isinstance(value, bool):
                return Markup('<span class="v-num">{}</span>').format(told(value))
        return Markup('<span class="v-word">{}</span>').format(told(value))

    def entries(self, pairs: Iterable[tuple[Any, Any]], depth: int = 0) -> Markup:
        """Names and values, as many as there is room for."""
        listed = list(pairs)
        html, shown = [], 0
        for name, value in listed[:WIDE]:
            if self._left <= 0:
                break
            shown += 1
            row = "<div><dt>{}</dt><dd>{}</dd></div>"
            html.append(Markup(row).format(name if name != "" else '""', self.value(value, depth + 1)))  # noqa: S704 (format escapes)
        if rest := len(listed) - shown:
            html.append(
                Markup('<div><dt>…</dt><dd class="dim">{} more; the JSON has them</dd></div>').format(f"{rest:,}")
            )
        return Markup('<dl class="tree">{}</dl>').format(Markup("").join(html))

    def _nested(self, value: Any, depth: int) -> Markup:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        open_ = Markup(" open") if depth <= 1 and len(value) <= OPEN else ""
        count = f"{len(value):,} {'field' if isinstance(value, dict) else 'item'}{'s' if len(value) != 1 else ''}"
        return Markup("<details{}><summary>{}</summary>{}</details>").format(open_, count, self.entries(pairs, depth))


def text(value: str) -> Markup:
    """A text as it is; one with line breaks as a block."""
    if value == "":
        return Markup('<span class="v-word">""</span>')
    block = f"<pre{BLOCK}>{{}}</pre>" if "\n" in value else '<span class="v-text">{}</span>'
    if len(value) <= LONG:
        return Markup(block).format(ansi(value))  # noqa: S704 (format escapes)
    rest = "" if len(value) <= LONGEST else f" (the first {LONGEST:,} here, all in the JSON)"
    return Markup(  # noqa: S704 (format escapes)
        '<details class="v-long"><summary><span class="v-text">{}…</span><b>Show all {} characters{}</b></summary>'
        f"<pre{BLOCK}>{{}}</pre></details>"
    ).format(value[: LONG // 2], f"{len(value):,}", rest, ansi(value[:LONGEST]))


def flat(value: Any) -> bool:
    """Whether a list of plain values is short enough for one line."""
    plain = isinstance(value, list) and not any(isinstance(each, dict | list) for each in value[:WIDE])
    return plain and len(value) <= WIDE and len(told(value)) <= FLAT


def told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
