"""A docstring as paragraphs, lists and examples. What it says of parameters is left out: their table tells that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

SECTION = re.compile(r"(Args|Arguments|Parameters|Params|Keyword Args):?\s*$")
FIELD = re.compile(r":param\b")
HEADING = re.compile(r"(Returns|Raises|Yields|Example|Examples|Note|Notes|Warning|See Also):?\s*$")
ITEM = re.compile(r"(?:[-*•]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Block:
    kind: Literal["text", "list", "code", "head"]
    lines: tuple[str, ...]


def blocks_of(doc: str) -> list[Block]:
    """`doc` is clean of its indentation, as `inspect.getdoc` gives it."""
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", doc.strip("\n")):
        found.extend(_blocks(part.rstrip()))
    return found


def _blocks(part: str) -> Iterator[Block]:
    lines = part.splitlines()
    if not lines or SECTION.match(lines[0]):
        return
    lines = [line for line in lines if not FIELD.match(line.strip()) and not set(line.strip()) <= set("-=")]
    if lines and HEADING.match(lines[0]):
        yield Block("head", (lines[0].strip().rstrip(":"),))
        lines = dedent("\n".join(lines[1:])).splitlines()
    if not lines:
        return
    if ITEM.match(lines[0].strip()):
        yield Block("list", tuple(_items(lines)))
    elif all(line.startswith((" ", "\t")) for line in lines) or lines[0].lstrip().startswith(">>>"):
        yield Block("code", (dedent("\n".join(lines)),))
    else:
        first = next((n for n, line in enumerate(lines) if n and ITEM.match(line.strip())), len(lines))
        yield Block("text", (" ".join(line.strip() for line in lines[:first]),))
        if lines[first:]:
            yield Block("list", tuple(_items(lines[first:])))


def _items(lines: list[str]) -> Iterator[str]:
    item = ""
    for line in lines:
        text = line.strip()
        if ITEM.match(text):
            if item:
                yield item
            item = ITEM.sub("", text, count=1)
        else:
            item = f"{item} {text}".strip()
    if item:
        yield item
