"""How far something is, told in the last line of a terminal. In a pipe there is none of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from cronapp.cli.shown import clean, width

T = TypeVar("T")
WIDE = 24  # columns of the bar
BACK = "\r\x1b[K"  # to the beginning of the line, which is then empty


class Bar:
    """`with Bar() as bar` takes the line away at the end. What is printed meanwhile goes `above` it."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._line = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._draw("")

    def show(self, done: float, total: float | None, words: str = "") -> None:
        self._draw(line(done, total, words, shutil.get_terminal_size().columns - 1))

    @contextmanager
    def above(self) -> Iterator[None]:
        """Room for lines that stay."""
        shown = self._line
        self._draw("")
        yield
        self._draw(shown)

    def each(self, steps: Sequence[T]) -> Iterator[T]:
        """The steps, with the bar as far as they are."""
        for number, step in enumerate(steps):
            self.show(number, len(steps))
            yield step

    def _draw(self, text: str) -> None:
        if self._on and text != self._line:
            sys.stderr.write(f"{BACK}{text}")
            sys.stderr.flush()
            self._line = text


def line(done: float, total: float | None, words: str, room: int) -> str:
    """`[######------------------]  3 of 12  Kiel`, as far as there is room."""
    share = min(max(done / total, 0), 1) if total else 0
    filled = round(share * WIDE)
    bar = f"[{'#' * filled}{'-' * (WIDE - filled)}]  " if total else ""
    text = f"{bar}{done:,.12g}{f' of {total:,.12g}' if total else ''}  {clean(words)}".rstrip()
    while width(text) > room > 0:
        text = text[:-1]
    return text
