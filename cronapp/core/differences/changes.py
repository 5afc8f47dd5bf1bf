"""What changed between the parameters that a job's arguments fitted and those of today, each in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cronapp.core.differences.snapshots import EXTRA, by_name
from cronapp.core.errors import InvalidInput
from cronapp.core.hidden import Hidden
from cronapp.core.models import Json
from cronapp.core.signature import Signature

Opened = Callable[[Json], Json]
"""Arguments without what hides their secrets, to be looked at."""
SHOWN = 60  # letters of a value that a sentence shows
BARE = ("text", "text or JSON", "JSON", "yes or no")  # types that take no article


class What(StrEnum):
    TASK = "task"  # it is gone
    GONE = "gone"
    ADDED = "added"
    RENAMED = "renamed"
    RETYPED = "retyped"
    WRONG = "wrong"  # the value does not fit, for another reason
    CONDITION = "condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    what: What
    parameter: str
    sentence: str
    stops: bool  # the job cannot run because of it


@dataclass(frozen=True, slots=True)
class Sides:
    """The parameters before and now, a job's arguments, and what is wrong with them now."""

    before: Mapping[str, Json] | None  # nobody knows
    after: Mapping[str, Json]
    args: Json
    wrong: Mapping[str, str]

    @property
    def gone(self) -> list[str]:
        return [name for name in self.before or () if name not in self.after]

    @property
    def added(self) -> list[str]:
        return [] if self.before is None else [name for name in self.after if name not in self.before]

    def renamed(self) -> dict[str, str]:
        """Old name → new name, where of one type exactly one parameter went and one came."""
        pairs: dict[str, str] = {}
        before = self.before or {}
        if any(name.startswith(EXTRA) for name in (*self.gone, *self.after)):
            return pairs  # it takes the old name still, or there are names that nobody lists
        for name in self.gone:
            kind = before[name]["type"]
            went = [one for one in self.gone if before[one]["type"] == kind]
            came = [one for one in self.added if self.after[one]["type"] == kind]
            if len(went) == len(came) == 1 and came[0] not in self.args:
                pairs[name] = came[0]
        return pairs

    def value(self, name: str) -> str:
        """The job's value, for a sentence; nothing of what is or may be a secret."""
        known = [side[name] for side in (self.before or {}, self.after) if name in side]
        if isinstance(self.args[name], Hidden):
            return ""
        if not known or any(one.get("secret") for one in known):
            return ""
        return shown(self.args[name])


def sides_of(fits: Json | None, present: Json, signature: Signature, args: Json, opened: Opened) -> Sides:
    """The snapshot that the arguments fitted last, if there is one, and that of today."""
    before = by_name(fits["parameters"]) if fits else None
    return Sides(before, by_name(present["parameters"]), args, wrong_args(signature, args, opened))


def wrong_args(signature: Signature, args: Json, opened: Opened) -> dict[str, str]:
    """What is wrong, by the argument; what is wrong inside of one is told with its place."""
    try:
        signature.check(opened(args), prefix="")
    except InvalidInput as error:
        found: dict[str, list[str]] = {}
        for place, text in error.errors.items():
            name = place if place in args else place.partition(".")[0]
            within = place.removeprefix(name).removeprefix(".")
            found.setdefault(name, []).append(f"{within}: {text}" if within else text)
        return {name: " ".join(texts) for name, texts in found.items()}
    return {}


def changes(sides: Sides) -> list[Change]:
    """Those first that keep the job from running."""
    renamed = sides.renamed()
    told = [
        *(rename(sides, old, new) for old, new in renamed.items()),
        *(gone(sides, name) for name in sides.gone if name not in renamed),
        *(added(sides, name) for name in sides.added if name not in renamed.values()),
        *kept(sides),
    ]
    covered = {change.parameter for change in told} | set(renamed.values())
    told += [wrong(sides, name) for name in sides.wrong if name not in covered]
    return sorted(told, key=lambda change: not change.stops)


