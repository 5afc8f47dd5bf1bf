"""From the text of a cron expression to its parse tree. What is wrong is refused with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from hashlib import blake2b

from cronapp.core.cron.tree import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    KINDS,
    LAST,
    YEAR,
    Field,
    Item,
    Kind,
    LastDay,
    NearestWeekday,
    NthWeekday,
    Span,
    Tree,
)
from cronapp.core.errors import InvalidInput

REBOOT = "@reboot"
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST = 1000
_SPREAD = re.compile(r"H(?:\(([^()-]+)-([^()-]+)\))?|([^~()-]*)~([^~()-]*)")


def read(text: str, seed: str) -> Tree:
    """The tree of an expression without space around it. `seed` decides the values of `H` and `~`."""
    if text == REBOOT:
        text = "@daily"  # it has no slots; a tree it has all the same
    if text.startswith("@"):
        text = _nickname(text)
    if len(text) > _LONGEST:
        raise refusal(f"The expression is longer than {_LONGEST} characters.")
    texts = re.split(r"[ \t]+", text) if text else []
    if not 5 <= len(texts) <= 7:
        given = f"{len(texts)} {'was' if len(texts) == 1 else 'were'} given"
        raise refusal(
            "Five fields are expected (minute, hour, day of month, month, day of week), six with the second first, "
            f"or seven with the year last; {given}."
        )
    return Tree(*(read_field(kind, text, seed) for kind, text in zip(KINDS, _seven(texts), strict=True)))


def refusal(sentence: str) -> InvalidInput:
    return InvalidInput.of("expression", sentence)


def _seven(texts: Sequence[str]) -> Sequence[str]:
    """All fields: second 0 and any year if they are not given."""
    texts = ["0", *texts] if len(texts) == 5 else texts
    return [*texts, "*"] if len(texts) == 6 else texts


def _wrong(kind: Kind, problem: str) -> InvalidInput:
    return refusal(f"{kind.name}: {problem} Allowed are {kind.allowed}.")


def _nickname(text: str) -> str:
    if text in NICKNAMES:
        return NICKNAMES[text]
    known = [*NICKNAMES, REBOOT]
    close = get_close_matches(text.lower().split()[0][:20], known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise refusal(f'"{text[:40]}" is no nickname.{hint} Allowed are {", ".join(known)}, alone and in small letters.')


def read_field(kind: Kind, text: str, seed: str) -> Field:
    """One field; raises `InvalidInput` for `expression`."""
    plus = kind is DAY_OF_WEEK and text.startswith("+")
    body = text[1:] if plus else text
    if body == "?" and kind in (DAY_OF_MONTH, DAY_OF_WEEK) and not plus:
        return Field(kind, (Span(kind.low, kind.high),), star=True)
    if plus and not body:
        raise _wrong(kind, "+ stands before a value, as +MON.")
    items = tuple(_read_item(kind, item, seed) for item in body.split(","))
    if len(items) > 1 and any(isinstance(i, NearestWeekday) or i == LastDay(weekday=True) for i in items):
        raise _wrong(kind, "W stands for one single day and cannot be part of a list; use two schedules.")
    return Field(kind, items, star=body.startswith("*"), plus=plus)


def _read_item(kind: Kind, text: str, seed: str) -> Item:
    if not text:
        raise _wrong(kind, "the list has an empty item; take the extra comma away.")
    body, slash, step_text = text.partition("/")
    spread = _SPREAD.fullmatch(body) if kind is not YEAR else None
    if not slash and not spread and (special := _read_special(kind, text)):
        return special
    step = _read_step(kind, text, step_text) if slash else None
    if body == "*":
        return Span(kind.low, kind.high, step or 1)
    if spread:
        return _spread(kind, spread, step, seed)
    first, dash, last = body.partition("-")
    if dash:
        return _read_range(kind, body, first, last, step or 1)
    if step is not None:
        number = _read_value(kind, first)
        raise _wrong(kind, f'"{text}" has a step but no range; write {number}-{kind.high}/{step} or */{step} instead.')
    value = _read_value(kind, body)
    return Span(value, value)


def _read_range(kind: Kind, text: str, first_text: str, last_text: str, step: int) -> Span:
    if not first_text or not last_text or "-" in last_text:
        raise _wrong(kind, f'"{text}" is no range; a range is two values with one dash, as {kind.low}-{kind.low + 2}.')
    first, last = _read_value(kind, first_text), _read_value(kind, last_text)
    if kind is DAY_OF_WEEK and last_text.upper() == "SUN" and first > 0:
        last = 7  # SUN is 0 and 7, and only as 7 it can end a week
    if first > last:
        raise _wrong(kind, f'the range "{text}" runs backwards; write {kind.low}-{last},{first}-{kind.high} instead.')
    return Span(first, last, step)


def _read_value(kind: Kind, text: str) -> int:
    named = kind.number(text)
    if named is not None:
        return named
    if not re.fullmatch("[0-9]+", text):
        raise _wrong(kind, f'"{text[:40]}" is not a value.')
    if len(text) > 5 or not kind.low <= int(text) <= kind.high:
        raise _wrong(kind, f"{text[:40]} is out of range.")
    return int(text)


def _read_step(kind: Kind, text: str, step: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", step) or int(step) == 0:
        raise _wrong(kind, f'the step of "{text[:40]}" is not a whole number above 0.')
    return int(step)


def _read_special(kind: Kind, text: str) -> Item | None:
    """`L`, `LW` and `15W` in the day of month, `2#3`, `5L` and `5#L` in the day of week."""
    if kind is DAY_OF_MONTH:
        if text in ("L", "LW"):
            return LastDay(weekday=text == "LW")
        if nearest := re.fullmatch(r"([0-9]+)W", text):
            return NearestWeekday(_read_value(kind, nearest[1]))
    if kind is DAY_OF_WEEK and (nth := re.fullmatch(r"([0-9A-Za-z]+?)(?:#?(L)|#([^#]*))", text)):
        if nth[1].upper() in ("L", ""):
            raise _wrong(kind, "L needs a day before it, as 5L for the last Friday.")
        weekday = _read_value(kind, nth[1]) % 7
        if nth[2]:
            return NthWeekday(weekday, LAST)
        if not re.fullmatch("[1-5]", nth[3]):
            raise _wrong(kind, f'"{text}" does not say which one; # is followed by 1 to 5 or L.')
        return NthWeekday(weekday, int(nth[3]))
    return None


def _spread(kind: Kind, match: re.Match[str], step: int | None, seed: str) -> Span:
    """`H`, `H(0-29)`, `~`, `0~29`, each with or without a step: a value that the seed picks, the same each time."""
    first_text, last_text = match[1] or match[3], match[2] or match[4]
    # The 28th is in every month, so a spread job never leaves one out.
    whole = {DAY_OF_MONTH: 28, DAY_OF_WEEK: 6}.get(kind, kind.high)
    first = _read_value(kind, first_text) if first_text else kind.low
    last = _read_value(kind, last_text) if last_text else max(whole, first)
    if first > last:
        raise _wrong(kind, f'the range of "{match[0]}" runs backwards.')
    digest = int.from_bytes(blake2b(f"{kind.name}:{seed}".encode(), digest_size=8).digest())
    size = last - first + 1
    if step is None:
        value = first + digest % size
        return Span(value, value)
    return Span(first + digest % min(step, size), last, step)
