"""The secrets of a run, masked in whatever it says."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

from cronapp.core.hidden import MASK
from cronapp.core.models import LogLine
from cronapp.engine.runlog.text import bytes_of, storable, text_of

SHORTEST = 6  # letters; a shorter secret would also hide what has nothing to do with it


class Cover:
    """Knows the secrets of one run, in the forms in which they may be seen, and masks them.

    It looks for each form by itself, since that is many times faster than one regular expression for all of them; that
    is made only once something was found.
    """

    __slots__ = ("_bytes", "_forms", "_pattern", "_values")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        self._bytes: tuple[bytes, ...] = ()
        self._pattern: tuple[tuple[str, ...], re.Pattern[str]] | None = None  # for these forms
        self.add(values)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def copy(self) -> Cover:
        """One of its own for a run, which may get to know more secrets."""
        twin = Cover()
        twin._values, twin._forms, twin._bytes, twin._pattern = self._values, self._forms, self._bytes, self._pattern
        return twin

    def add(self, values: Iterable[str]) -> None:
        """More secrets. May be called from any thread."""
        new = {value for value in values if len(value.strip()) >= SHORTEST} - self._values
        if not new:
            return
        self._values |= new
        found = {form for value in new for form in forms(value)}
        # The longest first, so that none is masked in part because another one is its beginning.
        self._forms = tuple(sorted({*self._forms, *found}, key=lambda form: (-len(form), form)))
        self._bytes = tuple(form.encode("utf-8", "surrogatepass") for form in self._forms)

    def finds(self, text: str) -> bool:
        return any(form in text for form in self._forms)

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        if not self.finds(text):
            return text
        return self._compiled().sub(MASK, text)

    def _compiled(self) -> re.Pattern[str]:
        known, forms = self._pattern, self._forms
        if known is None or known[0] is not forms:  # there may be more since then
            known = self._pattern = forms, re.compile("|".join(map(re.escape, forms)))
        return known[1]

    def lines(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Log lines without the secrets."""
        if not self._forms or not self.finds("\n".join([line.text for line in lines])):
            return list(lines)
        return [self._line(line) if self.finds(line.text) else line for line in lines]

    def _line(self, line: LogLine) -> LogLine:
        text, raw = storable(self(text_of(line.raw))) if line.raw is not None else (self(line.text), None)
        return replace(line, text=self(text), raw=raw)

    def json(self, value: Any) -> Any:
        """A JSON value without the secrets, in texts as in names."""
        match value:
            case str():
                return self(value)
            case dict():
                return {self.json(name): self.json(one) for name, one in value.items()}
            case list():
                return [self.json(one) for one in value]
        return value

    def begun(self, text: str) -> tuple[str, str]:
        """The text, and what at its end may be the beginning of a secret."""
        data = bytes_of(text)
        most = max((self._overlap(data, form) for form in self._bytes), default=0)
        return (text_of(data[:-most]), text_of(data[-most:])) if most else (text, "")

    @staticmethod
    def _overlap(data: bytes, form: bytes) -> int:
        for size in range(min(len(form) - 1, len(data)), 0, -1):
            if data.endswith(form[:size]):
                return size
        return 0

    def torn(self, data: bytes) -> bytes:
        """Bytes whose beginning was lost, without what may be the end of a secret there."""
        ends = (size for form in self._bytes for size in range(SHORTEST, len(form)) if data.startswith(form[-size:]))
        return MASK.encode() + data[most:] if (most := max(ends, default=0)) else data


def forms(value: str) -> Iterator[str]:
    """How a secret may be seen: as it is, line by line, as a part of JSON, of Python, of an address, and in base64."""
    lines = [line.strip() for line in value.splitlines()]
    for one in {value, *lines} if len(lines) > 1 else {value}:
        yield from (form for form in ways(one) if len(form) >= SHORTEST)


def ways(text: str) -> set[str]:
    data = text.encode("utf-8", "surrogatepass")
    return {
        text,
        text.strip(),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        quote(data),
        quote(data, safe=""),
        quote_plus(data),
        *in_base64(data),
    }


def in_base64(data: bytes) -> Iterator[str]:
    """What is the same in each base64 of something that has these bytes within: it depends on where they begin."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        first, last = (0, 2, 3)[before], (before + len(data)) * 8 // 6  # only letters that no other byte has a part in
        found = encoded[first:last]
        yield from {found, found.replace("+", "-").replace("/", "_")}
