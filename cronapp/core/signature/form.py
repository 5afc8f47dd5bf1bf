"""The arguments of one task as a form: texts in, JSON out, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.signature.fields import EMPTY, FormField
from cronapp.core.signature.raw import CARRIED, raw_of, read_raw
from cronapp.core.signature.reading import Reading
from cronapp.core.signature.showing import Showing, fresh
from cronapp.core.signature.typed import Typed
from cronapp.core.validation import suggestion

Values = Mapping[str, str]
"""Form texts by their names, without `args.` before them; the whole as one JSON text has the empty name."""


@dataclass(frozen=True)
class Form:
    """The fields of a task's arguments. `extra` names the one that holds `**kwargs`; `check` is the signature's."""

    fields: tuple[FormField, ...]
    extra: str | None
    check: Callable[[Mapping[str, Any]], Any]

    def read(self, values: Values, stored: Mapping[str, Any] | None = None) -> Json:
        """The arguments that the form says. Raises `InvalidInput` with every wrong field, as `args.shops.0.name`; of a
        form that is shown as JSON the names are those of the JSON."""
        typed = Typed.of(values)
        raw = typed.how == "json"
        if raw:
            typed = self._from_raw(typed)
        reading = Reading(stored or {})
        args = self._args(typed, reading)
        errors: dict[str, str] = {}
        try:
            self.check(args)
        except InvalidInput as invalid:
            errors = invalid.errors
        if raw:
            by_name = {name: path for path, name in reading.places.items()}
            errors |= {f"args.{by_name.get(name, name)}": text for name, text in reading.errors.items()}
        else:
            errors = _placed(errors, reading.places) | {f"args.{name}": text for name, text in reading.errors.items()}
        if errors:
            raise InvalidInput(errors)
        return args

    def show(self, args: Mapping[str, Any]) -> dict[str, str]:
        """The form's texts for stored arguments."""
        return dict(self._shown(args, Showing()).texts())

    def filled(self, values: Values) -> Typed:
        """What stands in the form; an argument of which nothing came stands there as in a new one."""
        typed = Typed.of(values)
        for field in self.fields:
            if not typed.at(field.name).there:
                typed.parts[field.name] = fresh(field)
        return typed

    def follows(self, field: FormField, typed: Typed) -> bool:
        """Whether an optional argument is left to its default."""
        reading = Reading(masked=True)
        value = reading.value(field, typed, field.name, field.name)
        return (
            not field.required
            and not reading.errors
            and (value is EMPTY or (value is None and not field.has_default) or (field.form == "spread" and not value))
        )

    def beside(self, errors: Mapping[str, str], values: Values) -> dict[str, str]:
        """What is wrong with arguments, by the form's fields. What already has a field's name keeps it."""
        reading = Reading(masked=True)
        typed = self.filled(values)
        self._args(typed, reading)
        names = {f"args.{name}" for name in (*reading.places.values(), *reading.errors)}
        if typed.how == "json":
            return dict(errors)
        return {name: text for name, text in errors.items() if name in names} | _placed(
            {name: text for name, text in errors.items() if name not in names}, reading.places
        )

    def to_raw(self, values: Values) -> dict[str, str]:
        """The form as one JSON text of what it says now, however wrong that may be."""
        reading = Reading(masked=True)
        args = self._args(self.filled(values), reading)
        return dict(raw_of(args, reading.secrets).texts())

    def from_raw(self, values: Values) -> dict[str, str]:
        """The form filled from the JSON text. Raises `InvalidInput` where it is no object of these arguments."""
        return dict(self._from_raw(Typed.of(values)).texts())

    def _from_raw(self, typed: Typed) -> Typed:
        try:
            args = read_raw(typed)
        except ValueError as error:
            raise InvalidInput.of("args", str(error)) from None
        names = [field.name for field in self.fields if field.name != self.extra]
        unknown = [name for name in args if name not in names] if self.extra is None else []
        if unknown:
            raise InvalidInput({f"args.{n}": f"There is no such argument.{suggestion(n, names)}" for n in unknown})
        return self._shown(args, Showing(typed.at(CARRIED)))

    def _shown(self, args: Mapping[str, Any], showing: Showing) -> Typed:
        named = {field.name: field for field in self.fields if field.name != self.extra}
        shown = Typed()
        for name, field in named.items():
            shown.parts[name] = showing.show(field, args.get(name, EMPTY), name)
        if self.extra is not None:
            rest = {name: value for name, value in args.items() if name not in named}
            shown.parts[self.extra] = showing.show(self.fields[-1], rest, "")
        return shown

    def _args(self, typed: Typed, reading: Reading) -> Json:
        args: Json = {}
        for field in self.fields:
            path = "" if field.name == self.extra else field.name
            value = reading.value(field, typed.at(field.name), field.name, path)
            if field.name == self.extra:
                args = (value if isinstance(value, dict) else {}) | args
            elif value is not EMPTY:
                args[field.name] = value
        return args


def _placed(errors: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """Errors by their places in the JSON → by the nearest field of the form. Where the field itself has no place, as of
    another kind of a union, what stands beside fields nearby says more."""
    found: dict[str, str] = {}
    far: dict[str, str] = {}
    for path, text in errors.items():
        steps = path.removeprefix("args.").split(".")
        near = [".".join(steps[:count]) for count in range(len(steps), 0, -1)]
        place = next((one for one in near if one in places), "")
        name = f"args.{places.get(place, steps[0])}" if path != "args" else path
        (found if place == near[0] else far).setdefault(name, text)
    more = {name: text for name, text in far.items() if not any(one.startswith(name) for one in found)}
    return found | more
