"""How well a name fits what somebody typed: exactly, at its start, at the start of a word, inside, or scattered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
DIVIDERS = "-_. /:"
"""What stands before a new word of a name."""
EXACT, PREFIX, WORD, INSIDE, SCATTERED = range(5)


def rank(typed: str, name: str) -> int | None:
    """The rank of a name, the best is the least; None: it does not fit. Case counts for nothing."""
    typed, name = typed.lower(), name.lower()
    if name == typed:
        return EXACT
    if name.startswith(typed):
        return PREFIX
    if any(f"{divider}{typed}" in name for divider in DIVIDERS):
        return WORD
    if typed in name:
        return INSIDE
    letters = iter(name)
    return SCATTERED if all(letter in letters for letter in typed) else None


def best(
    typed: str, offered: Iterable[T], names: Callable[[T], Iterable[str]], limit: int, *, worst: int = SCATTERED
) -> list[T]:
    """Those that fit best by one of their names, the best first; of equals the shorter, and then in their order.
    What has a rank after `worst` does not count."""
    fitting = []
    for place, one in enumerate(offered):
        ranked = [(found, len(name)) for name in names(one) if (found := rank(typed, name)) is not None]
        if ranked and min(ranked)[0] <= worst:
            fitting.append((*min(ranked), place, one))
    return [one for *_, one in sorted(fitting, key=lambda found: found[:3])[:limit]]
