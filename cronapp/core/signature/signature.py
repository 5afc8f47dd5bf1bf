"""A function's signature as JSON Schema, as form fields, and as the check that turns JSON into its arguments."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.signature.annotations import hints_of
from cronapp.core.signature.docstrings import parameter_help
from cronapp.core.signature.forms import FormField, extra_field, form_field, from_text, shows_default, to_text
from cronapp.core.signature.parameter import EMPTY, Parameter, parameter_of
from cronapp.core.signature.texts import json_or
from cronapp.core.validation import explain, suggestion

MASK = "********"
"""Stands for a secret wherever arguments are shown."""


@dataclass(frozen=True)
class Signature:
    """What a function takes. `problem` says what of it could not be understood; such parameters take any JSON."""

    parameters: tuple[Parameter, ...]
    extra: Parameter | None = None  # **kwargs
    problem: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Signature:
        """Read a function. Annotations written as text are resolved; `*args` stays empty."""
        hints, problems = hints_of(function)
        helps = parameter_help(inspect.getdoc(function) or "")
        parameters: list[Parameter] = []
        extra: Parameter | None = None
        for raw in inspect.signature(function).parameters.values():
            if raw.kind is raw.VAR_POSITIONAL:
                continue
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
        """JSON values → keyword arguments of the annotated types.

        Raises `InvalidInput` with every wrong, missing and unknown argument at once, as `args.day`.
        """
        kwargs: dict[str, Any] = {}
        errors: dict[str, str] = {}
        path = f"{prefix}." if prefix else ""
        for name, value in args.items():
            if parameter := self._named(name):
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
        """Call the function with checked arguments, also one with positional-only parameters."""
        named = dict(kwargs)
        leading = [p for p in self.parameters if p.positional and (p.name in named or p.has_default)]
        positional = [named.pop(p.name, p.default) for p in leading]
        return function(*positional, **named)

    def fields(self) -> tuple[FormField, ...]:
        """The form's fields; `**kwargs` is one more, that takes a JSON object."""
        return tuple(form_field(p) for p in self.parameters) + ((extra_field(self.extra),) if self.extra else ())

    def from_form(self, values: Mapping[str, str], stored: Mapping[str, Any] | None = None) -> Json:
        """Form texts, by parameter, → the JSON values that a job stores.

        An empty text leaves out what has a default; a switch that is not there is off, as browsers send it. A secret
        that is left empty keeps its value in `stored`; what is not `stored` and shows its default still follows the
        code. Raises `InvalidInput` with keys as `args.day`.
        """
        args: Json = {}
        errors: dict[str, str] = {}
        for parameter in self.parameters:
            name, text = parameter.name, values.get(parameter.name, "")
            if stored is not None and name not in stored and shows_default(parameter, text):
                continue
            try:
                keeps = parameter.secret and text.strip() in ("", MASK) and name in (stored or {})
                value = (stored or {})[name] if keeps else from_text(parameter, text)
            except ValueError as error:
                errors[f"args.{name}"] = str(error)
                continue
            if value is not EMPTY:
                args[name] = value
        self._read_extra(values, args, errors)
        return self._complete(args, errors)

    def to_form(self, args: Mapping[str, Any]) -> dict[str, str]:
        """Stored JSON values → form texts, also of the defaults of what is not stored. Secrets are not given out."""
        texts = {p.name: "" if p.secret else form_field(p).default for p in self.parameters}
        known = {p.name: p for p in self.parameters}
        texts |= {n: to_text(known[n], value) for n, value in args.items() if n in known and not known[n].secret}
        if self.extra:
            rest = {name: value for name, value in args.items() if name not in known}
            texts[self.extra.name] = "" if not rest or self.extra.secret else json.dumps(rest, ensure_ascii=False)
        return texts

    def masked(self, args: Mapping[str, Any]) -> Json:
        """The arguments as they may be shown: a value with a secret in it is `MASK`."""
        return {name: MASK if self._is_secret(name) and value is not None else value for name, value in args.items()}

    def unmasked(self, args: Mapping[str, Any], stored: Mapping[str, Any]) -> Json:
        """The reverse, for arguments that come back as they were shown: a `MASK` is what is stored."""
        return {
            name: stored[name] if value == MASK and self._is_secret(name) and name in stored else value
            for name, value in args.items()
        }

    def _named(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), self.extra)

    def _is_secret(self, name: str) -> bool:
        parameter = self._named(name)
        return parameter is not None and parameter.secret

    def _read_extra(self, values: Mapping[str, str], args: Json, errors: dict[str, str]) -> None:
        """Further values go to `**kwargs`; its own field holds an object of them."""
        known = {p.name for p in self.parameters}
        rest = {name: text for name, text in values.items() if name not in known}
        if self.extra and (text := rest.pop(self.extra.name, "").strip()):
            more = json_or(text, None)
            if isinstance(more, dict):
                args.update({name: value for name, value in more.items() if name not in known})
            else:
                errors[f"args.{self.extra.name}"] = 'A JSON object is expected, such as {"key": "value"}.'
        args.update({name: json_or(text, text) for name, text in rest.items()})

    def _complete(self, args: Json, errors: dict[str, str]) -> Json:
        """The values, if they also pass the check; what could not be read at all keeps its own message."""
        try:
            self.check(args)
        except InvalidInput as invalid:
            errors = {**invalid.errors, **errors}
        if errors:
            raise InvalidInput(errors)
        return args


def _checked(parameter: Parameter, value: Any, field: str) -> Any:
    """The value as the annotated type. Raises `InvalidInput` for `field`, or for what of it is wrong."""
    try:
        # A copy: the task may change its arguments, and the job's must stay as they are.
        return parameter.adapter.validate_python(copy.deepcopy(value))
    except ValidationError as error:
        raise InvalidInput(explain(error, field, value=value, secret=parameter.secret)) from None
    except Exception as error:  # a validator of the user's own model
        reason = type(error).__name__ + ("." if parameter.secret else f": {error}.")
        raise InvalidInput.of(field, f"This cannot be used: {reason}") from None