def rename(sides: Sides, old: str, new: str) -> Change:
    stops = old in sides.wrong or new in sides.wrong
    gives = f"; the job gives {sides.value(old) or 'it'} as `{old}`" if old in sides.args else ""
    return Change(
        what=What.RENAMED, parameter=old, stops=stops, sentence=f"`{old}` seems to be called `{new}` now{gives}."
    )


def gone(sides: Sides, name: str) -> Change:
    gives = f"; the job gives it {sides.value(name)}".rstrip() if name in sides.args else ""
    return Change(
        what=What.GONE, parameter=name, stops=name in sides.wrong, sentence=f"The parameter `{name}` is gone{gives}."
    )


def added(sides: Sides, name: str) -> Change:
    told = sides.after[name]
    if name in sides.wrong and name not in sides.args:
        rest = ", and the job gives none"
    elif name in sides.wrong:
        rest = f"; {sides.value(name) or 'what the job gives'} does not fit it"
    else:
        rest = f"; its default is {shown(told['default'])}" if "default" in told and name not in sides.args else ""
    sentence = f"A parameter `{name}` ({told['type']}) was added{rest}."
    return Change(what=What.ADDED, parameter=name, stops=name in sides.wrong, sentence=sentence)


def kept(sides: Sides) -> Iterator[Change]:
    """Parameters that are still there, under another type or without their default."""
    for name in sides.after:
        if sides.before is None or name not in sides.before:
            continue
        old, new = sides.before[name], sides.after[name]
        stops = name in sides.wrong
        if old["type"] != new["type"]:
            was = f"`{name}` was {a(old['type'])} and is now {a(new['type'])}"
            sentence = f"{was}{fitting(sides, name)}."
            yield Change(what=What.RETYPED, parameter=name, stops=stops, sentence=sentence)
        elif stops and name not in sides.args:
            sentence = f"`{name}` ({new['type']}) has no default any more, and the job gives none."
            yield Change(what=What.RETYPED, parameter=name, stops=True, sentence=sentence)


def fitting(sides: Sides, name: str) -> str:
    stops = name in sides.wrong
    if name not in sides.args:
        return ", and the job gives none" if stops else ""
    its = sides.value(name)
    given = f"the job's {its}" if its else "what the job gives"
    return f"; {given} {'does not fit' if stops else 'still fits'}"


def wrong(sides: Sides, name: str) -> Change:
    """What no change of the signature explains."""
    if name not in sides.args:
        told = sides.after.get(name, {}).get("type")
        sentence = f"`{name}`{f' ({told})' if told else ''} is required, and the job gives none."
    elif name not in sides.after and sides.wrong[name].startswith("There is no such argument."):
        sentence = f"The task takes no `{name}`, and the job gives it."
    else:
        sentence = f"`{name}`: {sides.wrong[name]}"
    return Change(what=What.WRONG, parameter=name, stops=True, sentence=sentence)


def mended(sides: Sides, signature: Signature, opened: Opened) -> tuple[Json, str] | None:
    """Arguments that fit, and in words what was done; None where that takes a guess."""
    args, done = moved(sides)
    return None if wrong_args(signature, args, opened) else (args, done)


def moved(sides: Sides) -> tuple[Json, str]:
    """The arguments, what was renamed moved and what the task does not take dropped; and in words what was done."""
    renamed = sides.renamed()
    args: Json = {}
    done: list[str] = []
    for name, value in sides.args.items():
        if name in renamed:
            args[renamed[name]] = value
            done.append(f"moves `{name}` to `{renamed[name]}`")
        elif name in sides.wrong and name not in sides.after:
            done.append(f"drops `{name}`")
        else:
            args[name] = value
    return args, ", ".join(sorted(done))


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def a(kind: str) -> str:
    return kind if kind in BARE or kind.startswith("one of ") else f"a {kind}"
