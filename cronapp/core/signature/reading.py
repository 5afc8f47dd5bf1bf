"""From what stands in a form to JSON values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cronapp.core.hidden import MASK, reference
from cronapp.core.models import Json
from cronapp.core.signature.fields import EMPTY, FormField
from cronapp.core.signature.moments import duration_value, moment_text
from cronapp.core.signature.texts import json_or, number_or_text, strict_json
from cronapp.core.signature.typed import Typed, below

ON = frozenset({"on", "true", "yes", "1"})
BY_NAME = "secret:"
"""Before the name of a stored secret, where a form says that it is meant."""
UNKNOWN_SECRET = f"Write the secret. {MASK} only stands for one that is stored."


@dataclass
class Reading:
    """What is read, what of it cannot be read, and at which field of the form each value stands.

    With `masked` a secret is read as `MASK`, to be shown.
    """

    stored: Mapping[str, Any] = field(default_factory=dict)
    masked: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # `shops.0.name` of the JSON → name in the form
    secrets: dict[str, Typed] = field(default_factory=dict)  # what stands in the form for each secret that is given

    def value(self, of: FormField, typed: Typed, name: str, path: str) -> Any:
        """The JSON value of a field; EMPTY where it is left out. What cannot be read is noted, and stays as typed."""
        self.places[path] = name
        if of.secret and (typed.how.startswith("keep:") or (of.kind == "secret" and typed.text)):
            self.secrets[path] = typed
        try:
            if of.within:
                return self._of_parts(of, typed, name, path)
            return self._of_text(of, typed, path)
        except ValueError as error:
            self.errors[name] = str(error)
            return (typed.text or "").strip() or EMPTY

    def _of_text(self, of: FormField, typed: Typed, path: str) -> Any:
        text = (typed.text or "").replace("\r\n", "\n")
        if of.kind == "switch":
            on = text.strip().lower() in ON
            return EMPTY if typed.how == "default" and of.has_default and on == bool(of.default) else on
        if of.kind == "secret" and text.strip() in ("", MASK):
            return self._secret(of, typed, text, path)
        if not text.strip() and (
            of.kind not in ("text", "textarea", "secret") or of.has_default or of.nullable or not text
        ):
            return self._nothing(of, typed.how)
        return MASK if of.kind == "secret" and self.masked else _read(of, typed, text)

    def _secret(self, of: FormField, typed: Typed, text: str, path: str) -> Any:
        """An empty one is the stored one, where the form says so, or of an argument says nothing at all. It may also be
        one that has a name."""
        if typed.how.startswith("keep:"):
            return self._kept(typed)
        if typed.how.startswith(BY_NAME):
            return reference(typed.how.removeprefix(BY_NAME))
        if not typed.how and path in self.stored:
            return MASK if self.masked else self.stored[path]
        if text.strip():
            raise ValueError(UNKNOWN_SECRET)
        return self._nothing(of, typed.how)

    def _kept(self, typed: Typed) -> Any:
        found = MASK if self.masked else at_path(self.stored, typed.how.removeprefix("keep:"))
        if found is EMPTY:
            raise ValueError(UNKNOWN_SECRET)
        return found

    def _nothing(self, of: FormField, how: str) -> Any:
        states = of.states
        match how if how in states else states[0]:
            case "default":
                return EMPTY
            case "none":
                return None
            case "empty":
                return ""
        raise ValueError("This argument is required." if of.kind != "choice" else "Choose one of these.")

    def _of_parts(self, of: FormField, typed: Typed, name: str, path: str) -> Any:
        if typed.how in ("default", "none") and typed.how in of.states:
            return EMPTY if typed.how == "default" else None
        if typed.how.startswith("keep:") and of.secret:
            return self._kept(typed)
        if typed.how == "json" or (typed.text or "").strip():
            return read_json(typed.text or "")
        if of.follows_when_empty and not typed.rows:
            return EMPTY
        if not typed.parts and (of.kind != "group" or of.states[0]):
            return self._nothing(of, "")
        match of.kind:
            case "rows":
                return self._rows(of, typed, name, path)
            case "checks":
                answers = dict(zip((text for text, _ in of.choices), of.answers, strict=True))
                return [answers.get(row.text or "", row.text) for _, row in typed.rows]
            case "pairs":
                return self._pairs(of, typed, name, path)
            case "tuple":
                values = [self._part(part, typed, name, path) for part in of.parts]
                return [None if value is EMPTY else value for value in values]
            case "union":
                return self._union(of, typed, name, path)
        given = {part.name: self._part(part, typed, name, path) for part in of.parts}
        return {key: value for key, value in given.items() if value is not EMPTY}

    def _part(self, part: FormField, typed: Typed, name: str, path: str) -> Any:
        return self.value(part, typed.at(part.name), below(name, part.name), inside(path, part.name))

    def _rows(self, of: FormField, typed: Typed, name: str, path: str) -> list[Any]:
        values = [
            self.value(of.row, row, below(name, step), inside(path, number))
            for number, (step, row) in enumerate(typed.rows)
        ]
        return [None if value is EMPTY else value for value in values]

    def _pairs(self, of: FormField, typed: Typed, name: str, path: str) -> Json:
        found: Json = {}
        for step, row in typed.rows:
            key, place = row.at("key").text or "", below(name, step)
            if key in found:
                self.errors[below(place, "key")] = f'The name "{key}" stands here twice.'
            value = self.value(of.row, row.at("value"), below(place, "value"), inside(path, key))
            found[key] = None if value is EMPTY else value
        return found

    def _union(self, of: FormField, typed: Typed, name: str, path: str) -> Any:
        chosen = typed.at("@").text or ""
        if chosen not in (part.name[1:] for part in of.parts):
            raise ValueError("Choose what this is.")
        part = of.parts[int(chosen)]
        return self.value(part, typed.at(part.name), below(name, part.name), path)


def _read(of: FormField, typed: Typed, text: str) -> Any:
    match of.kind:
        case "text" | "textarea" | "secret":
            return text
        case "loose":
            return json_or(text, text)
        case "choice":
            if text == "null" and of.nullable and text not in dict(of.choices):
                return None
            return dict(zip((one for one, _ in of.choices), of.answers, strict=True)).get(text, text)
        case "json":
            return read_json(text)
        case "duration":
            return duration_value(text.strip(), words=of.form == "words")
        case "number":
            return text.strip() if of.form == "decimal" else number_or_text(text.strip())
        case "datetime":
            return moment_text(text.strip(), (typed.at("@zone").text or "").strip())
    return text.strip()


def read_json(text: str) -> Any:
    """Raises a ValueError that says where and why it is no JSON."""
    try:
        return strict_json(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"This is not JSON ({where}): {error.msg}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"This is not JSON that can be stored: {error}.") from error


def at_path(value: Any, path: str) -> Any:
    """What stands at `dbs.0.token` of a JSON value; EMPTY: nothing."""
    for step in path.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return EMPTY
    return value


def inside(path: str, step: int | str) -> str:
    return f"{path}.{step}" if path else str(step)
