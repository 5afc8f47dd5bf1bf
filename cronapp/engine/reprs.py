"""A result by its `repr`, however large it is and whatever it does when it is asked."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

MAX_REPR = 10_000


def short_repr(result: Any, limit: int = MAX_REPR) -> str:
    """At most `limit` characters, the last of them "…" where something was left out."""
    try:
        text = Bounded(limit).repr(result)
    except BaseException as problem:  # what sys.exit raises as well
        text = f"<{type(result).__name__}, whose repr raises {type(problem).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Bounded(reprlib.Repr):
    """`repr`, but of built-in collections no more than is shown: a list of a million takes no second."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.left = self.maxlist = self.maxtuple = self.maxdeque = self.maxarray = limit
        self.maxlevel = 50
        self.maxstring = self.maxother = self.maxlong = 4 * limit

    def repr1(self, x: Any, level: int) -> str:
        self.left -= 1  # each element shows at least one character
        return super().repr1(x, level) if self.left > 0 else "…"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return self._many(
            "{", x.items(), "}", level, lambda pair: f"{self._in(pair[0], level)}: {self._in(pair[1], level)}"
        )

    def repr_set(self, x: set[Any], level: int) -> str:
        return self._many("{", x, "}", level, lambda each: self._in(each, level)) if x else "set()"

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        return self._many("frozenset({", x, "})", level, lambda each: self._in(each, level)) if x else "frozenset()"

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[: self.maxother])

    def repr_bytearray(self, x: bytearray, level: int) -> str:
        return repr(x[: self.maxother])

    def _in(self, x: Any, level: int) -> str:
        return self.repr1(x, level - 1)

    def _many(self, start: str, each: Iterable[Any], end: str, level: int, tell: Callable[[Any], str]) -> str:
        if level <= 0:
            return f"{start}…{end}"
        return start + ", ".join(tell(one) for one in islice(each, max(self.left, 1))) + end
