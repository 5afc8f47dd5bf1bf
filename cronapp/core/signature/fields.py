"""Arguments and their parts as a form shows them, made from their JSON Schema."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

from cronapp.core.signature.texts import short_json, text_of

EMPTY: Any = inspect.Parameter.empty

WITHIN = frozenset({"rows", "checks", "pairs", "group", "tuple", "union"})
"""Kinds that have parts, or several values."""
TEXTS = frozenset({"text", "textarea", "secret"})
"""Kinds whose empty text is a value of its own."""

TYPE_NAMES = {
    "text": "text",
    "textarea": "text",
    "loose": "text or JSON",
    "number": "number",
    "switch": "yes or no",
    "choice": "one of a list",
    "date": "date",
    "time": "time",
    "datetime": "date and time",
    "duration": "duration",
    "json": "JSON",
    "secret": "secret",
    "rows": "list",
    "checks": "some of a list",
    "pairs": "names and values",
    "group": "group",
    "tuple": "group",
    "union": "one of several kinds",
}
FORM_NAMES = {"whole": "whole number", "path": "path", "url": "web address", "email": "e-mail address", "uuid": "UUID"}
MANY_NAMES = {
    "text": "texts",
    "number": "numbers",
    "whole number": "whole numbers",
    "date": "dates",
    "time": "times",
    "date and time": "moments",
    "duration": "durations",
    "path": "paths",
    "secret": "secrets",
    "web address": "web addresses",
    "e-mail address": "e-mail addresses",
    "UUID": "UUIDs",
}
PLACEHOLDERS = {
    "date": "2026-01-31",
    "time": "09:30",
    "datetime": "2026-01-31T09:30",
    "duration": "10m or 1h30m",
    "json": '{"key": "value"}',
    "url": "https://example.org/",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One argument, or one part of one, as a form shows it."""

    name: str
    label: str
    kind: str  # one of TYPE_NAMES
    has_default: bool = False
    default: Any = EMPTY  # as JSON; EMPTY also where JSON cannot hold it or may not show it
    nullable: bool = False
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()  # text in the form, label
    answers: tuple[Any, ...] = ()  # their JSON values
    minimum: float | None = None
    maximum: float | None = None
    over: float | None = None  # it must be more than this
    under: float | None = None  # it must be less than this
    step: float | str | None = None  # "any" for a number with decimals
    shortest: int = 0  # letters of a text, or rows
    longest: int | None = None
    unique: bool = False  # a set
    pattern: str = ""
    placeholder: str = ""
    form: str = ""  # whole decimal path url email uuid words aware named
    parts: tuple[FormField, ...] = ()  # members, kinds of a union, or the one that each row has

    @property
    def required(self) -> bool:
        return not self.has_default and not self.nullable and self.kind != "switch" and self.form != "spread"

    @property
    def type_name(self) -> str:
        return "whole number" if self.form == "whole" else TYPE_NAMES[self.kind]

    @property
    def within(self) -> bool:
        return self.kind in WITHIN

    @property
    def row(self) -> FormField:
        """What each row holds."""
        return self.parts[0]

    @property
    def secret(self) -> bool:
        """Whether a secret is in it, at any depth."""
        return self.kind == "secret" or any(part.secret for part in self.parts)

    @property
    def follows_when_empty(self) -> bool:
        """Whether no row at all is what the default is, so that there is nothing else to choose."""
        return self.form == "spread" or (
            self.kind in ("rows", "checks", "pairs") and self.has_default and self.default in ([], {})
        )

    @property
    def states(self) -> tuple[str, ...]:
        """What it may be when nothing is typed, the likeliest first; "" stands for: it must be given."""
        found = ["default"] if self.has_default else [] if self.nullable else [""]
        if self.nullable and not (self.has_default and self.default is None):
            found.append("none")
        if self.kind in TEXTS and not self.shortest and not self.form:
            found.append("empty")
        return tuple(found)

    @property
    def default_words(self) -> str:
        """The default in a few letters; empty where it cannot be told."""
        if not self.has_default or self.default is EMPTY:
            return ""
        if self.default is None:
            return "not given"
        if self.kind == "switch":
            return "on" if self.default else "off"
        labels = [
            label for answer, (_, label) in zip(self.answers, self.choices, strict=True) if answer == self.default
        ]
        plain = self.kind not in WITHIN | {"json", "loose"} and not (isinstance(self.default, str) and not self.default)
        return labels[0] if labels else text_of(self.default) if plain else short_json(self.default)

    @property
    def words(self) -> str:
        """What is expected, for people: `whole number, 1 to 10`, `list of text`."""
        match self.kind:
            case "rows" | "pairs":
                row = MANY_NAMES.get(FORM_NAMES.get(self.row.form, self.row.type_name), "")
                named = ("set" if self.unique else "list") if self.kind == "rows" else "names and values"
                of = (" of " if self.kind == "rows" else ": ") + row if row else ""
                return named + of + self._counted("rows")
            case "checks":
                return "some of " + ", ".join(label for _, label in self.choices)
            case "union":
                return " or ".join(part.label.lower() for part in self.parts)
        return FORM_NAMES.get(self.form, self.type_name) + self._bounds() + self._counted("characters")

    def _counted(self, of: str) -> str:
        if not self.shortest and self.longest is None:
            return ""
        if self.longest is None:
            return f", at least {self.shortest} {of}"
        return f", {self.shortest} to {self.longest} {of}" if self.shortest else f", at most {self.longest} {of}"

    def _bounds(self) -> str:
        told = [
            f"{words} {bound:g}"
            for words, bound in (("more than", self.over), ("less than", self.under))
            if bound is not None
        ]
        if self.minimum is not None and self.maximum is not None:
            told.insert(0, f"{self.minimum:g} to {self.maximum:g}")
        elif self.minimum is not None:
            told.insert(0, f"at least {self.minimum:g}")
        elif self.maximum is not None:
            told.append(f"at most {self.maximum:g}")
        if isinstance(self.step, int | float) and self.step != 1:
            told.append(f"in steps of {self.step:g}")
        return "".join(f", {one}" for one in told)

    def called(self, name: str, label: str) -> FormField:
        return replace(self, name=name, label=label)
