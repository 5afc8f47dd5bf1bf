"""What stands in a form, as the tree that its fields' names make: `shops.0.name`, `shops?`, `at@zone`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Typed:
    """One field's text and the parts below it.

    The part `?` says how the field is meant where its text alone does not: `default`, `none`, `empty`, `here`, `json`,
    or `keep:…` for a secret that stays. The part `@` is which kind of a union it is, `@0` what is typed for the first
    of them, `@zone` the time zone of a moment.
    """

    text: str | None = None
    parts: dict[str, Typed] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Typed:
        root = cls()
        for name, text in texts.items():
            root.make(name).text = text
        return root

    def make(self, name: str) -> Typed:
        """The part of that name, made where it is not there."""
        found = self
        for step in steps_of(name):
            found = found.parts.setdefault(step, Typed())
        return found

    def at(self, name: str) -> Typed:
        """The part of that name; an empty one where nothing stands."""
        found = self
        for step in steps_of(name):
            found = found.parts.get(step) or Typed()
        return found

    @property
    def how(self) -> str:
        return self.at("?").text or ""

    @property
    def there(self) -> bool:
        """Whether anything of it came with the form."""
        return self.text is not None or bool(self.parts)

    @property
    def rows(self) -> list[tuple[str, Typed]]:
        """The numbered parts in their order."""
        numbers = sorted((step for step in self.parts if step.isdecimal()), key=int)
        return [(step, self.parts[step]) for step in numbers]

    def put_rows(self, rows: list[Typed]) -> None:
        """These as its numbered parts, counted anew."""
        rest = {step: part for step, part in self.parts.items() if not step.isdecimal()}
        self.parts = rest | {str(number): row for number, row in enumerate(rows)}

    def texts(self, name: str = "") -> Iterator[tuple[str, str]]:
        """All of it by the fields' names, as it came."""
        if self.text is not None:
            yield name, self.text
        for step, part in self.parts.items():
            yield from part.texts(below(name, step))


DEEPEST = 40  # steps of a name; no form of ours has so many


def steps_of(name: str) -> list[str]:
    return [step for step in re.split(r"\.|(?=[?@])", name) if step][:DEEPEST]


def below(name: str, step: str) -> str:
    """The name of a part: `shops` and `0` → `shops.0`, `shops` and `?` → `shops?`."""
    return f"{name}{step}" if not name or step[:1] in ("?", "@") else f"{name}.{step}"
