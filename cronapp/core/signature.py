"""A function's signature as JSON Schema, as form fields, and as the check that turns JSON into its arguments."""

from __future__ import annotations

import copy
import inspect
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, Optional, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from cronapp.core.durations import parse_duration
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.validation import explain, suggestion

MASK = "********"
"""Stands for a secret wherever arguments are shown."""

EMPTY: Any = inspect.Parameter.empty
ON = frozenset({"on", "true", "yes", "1"})
FORMATS = {"date": "date", "time": "time", "date-time": "datetime", "password": "secret"}
TYPE_NAMES = {
    "text": "text",
    "textarea": "text",
    "number": "number",
    "switch": "yes or no",
    "choice": "one of a list",
    "date": "date",
    "time": "time",
    "datetime": "date and time",
    "duration": "duration",
    "json": "JSON",
    "secret": "secret",
}
PLACEHOLDERS = {
    "date": "2026-01-31",
    "time": "09:30",
    "datetime": "2026-01-31T09:30",
    "duration": "10m or 1h30m",
    "json": '{"key": "value"}',
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One argument, as a form shows it. All texts are plain; `default` and the choices' values are form texts."""

    name: str
    label: str
    kind: str  # text textarea number switch choice date time datetime duration json secret
    required: bool
    default: str
    has_default: bool
    help: str
    choices: tuple[tuple[str, str], ...]  # value, label
    minimum: float | None
    maximum: float | None
    step: float | str | None  # "any" for a number with decimals
    placeholder: str
    nullable: bool
    type_name: str


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type, its default, and how its values are read from and written to a form."""

    name: str
    annotation: Any
    default: Any
    positional: bool  # positional-only, so a call may not name it
    adapter: TypeAdapter[Any]
    help: str = ""
    title: str = ""

    @property
    def has_default(self) -> bool:
        return self.default is not EMPTY

    @property
    def label(self) -> str:
        return self.title or _words(self.name)

    @cached_property
    def schema(self) -> Json:
        """Its JSON Schema, complete in itself."""
        return self.adapter.json_schema()

    @cached_property
    def secret(self) -> bool:
        """Whether a secret is in it, at any depth."""
        return '"format": "password"' in json.dumps(self.schema)

    @cached_property
    def shape(self) -> Json:
        """The schema without the branch for null and without a reference at its top."""
        rest = [branch for branch in self._branches() if branch.get("type") != "null"]
        return rest[0] if len(rest) == 1 else {**self.schema, "anyOf": rest} if rest else self.schema

    @cached_property
    def nullable(self) -> bool:
        return any(branch.get("type") == "null" or None in branch.get("enum", ()) for branch in self._branches())

    @cached_property
    def bare(self) -> Any:
        """The annotation without `Annotated`, `Optional` and names given to it."""
        return _bare(self.annotation)

    @cached_property
    def choices(self) -> dict[str, tuple[Any, str]]:
        """Form text → JSON value and label, for an Enum, a Literal, or a yes/no that may also be left open."""
        if isinstance(self.bare, type) and issubclass(self.bare, Enum):
            return {_text(_member_value(m)): (_member_value(m), _words(m.name)) for m in self.bare}
        if self.shape.get("type") == "boolean" and self.nullable:
            return {"true": (True, "Yes"), "false": (False, "No")}
        values = self.shape.get("enum", [self.shape["const"]] if "const" in self.shape else [])
        return {_text(value): (value, _text(value)) for value in values if value is not None}

    @cached_property
    def loose(self) -> bool:
        """Whether a text may mean JSON or itself: no annotation, or a union that takes texts among others."""
        if self.choices or "type" in self.shape or self.bare in (timedelta, Decimal):
            return False
        branches = self.shape.get("anyOf", ())
        return not branches or any(branch.get("type") not in ("array", "object") for branch in branches)

    @cached_property
    def kind(self) -> str:
        if self.bare is timedelta:
            return "duration"
        if self.choices:
            return "choice"
        if self.loose:
            return "text"
        kind = self.shape.get("type")
        if kind in ("integer", "number") or self.bare is Decimal:
            return "number"
        if kind == "boolean":
            return "switch"
        if kind != "string":
            return "json"
        return FORMATS.get(self.shape.get("format", ""), "textarea" if self._is_long() else "text")

    @property
    def default_json(self) -> Any:
        """The default as JSON would give it; EMPTY when there is none, or none that JSON can hold or may show."""
        if isinstance(self.default, timedelta):
            return _duration_text(self.default)
        if isinstance(self.default, Enum):
            return _member_value(self.default)
        if not self.has_default or self.secret:
            return EMPTY
        try:
            value = to_jsonable_python(self.default)
            json.dumps(value, allow_nan=False)
        except ValueError:
            return EMPTY
        return value

    def property_schema(self, schema: Json) -> Json:
        """What stands for this parameter among the `properties` of an object's schema."""
        described = {**schema, "title": self.label}
        if self.help:
            described["description"] = self.help
        if self.default_json is not EMPTY:
            described["default"] = self.default_json
        return described

    def form_field(self) -> FormField:
        kind, shape = self.kind, self.shape
        whole = kind == "number" and shape.get("type") == "integer"
        low, high = _bounds(shape, 1 if whole else 0)
        return FormField(
            name=self.name,
            label=self.label,
            kind=kind,
            required=not self.has_default and not self.nullable and kind != "switch",
            default="" if self.default_json is EMPTY else self.to_text(self.default_json),
            has_default=self.has_default,
            help=self.help,
            choices=tuple((text, label) for text, (_, label) in self.choices.items()),
            minimum=low,
            maximum=high,
            step=(shape.get("multipleOf", 1 if whole else "any") if kind == "number" else None),
            placeholder=self._placeholder(),
            nullable=self.nullable,
            type_name="whole number" if whole else "text or JSON" if self.loose else TYPE_NAMES[kind],
        )

    def to_text(self, value: Any) -> str:
        """A JSON value as the form shows it. `from_text` gives it back."""
        if self.kind == "switch":
            return "on" if value is True or str(value).lower() in ON else ""
        if value is None:
            return "null" if self.loose or (self.has_default and self.default is not None) else ""
        if self.kind == "json":
            text = json.dumps(value, ensure_ascii=False)
            return text if len(text) <= 60 else json.dumps(value, ensure_ascii=False, indent=2)
        if self.loose and isinstance(value, str):
            return value if value and _json_or(value, EMPTY) is EMPTY else json.dumps(value, ensure_ascii=False)
        return '""' if value == "" else _text(value)

    def shows_default(self, text: str) -> bool:
        """Whether a form's text is the one that it shows for the default."""
        return self.has_default and text.replace("\r\n", "\n") == self.form_field().default

    def from_text(self, text: str) -> Any:
        """A form's text as the JSON value to be stored; EMPTY: left out. A ValueError's message is for the user."""
        text = text.replace("\r\n", "\n")
        if self.kind == "switch":
            return text.strip().lower() in ON
        if not text.strip() and (self.has_default or self.nullable or not text):
            return self._nothing()
        if text.strip() == "null" and self.nullable and self.default is not None:
            return None
        return self._read(text)

    def _read(self, text: str) -> Any:
        if self.loose:
            return _json_or(text, text)
        match self.kind:
            case "text" | "textarea":
                return "" if text == '""' else text
            case "secret":
                return text
            case "choice":
                return self.choices.get(text, (text, ""))[0]
            case "json":
                return self._json(text)
            case "duration":
                return _number(text.strip())
            case "number":
                return text.strip() if self.bare is Decimal else _number(text.strip())
        return text.strip()

    def _nothing(self) -> Any:
        if self.has_default:
            return EMPTY
        if self.nullable:
            return None
        hint = ' For an empty text write "" (two quotation marks).' if self.kind in ("text", "textarea") else ""
        raise ValueError(f"This argument is required.{hint}")

    def _json(self, text: str) -> Any:
        try:
            return _strict_json(text)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ValueError(
                f"This is not JSON ({where}): {error.msg}. Write it like {self._placeholder()}."
            ) from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"This is not JSON that can be stored: {error}.") from error

    def _branches(self) -> list[Json]:
        definitions = self.schema.get("$defs", {})
        parts = self.schema.get("anyOf", [self.schema])
        return [{**definitions[p["$ref"].rpartition("/")[2]], **p} if "$ref" in p else p for p in parts]

    def _is_long(self) -> bool:
        return "\n" in str(self.default) or self.shape.get("maxLength", 0) > 200

    def _placeholder(self) -> str:
        if examples := self.schema.get("examples", self.shape.get("examples")):
            return self.to_text(examples[0])
        return '["a", "b"]' if self.shape.get("type") == "array" else PLACEHOLDERS.get(self.kind, "")


