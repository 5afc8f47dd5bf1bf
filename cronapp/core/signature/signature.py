"""A function's signature as JSON Schema, as form fields, and as the check that turns JSON into its arguments."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cronapp.core.errors import InvalidInput
from cronapp.core.hidden import MASK, Hidden, Named, named, reference
from cronapp.core.models import Json
from cronapp.core.signature.annotations import hints_of
from cronapp.core.signature.docstrings import parameter_help
from cronapp.core.signature.fields import FormField
from cronapp.core.signature.form import Form
from cronapp.core.signature.parameter import Parameter, parameter_of
from cronapp.core.signature.secrets import default_texts, references, replaced, secret_texts, without_references
from cronapp.core.validation import explain, suggestion


@dataclass(frozen=True)
class Signature:
    """What a function takes. `problem` says what of it could not be understood; such parameters take any JSON."""

    parameters: tuple[Parameter, ...]
    extra: Parameter | None = None  # **kwargs
    problem: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Signature:
        """Read a function. Annotations written as text are resolved."""
        hints, problems = hints_of(function)
        helps = parameter_help(inspect.getdoc(function) or "")
        parameters: list[Parameter] = []
        extra: Parameter | None = None
        for raw in inspect.signature(function).parameters.values():
            parameter = parameter_of(raw, hints.get(raw.name, Any), helps.get(raw.name, ""), problems)
            if raw.kind is raw.VAR_KEYWORD:
                extra = parameter
            else:
                parameters.append(parameter)
        return cls(tuple(parameters), extra, " ".join(problems) or None)

    def json_schema(self) -> Json:
        """The arguments as one JSON Schema (2020-12) object."""
        each = [*self.parameters, *([self.extra] if self.extra else [])]
        inputs = [(p.name, "validation", p.adapter) for p in each]
        schemas, shared = TypeAdapter.json_schemas(inputs, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
        named = {name: schema for (name, _), schema in schemas.items()}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {p.name: p.property_schema(named[p.name]) for p in self.parameters},
            "required": [p.name for p in self.parameters if not p.has_default],
            "additionalProperties": named[self.extra.name] if self.extra else False,
            **shared,
        }

    def check(self, args: Mapping[str, Any], prefix: str = "args") -> dict[str, Any]:
        """JSON values → keyword arguments of the annotated types. A stored secret that is named is not looked into
        here, nor what is encrypted.

        Raises `InvalidInput` with every wrong, missing and unknown argument at once, as `args.day`.
        """
        kwargs: dict[str, Any] = {}
        errors: dict[str, str] = {}
        path = f"{prefix}." if prefix else ""
        for name, value in args.items():
            if parameter := self._named(name):
                if isinstance(value, Hidden):
                    continue
                try:
                    kwargs[name] = _checked(parameter, value, path + name)
                except InvalidInput as error:
                    errors |= error.errors
            else:
                known = [p.name for p in self.parameters]
                errors[path + name] = f"There is no such argument.{suggestion(name, known)}"
        for parameter in self.parameters:
            if not parameter.has_default and parameter.name not in args:
                errors[path + parameter.name] = "This argument is required."
        if errors:
            raise InvalidInput(errors)
        return kwargs

    def call(self, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the function with checked arguments, also with those that can only be given by their place."""
        named = dict(kwargs)
        spread = next((n for n, p in enumerate(self.parameters) if p.spread), -1)
        further = named.pop(self.parameters[spread].name, []) if spread >= 0 else []
        placed = self.parameters[:spread] if further else [p for p in self.parameters if p.positional]
        positional = [named.pop(p.name, p.default) for p in placed if p.name in named or p.has_default]
        return function(*positional, *further, **named)

    def fields(self) -> tuple[FormField, ...]:
        """The form's fields; `**kwargs` is one more, with a name and a value for each."""
        return tuple(p.field for p in self.parameters) + ((self.extra.more,) if self.extra else ())

    @cached_property
    def form(self) -> Form:
        """The arguments as a form: what it shows for stored ones, and what it says."""
        return Form(self.fields(), self.extra.name if self.extra else None, self.check)

    def from_form(self, values: Mapping[str, str], stored: Mapping[str, Any] | None = None) -> Json:
        """Form texts, without `args.` before their names, → the JSON values that a job stores.

        What is left to its default is left out; a switch that is not there is off, as browsers send it. A secret that
        is left empty keeps its value in `stored`. Raises `InvalidInput` with the names of the form's fields.
        """
        return self.form.read(values, stored)

    def to_form(self, args: Mapping[str, Any]) -> dict[str, str]:
        """Stored JSON values → form texts, also of what is not stored. Secrets are not given out."""
        return self.form.show(args)

    def masked(self, args: Mapping[str, Any]) -> Json:
        """The arguments as they may be shown: a value with a secret in it is `MASK`, and a stored one has its name."""
        return {name: self._shown(name, value) for name, value in args.items()}

    def unmasked(self, args: Mapping[str, Any], stored: Mapping[str, Any]) -> Json:
        """The reverse, for arguments that come back as they were shown: a `MASK` is what is stored."""
        return {
            name: stored[name] if value == MASK and name in stored and self._is_hidden(name, stored) else value
            for name, value in args.items()
        }

    def kept_secret(self, name: str, value: Any) -> bool:
        """Whether a value given for that argument is not to be kept as it is."""
        return value is not None and self._is_secret(name)

    def alone(self, name: str) -> bool:
        """Whether the argument of that name is a secret itself, and not only has one within."""
        parameter = self._named(name)
        return parameter is not None and parameter.field.kind == "secret"

    def references(self, name: str, value: Any) -> tuple[str, ...]:
        """The stored secrets that an argument names."""
        parameter = self._named(name)
        return references(parameter.field, value) if parameter else ()

    def resolved(self, args: Mapping[str, Any], lookup: Callable[[str], str]) -> Json:
        """The arguments with the values of the stored secrets that they name."""

        def look(secret: Any, _: str) -> Any:
            name = named(secret)
            return secret if name is None else lookup(name)

        return {
            name: replaced(parameter.field, value, look) if (parameter := self._named(name)) else value
            for name, value in args.items()
        }

    def secret_texts(self, args: Mapping[str, Any]) -> set[str]:
        """The secrets in arguments, and those that are defaults, as texts."""
        found = ((self._named(name), value) for name, value in args.items())
        given = {text for p, value in found if p and p.secret for text in secret_texts(p.field, value)}
        return given | {text for p in self.parameters if p.name not in args for text in default_texts(p.default)}

    @property
    def has_secrets(self) -> bool:
        return any(p.secret for p in (*self.parameters, *([self.extra] if self.extra else [])))

    def open_names(self) -> frozenset[str]:
        """The names of the arguments without a secret in them."""
        return frozenset(p.name for p in self.parameters if not p.secret)

    def _named(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), self.extra)

    def _shown(self, name: str, value: Any) -> Any:
        if isinstance(value, Named):
            return reference(value.name)
        if isinstance(value, Hidden):
            return MASK
        if value is None or not self._is_secret(name) or (self.alone(name) and named(value) is not None):
            return value
        return MASK

    def _is_hidden(self, name: str, stored: Mapping[str, Any]) -> bool:
        return self._is_secret(name) or isinstance(stored[name], Hidden)

    def _is_secret(self, name: str) -> bool:
        parameter = self._named(name)
        return parameter is not None and parameter.secret


def _checked(parameter: Parameter, value: Any, field: str) -> Any:
    """The value as the annotated type. Raises `InvalidInput` for `field`, or for what of it is wrong."""
    # A copy: the task may change its arguments, and the job's must stay as they are.
    value, places = copy.deepcopy(value), set[str]()
    if parameter.secret:
        value, places = without_references(parameter.field, value)
    try:
        return parameter.adapter.validate_python(value)
    except ValidationError as error:
        wrong = explain(error, field, value=value, secret=parameter.secret)
        later = {f"{field}.{place}" if place else field for place in places}  # looked at when the run begins
        if errors := {place: text for place, text in wrong.items() if place not in later}:
            raise InvalidInput(errors) from None
        return value
    except Exception as error:  # a validator of the user's own model
        reason = type(error).__name__ + ("." if parameter.secret else f": {error}.")
        raise InvalidInput.of(field, f"This cannot be used: {reason}") from None
