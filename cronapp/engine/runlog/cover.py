"""The secrets of a run, masked in whatever it says."""

from __future__ import annotations

import base64
import json
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

    It looks for each form by itself: that is many times faster than one regular expression for all of them.
    """

    __slots__ = ("_bytes", "_forms", "_values")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        self._bytes: tuple[bytes, ...] = ()
        self.add(values)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def copy(self) -> Cover:
        """One of its own for a run, which may get to know more secrets."""
        twin = Cover()
        twin._values, twin._forms, twin._bytes = self._values, self._forms, self._bytes
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

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        return masked(text, self._forms)

    def lines(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Log lines without the secrets. All are searched at once, and what is found is looked for in each."""
        if not self._forms:
            return list(lines)
        told = "\n".join([line.text for line in lines])
        found = [form for form in self._forms if form in told]
        return [masked_line(line, found) for line in lines] if found else list(lines)

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


def masked(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        if form in text:
            text = text.replace(form, MASK)
    return text


def masked_line(line: LogLine, forms: Sequence[str]) -> LogLine:
    text = masked(line.text, forms)
    if text is line.text:
        return line
    if line.raw is not None:
        shown, raw = storable(masked(text_of(line.raw), forms))
        return replace(line, text=masked(shown, forms), raw=raw)
    return replace(line, text=text)


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