@dataclass(frozen=True)
class Signature:
    """What a function takes. `problem` says what of it could not be understood; such parameters take any JSON."""

    parameters: tuple[Parameter, ...]
    extra: Parameter | None = None  # **kwargs
    problem: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Signature:
        """Read a function. Annotations written as text are resolved; `*args` stays empty."""
        hints, problems = _hints(function)
        helps = parameter_help(inspect.getdoc(function) or "")
        parameters: list[Parameter] = []
        extra: Parameter | None = None
        for raw in inspect.signature(function).parameters.values():
            if raw.kind is raw.VAR_POSITIONAL:
                continue
            parameter = _parameter(raw, hints.get(raw.name, Any), helps.get(raw.name, ""), problems)
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
        for name, value in args.items():
            field = f"{prefix}.{name}" if prefix else name
            if parameter := self._named(name):
                _check_one(parameter, field, name, value, kwargs, errors)
            else:
                errors[field] = f"There is no such argument.{suggestion(name, [p.name for p in self.parameters])}"
        for parameter in self.parameters:
            if not parameter.has_default and parameter.name not in args:
                errors[f"{prefix}.{parameter.name}" if prefix else parameter.name] = "This argument is required."
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
        return tuple(p.form_field() for p in self.parameters) + ((_extra_field(self.extra),) if self.extra else ())

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
            if stored is not None and name not in stored and parameter.shows_default(text):
                continue
            try:
                keeps = parameter.secret and text.strip() in ("", MASK) and name in (stored or {})
                value = (stored or {})[name] if keeps else parameter.from_text(text)
            except ValueError as error:
                errors[f"args.{name}"] = str(error)
                continue
            if value is not EMPTY:
                args[name] = value
        self._read_extra(values, args, errors)
        return self._complete(args, errors)

    def to_form(self, args: Mapping[str, Any]) -> dict[str, str]:
        """Stored JSON values → form texts, also of the defaults of what is not stored. Secrets are not given out."""
        texts = {p.name: "" if p.secret else p.form_field().default for p in self.parameters}
        known = {p.name: p for p in self.parameters}
        texts |= {n: known[n].to_text(value) for n, value in args.items() if n in known and not known[n].secret}
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
            more = _json_or(text, None)
            if isinstance(more, dict):
                args.update({name: value for name, value in more.items() if name not in known})
            else:
                errors[f"args.{self.extra.name}"] = 'A JSON object is expected, such as {"key": "value"}.'
        args.update({name: _json_or(text, text) for name, text in rest.items()})

    def _complete(self, args: Json, errors: dict[str, str]) -> Json:
        """The values, if they also pass the check; what could not be read at all keeps its own message."""
        try:
            self.check(args)
        except InvalidInput as invalid:
            errors = {**invalid.errors, **errors}
        if errors:
            raise InvalidInput(errors)
        return args


def parameter_help(doc: str) -> dict[str, str]:
    """What a docstring says of each parameter, in Google's, NumPy's or reST's style."""
    found = dict(_rest_style(doc))
    section = re.search(r"^(Args|Arguments|Parameters|Params):?[ \t]*\n(?:-{3,}[ \t]*\n)?((?:.*\n?)*)", doc, re.M)
    if section:
        found |= _listed(section[2].split("\n"), numpy=section[0].count("---") > 0)
    return {name: " ".join(text.split()) for name, text in found.items() if text.strip()}


def _rest_style(doc: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^:param (?:[^:\n]*\s)?\*{0,2}(\w+):(.*(?:\n[ \t]+.*)*)", doc, re.M):
        yield match[1], match[2]


def _listed(lines: list[str], *, numpy: bool) -> dict[str, str]:
    """`name (type): text` with deeper lines that go on, or NumPy's `name : type` with the text below it."""
    head = re.compile(r"\s*\*{0,2}(\w+)\s*(?::.*)?()$" if numpy else r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:(.*)$")
    found: dict[str, str] = {}
    margin, name = None, ""
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        margin = indent if margin is None else margin
        if indent < margin or (not numpy and indent == 0) or line.lstrip().startswith("---"):
            break
        match = head.match(line) if indent == margin else None
        if match:
            name = match[1]
            found[name] = match[2]
        elif name:
            found[name] += " " + line.strip()
    return found


def _hints(function: Callable[..., Any]) -> tuple[dict[str, Any], list[str]]:
    """Every annotation that can be resolved, and a sentence for each that cannot."""
    plain = inspect.unwrap(function)
    hints: dict[str, Any] = {}
    problems: list[str] = []
    for name, annotation in getattr(plain, "__annotations__", {}).items():
        if name == "return":
            continue
        holder = SimpleNamespace(__annotations__={name: annotation})
        try:
            hints |= get_type_hints(holder, globalns=getattr(plain, "__globals__", {}), include_extras=True)
        except Exception as error:  # an annotation is an expression, and may raise whatever it likes
            problems.append(f'The annotation of "{name}", {annotation!r}, cannot be resolved: {error}.')
    return hints, problems


def _parameter(raw: inspect.Parameter, hint: Any, doc: str, problems: list[str]) -> Parameter:
    try:
        if raw.default is None and hint is not Any:
            hint = Optional[hint]  # noqa: UP045 - `|` does not go with every annotation
        adapter: TypeAdapter[Any] = TypeAdapter(_prepared(hint))
        adapter.json_schema()
    except Exception as error:  # a class of the user's may refuse in any way
        reason = str(error).partition("\n")[0]
        problems.append(f'"{raw.name}" has a type that JSON cannot give ({reason}); it takes any JSON value instead.')
        hint, adapter = Any, TypeAdapter(Any)
    notes = list(_notes(hint))
    help_ = next((text for note in notes if (text := getattr(note, "description", None))), doc)
    title = next((text for note in notes if (text := getattr(note, "title", None))), "")
    positional = raw.kind is raw.POSITIONAL_ONLY
    return Parameter(raw.name, hint, raw.default, positional, adapter, str(help_), str(title))


def _check_one(
    parameter: Parameter, field: str, name: str, value: Any, kwargs: dict[str, Any], errors: dict[str, str]
) -> None:
    try:
        # A copy: the task may change its arguments, and the job's must stay as they are.
        kwargs[name] = parameter.adapter.validate_python(copy.deepcopy(value))
    except ValidationError as error:
        errors.update(explain(error, field, value=value, secret=parameter.secret))
    except Exception as error:  # a validator of the user's own model
        errors[field] = f"This cannot be used: {type(error).__name__}" + ("." if parameter.secret else f": {error}.")


def _extra_field(extra: Parameter) -> FormField:
    return FormField(
        name=extra.name,
        label=extra.label,
        kind="json",
        required=False,
        default="",
        has_default=True,
        help=extra.help or "Further arguments, as a JSON object.",
        choices=(),
        minimum=None,
        maximum=None,
        step=None,
        placeholder=PLACEHOLDERS["json"],
        nullable=False,
        type_name="JSON",
    )


def _prepared(annotation: Any) -> Any:
    """The annotation with our own reading of durations, and of Enum members whose values JSON cannot hold."""
    if annotation is timedelta:
        return Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=float | str)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _prepared_enum(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[_prepared(inner[0]), *inner[1:]]
    if origin in (Union, UnionType):
        return Union[tuple(_prepared(part) for part in inner)]  # noqa: UP007
    if origin in (list, set, frozenset, tuple, dict):
        return origin[tuple(_prepared(part) for part in inner)]
    return annotation


def _prepared_enum(kind: type[Enum]) -> Any:
    names = tuple(m.name for m in kind if _member_value(m) != m.value)
    if not names:
        return kind
    accepted: Any = Literal[tuple(_member_value(m) for m in kind)]
    by_name = BeforeValidator(lambda v: kind[v] if v in names else v, json_schema_input_type=accepted)
    return cast(Any, Annotated)[kind, by_name]


def _member_value(member: Enum) -> Any:
    return member.value if isinstance(member.value, str | int | float) else member.name


def _duration(value: Any) -> Any:
    """`10m` and the like; what else pydantic knows (ISO 8601, seconds) is left to it."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=parse_duration(value))
        except (ValueError, OverflowError):
            return value
    return value


def _duration_text(value: timedelta) -> str:
    """Exact and short: `1h30m`, `30d`, `0.5s`."""
    rest = value.total_seconds()
    if rest <= 0:
        return f"{rest:g}"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, rest = divmod(rest, size)
        parts += [f"{int(count)}{unit}"] if count else []
    return "".join([*parts, *([f"{round(rest, 6):g}s"] if rest else [])])


def _bare(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return _bare(annotation.__supertype__) if hasattr(annotation, "__supertype__") else annotation


def _notes(annotation: Any) -> Iterator[Any]:
    """What stands beside a type in `Annotated`, also within an `Optional`."""
    if get_origin(annotation) is Annotated:
        yield from get_args(annotation)[1:]
    if get_origin(annotation) in (Annotated, Union, UnionType):
        for part in get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]:
            yield from _notes(part)


def _bounds(shape: Json, step: int) -> tuple[float | None, float | None]:
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is None and "exclusiveMinimum" in shape:
        low = shape["exclusiveMinimum"] + step
    if high is None and "exclusiveMaximum" in shape:
        high = shape["exclusiveMaximum"] - step
    return low, high


def _words(name: str) -> str:
    words = name.replace("_", " ").strip()
    words = words.lower() if words.isupper() else words
    return words[:1].upper() + words[1:]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(text: str) -> Any:
    """A number if the text is one, else the text, for the check to refuse with its own words."""
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else _finite(text)
    except ValueError:
        return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number that JSON can hold")
    return number


def _strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _json_or(text: str, otherwise: Any) -> Any:
    try:
        return _strict_json(text)
    except (ValueError, RecursionError):
        return otherwise
