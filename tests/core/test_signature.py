"""Signatures as JSON Schema, as forms, and as the check of arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from cronapp.core.errors import InvalidInput
from cronapp.core.signature import MASK, FormField, Signature
from cronapp.core.signature.docstrings import parameter_help


class Region(StrEnum):
    NORTH_SEA = "north"
    BALTIC = "baltic"


class Level(Enum):
    LOW = 1
    HIGH = 2


class Planet(Enum):
    EARTH = (5.97e24, 6.37e6)
    MARS = (6.42e23, 3.39e6)


@dataclass
class Range:
    low: int
    high: int = 10


class Shop(BaseModel):
    name: str
    opened: date


def everything(
    text: str,
    number: int,
    share: Annotated[float, Field(ge=0, le=1, description="Between 0 and 1")],
    sure: bool,
    day: date,
    at: time,
    moment: datetime,
    wait: timedelta,
    region: Region,
    level: Level,
    mode: Literal["fast", "slow", 3],
    names: list[str],
    table: dict[str, int],
    span: Range,
    shop: Shop,
    token: SecretStr,
    anything,  # type: ignore[no-untyped-def]
    price: Decimal = Decimal("1.10"),
    path: Path = Path("/tmp"),
    uid: UUID | None = None,
    note: str | None = None,
    many: Annotated[int, Field(gt=0, multiple_of=5, title="How many")] = 5,
) -> None:
    """Do everything."""


GOOD: dict[str, Any] = {
    "text": "hello",
    "number": "3",
    "share": "0.5",
    "sure": True,
    "day": "2026-01-31",
    "at": "09:30",
    "moment": "2026-01-31T09:30:00Z",
    "wait": "1h30m",
    "region": "north",
    "level": 2,
    "mode": "fast",
    "names": ["a"],
    "table": {"a": 1},
    "span": {"low": 1},
    "shop": {"name": "Kiel", "opened": "2020-02-29"},
    "token": "hunter2",
    "anything": {"x": [1]},
}


def field_of(function: Callable[..., Any]) -> FormField:
    (field,) = Signature.of(function).fields()
    return field


def refused(call: Callable[[], Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        call()
    return caught.value.errors


# -- JSON to arguments ------------------------------------------------------------------------------------------------


def test_json_becomes_the_annotated_types() -> None:
    kwargs = Signature.of(everything).check(GOOD)
    assert kwargs["number"] == 3
    assert kwargs["share"] == 0.5
    assert kwargs["day"] == date(2026, 1, 31)
    assert kwargs["at"] == time(9, 30)
    assert kwargs["moment"].utcoffset() == timedelta(0)
    assert kwargs["wait"] == timedelta(hours=1, minutes=30)
    assert kwargs["region"] is Region.NORTH_SEA
    assert kwargs["level"] is Level.HIGH
    assert kwargs["span"] == Range(1, 10)
    assert kwargs["shop"] == Shop(name="Kiel", opened=date(2020, 2, 29))
    assert kwargs["token"].get_secret_value() == "hunter2"
    assert kwargs["anything"] == {"x": [1]}
    assert "price" not in kwargs


def test_every_wrong_argument_is_told_at_once() -> None:
    errors = refused(lambda: Signature.of(everything).check({**GOOD, "day": "x", "nmber": 3, "span": {"low": "x"}}))
    assert set(errors) == {"args.day", "args.nmber", "args.span.low"}
    assert errors["args.nmber"] == 'There is no such argument. Did you mean "number"?'


def test_what_is_missing_is_told() -> None:
    errors = refused(lambda: Signature.of(everything).check({}))
    assert set(errors) == {f"args.{name}" for name in GOOD}
    assert set(errors.values()) == {"This argument is required."}


def test_the_prefix_may_be_another_or_none() -> None:
    def takes(x: int) -> None: ...

    assert set(refused(lambda: Signature.of(takes).check({"x": "a"}, prefix="arguments"))) == {"arguments.x"}
    assert set(refused(lambda: Signature.of(takes).check({}, prefix=""))) == {"x"}


def test_a_secret_never_stands_in_a_message() -> None:
    def takes(token: Annotated[SecretStr, Field(max_length=3)]) -> None: ...

    assert "hunter2" not in str(refused(lambda: Signature.of(takes).check({"token": "hunter2"})))


def test_durations_are_read_at_any_depth() -> None:
    def takes(
        waits: list[timedelta], by_name: dict[str, timedelta | None], at_least: timedelta | None = None
    ) -> None: ...

    kwargs = Signature.of(takes).check({"waits": ["10m", 90, "PT1H"], "by_name": {"a": "1d"}, "at_least": "2s"})
    assert kwargs["waits"] == [timedelta(minutes=10), timedelta(seconds=90), timedelta(hours=1)]
    assert kwargs["by_name"] == {"a": timedelta(days=1)}
    assert kwargs["at_least"] == timedelta(seconds=2)
    assert "10m" in refused(lambda: Signature.of(takes).check({"waits": ["soon"], "by_name": {}}))["args.waits.0"]


def test_a_duration_may_have_bounds() -> None:
    def takes(wait: Annotated[timedelta, Field(ge=timedelta(seconds=10))]) -> None: ...

    assert Signature.of(takes).check({"wait": "1m"}) == {"wait": timedelta(minutes=1)}
    assert "args.wait" in refused(lambda: Signature.of(takes).check({"wait": "1s"}))


def test_enum_members_that_json_cannot_hold_go_by_their_name() -> None:
    def takes(planet: Planet, other: Planet | None = None) -> None: ...

    signature = Signature.of(takes)
    assert signature.check({"planet": "MARS"}) == {"planet": Planet.MARS}
    assert signature.fields()[0].choices == (("EARTH", "Earth"), ("MARS", "Mars"))
    assert signature.from_form({"planet": "EARTH"}) == {"planet": "EARTH"}
    assert "args.planet" in refused(lambda: signature.check({"planet": "PLUTO"}))


def test_the_task_gets_its_own_copy_of_what_the_job_stores() -> None:
    def takes(anything: Any) -> None: ...

    stored = {"anything": {"list": [1]}}
    Signature.of(takes).check(stored)["anything"]["list"].append(2)
    assert stored == {"anything": {"list": [1]}}


def test_a_default_of_none_makes_a_parameter_nullable() -> None:
    def takes(x: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert Signature.of(takes).check({"x": None}) == {"x": None}


def test_the_users_own_validator_may_raise_anything() -> None:
    class Odd(BaseModel):
        x: int

        def model_post_init(self, _: Any) -> None:
            raise KeyError("nothing there")

    def takes(odd: Odd) -> None: ...

    takes.__annotations__["odd"] = Odd
    assert refused(lambda: Signature.of(takes).check({"odd": {"x": 1}}))["args.odd"].startswith("This cannot be used")


# -- kinds of parameters ----------------------------------------------------------------------------------------------


def test_positional_only_parameters_are_passed_by_place() -> None:
    def takes(a: int, b: int = 2, /, c: int = 3, *, d: int = 4) -> tuple[int, int, int, int]:
        return a, b, c, d

    signature = Signature.of(takes)
    assert signature.call(takes, signature.check({"a": "1", "d": 5})) == (1, 2, 3, 5)
    assert signature.call(takes, {"a": 1, "b": 9, "c": 8}) == (1, 9, 8, 4)


def test_star_args_and_star_kwargs_are_given_by_name() -> None:
    def takes(a: int, b: int = 2, *rest: int, **more: int) -> tuple[Any, ...]:
        return a, b, rest, more

    signature = Signature.of(takes)
    assert signature.call(takes, signature.check({"a": 1, "c": "2"})) == (1, 2, (), {"c": 2})
    assert signature.call(takes, signature.check({"a": 1, "rest": ["3", 4]})) == (1, 2, (3, 4), {})
    assert refused(lambda: signature.check({"a": 1, "c": "x"})) == {"args.c": "A whole number is expected, got 'x'."}
    assert refused(lambda: signature.check({"a": 1, "rest": ["x"]})).keys() == {"args.rest.0"}
    schema = signature.json_schema()
    assert schema["additionalProperties"] == {"type": "integer"}
    assert schema["properties"]["rest"]["items"] == {"type": "integer"}
    assert schema["required"] == ["a"]


def test_further_arguments_are_rows_of_the_form() -> None:
    def takes(a: int, *rest: int, **more: int) -> None: ...

    signature = Signature.of(takes)
    args = {"a": 1, "rest": [3, 4], "b": 2, "c": 5}
    assert signature.from_form(signature.to_form(args)) == args
    assert signature.from_form({"a": "1", "rest.0": "3", "more.0.key": "b", "more.0.value": "2"}) == {
        "a": 1, "rest": [3], "b": 2,
    }  # fmt: skip
    assert signature.from_form({"a": "1"}) == {"a": 1}
    wrong = {"a": "1", "rest.0": "x", "more.4.key": "b", "more.4.value": "y"}
    assert refused(lambda: signature.from_form(wrong)).keys() == {"args.rest.0", "args.more.4.value"}


def test_an_annotation_that_cannot_be_resolved_is_told_and_takes_anything() -> None:
    def takes(a: int, b: int) -> None: ...

    takes.__annotations__.update(a="Nowhere", b="int")
    signature = Signature.of(takes)
    assert signature.problem is not None
    assert "'Nowhere'" in signature.problem
    assert signature.check({"a": [1], "b": "2"}) == {"a": [1], "b": 2}


def test_a_type_that_json_cannot_give_is_told() -> None:
    class Connection: ...

    def takes(connection: Any, then: Any = None, odd: Any = None) -> None: ...

    takes.__annotations__.update(connection=Connection, then=Callable[[], None], odd=5)
    signature = Signature.of(takes)
    assert signature.problem is not None
    assert '"connection"' in signature.problem
    assert '"then"' in signature.problem
    assert '"odd"' in signature.problem
    assert signature.check({"connection": 1}) == {"connection": 1}


def test_a_function_without_parameters_takes_nothing() -> None:
    def takes() -> None: ...

    signature = Signature.of(takes)
    assert signature.check({}) == {}
    assert signature.fields() == ()
    assert refused(lambda: signature.check({"x": 1})) == {"args.x": "There is no such argument."}


# -- JSON Schema ------------------------------------------------------------------------------------------------------


def test_the_schema_describes_the_arguments() -> None:
    schema = Signature.of(everything).json_schema()
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(GOOD)
    properties = schema["properties"]
    assert properties["share"] == {
        "type": "number", "minimum": 0, "maximum": 1, "title": "Share", "description": "Between 0 and 1",
    }  # fmt: skip
    assert properties["many"]["title"] == "How many"
    assert properties["many"]["default"] == 5
    assert properties["price"]["default"] == "1.10"
    assert properties["uid"]["default"] is None
    assert properties["region"]["$ref"] == "#/$defs/Region"
    assert schema["$defs"]["Region"]["enum"] == ["north", "baltic"]
    assert "default" not in properties["token"]
    json.dumps(schema)


def test_a_secret_default_is_not_in_the_schema() -> None:
    def takes(token: SecretStr = SecretStr("hunter2")) -> None: ...  # noqa: B008

    signature = Signature.of(takes)
    assert "hunter2" not in json.dumps(signature.json_schema())
    assert signature.fields()[0].default_words == ""
    assert "hunter2" not in repr(signature.fields())


# -- form fields ------------------------------------------------------------------------------------------------------


def test_each_type_has_its_kind_of_field() -> None:
    kinds = {field.name: (field.kind, field.type_name) for field in Signature.of(everything).fields()}
    assert kinds == {
        "text": ("text", "text"),
        "number": ("number", "whole number"),
        "share": ("number", "number"),
        "sure": ("switch", "yes or no"),
        "day": ("date", "date"),
        "at": ("time", "time"),
        "moment": ("datetime", "date and time"),
        "wait": ("duration", "duration"),
        "region": ("choice", "one of a list"),
        "level": ("choice", "one of a list"),
        "mode": ("choice", "one of a list"),
        "names": ("rows", "list"),
        "table": ("pairs", "names and values"),
        "span": ("group", "group"),
        "shop": ("group", "group"),
        "token": ("secret", "secret"),
        "anything": ("loose", "text or JSON"),
        "price": ("number", "number"),
        "path": ("text", "text"),
        "uid": ("text", "text"),
        "note": ("text", "text"),
        "many": ("number", "whole number"),
    }


def test_a_field_tells_its_label_help_default_and_bounds() -> None:
    fields = {field.name: field for field in Signature.of(everything).fields()}
    assert fields["many"].label == "How many"
    assert (fields["many"].minimum, fields["many"].step, fields["many"].default) == (1, 5, 5)
    assert (fields["share"].minimum, fields["share"].maximum, fields["share"].step) == (0, 1, "any")
    assert fields["share"].help == "Between 0 and 1"
    assert fields["number"].required
    assert not fields["note"].required
    assert fields["note"].nullable
    assert fields["price"].default == "1.10"
    assert fields["region"].choices == (("north", "North sea"), ("baltic", "Baltic"))
    assert fields["level"].choices == (("1", "Low"), ("2", "High"))
    assert fields["mode"].choices == (("fast", "fast"), ("slow", "slow"), ("3", "3"))
    assert fields["many"].words == "whole number, at least 1, in steps of 5"
    assert fields["share"].words == "number, 0 to 1"
    assert fields["names"].words == "list of texts"


@pytest.mark.parametrize(
    ("default", "text"),
    [
        (timedelta(days=30), "30d"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(milliseconds=250), "0.25s"),
        (timedelta(0), "0"),
        (timedelta(days=1, seconds=5), "1d5s"),
    ],
)
def test_a_default_duration_is_shown_as_people_write_it(default: timedelta, text: str) -> None:
    def takes(wait: timedelta = default) -> None: ...

    assert field_of(takes).default_words == text
    assert Signature.of(takes).check({"wait": text}) == {"wait": default}


def test_a_default_that_json_cannot_hold_is_left_to_the_function() -> None:
    def takes(thing: Any = object(), limit: float = float("inf"), raw: bytes = b"\xff") -> None: ...  # noqa: B008

    signature = Signature.of(takes)
    assert [field.default_words for field in signature.fields()] == ["", "", ""]
    assert signature.from_form(signature.to_form({})) == {}
    json.dumps(signature.json_schema(), allow_nan=False)


def test_long_texts_get_a_textarea() -> None:
    def takes(body: str = "Dear all,\n") -> None: ...
    def bounded(body: Annotated[str, Field(max_length=5000)]) -> None: ...

    assert field_of(takes).kind == "textarea"
    assert field_of(bounded).kind == "textarea"


def test_a_yes_or_no_that_may_stay_open_is_a_choice() -> None:
    def takes(sure: bool | None = None) -> None: ...

    signature = Signature.of(takes)
    assert field_of(takes).choices == (("true", "Yes"), ("false", "No"))
    assert signature.from_form({"sure": "false"}) == {"sure": False}
    assert signature.from_form({"sure": ""}) == {}
    assert signature.to_form({"sure": True}) == {"sure": "true"}


@pytest.mark.parametrize(
    "doc",
    [
        "Do it.\n\nArgs:\n    limit: The largest\n        number.\n    *rest: More.\n\nReturns:\n    x: nothing",
        "Do it.\n\nArgs:\n    limit (int, optional): The largest number.\n",
        "Do it.\n\nParameters\n----------\nlimit : int\n    The largest\n    number.\n\nReturns\n-------\nint\n",
        "Do it.\n\n:param int limit: The largest\n    number.\n:returns: nothing",
        "Do it.\n\n:param limit: The largest number.\n",
    ],
)
def test_the_help_comes_from_any_style_of_docstring(doc: str) -> None:
    found = parameter_help(doc)
    assert found["limit"] == "The largest number."
    assert "x" not in found
    assert "int" not in found


def test_a_description_beats_the_docstring() -> None:
    def takes(x: Annotated[int, Field(description="Better")], y: Annotated[int, Field(description="Y")] | None = None):  # type: ignore[no-untyped-def]
        """Do.

        Args:
            x: Worse
        """

    assert [field.help for field in Signature.of(takes).fields()] == ["Better", "Y"]


# -- forms to JSON and back -------------------------------------------------------------------------------------------

FORM = {
    "text": " kept as it is ",
    "number": " 3 ",
    "share": "0.5",
    "sure": "on",
    "day": "2026-01-31",
    "at": "09:30",
    "moment": "2026-01-31T09:30",
    "wait": "10m",
    "region": "north",
    "level": "2",
    "mode": "3",
    "names": '["a",\r\n "b"]',
    "table": "{}",
    "span": '{"low": 1}',
    "shop": '{"name": "x", "opened": "2026-01-01"}',
    "token": "hunter2",
    "anything": '{"a": 1}',
    "price": "2.50",
    "path": "",
    "uid": "",
    "note": "",
    "many": "10",
}


def test_form_texts_become_the_json_that_a_job_stores() -> None:
    assert Signature.of(everything).from_form(FORM) == {
        "text": " kept as it is ",
        "number": 3,
        "share": 0.5,
        "sure": True,
        "day": "2026-01-31",
        "at": "09:30",
        "moment": "2026-01-31T09:30",
        "wait": "10m",
        "region": "north",
        "level": 2,
        "mode": 3,
        "names": ["a", "b"],
        "table": {},
        "span": {"low": 1},
        "shop": {"name": "x", "opened": "2026-01-01"},
        "token": "hunter2",
        "anything": {"a": 1},
        "price": "2.50",
        "many": 10,
    }


def test_a_form_is_refused_field_by_field() -> None:
    wrong = {**FORM, "number": "x", "names": '["a",\n b]', "table": "[1]", "text": "", "many": "3"}
    errors = refused(lambda: Signature.of(everything).from_form(wrong))
    assert set(errors) == {"args.number", "args.names", "args.table", "args.text", "args.many"}
    assert "line 2, column 2" in errors["args.names"]
    assert errors["args.number"] == "A whole number is expected, got 'x'."
    assert errors["args.text"] == "This argument is required."


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hello", "hello"),
        ("5", 5),
        ('"5"', "5"),
        ("[1, 2]", [1, 2]),
        ("null", None),
        ('""', ""),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("{oops", "{oops"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_without_annotation_json_is_json_and_the_rest_is_text(text: str, value: Any) -> None:
    def takes(anything): ...  # type: ignore[no-untyped-def]

    assert Signature.of(takes).from_form({"anything": text}) == {"anything": value}


def test_a_text_stays_a_text_also_if_it_looks_like_json() -> None:
    def takes(text: str) -> None: ...

    for text in ("5", "[1]", "null", '"quoted"', "true"):
        assert Signature.of(takes).from_form({"text": text}) == {"text": text}
    assert Signature.of(takes).from_form({"text": "", "text?": "empty"}) == {"text": ""}


def test_a_switch_that_is_not_sent_is_off() -> None:
    def takes(sure: bool = True) -> None: ...

    signature = Signature.of(takes)
    assert signature.from_form({}) == {"sure": False}
    assert signature.from_form({"sure": "on"}) == {"sure": True}
    assert signature.from_form(signature.to_form({})) == {}, "it follows the code"
    assert signature.from_form({"sure?": "default"}) == {"sure": False}
    for sure in (True, False):
        assert signature.from_form(signature.to_form({"sure": sure})) == {"sure": sure}, "what is said stays said"


def test_an_empty_field_means_what_stands_beside_it() -> None:
    def takes(x: int | None = 5, y: int | None = None, note: str | None = "n") -> None: ...

    signature = Signature.of(takes)
    assert [field.states for field in signature.fields()] == [
        ("default", "none"), ("default",), ("default", "none", "empty"),
    ]  # fmt: skip
    assert signature.from_form({"x": "", "y": "", "note": ""}) == {}
    assert signature.from_form({"x": "", "x?": "none", "y": "", "note": "", "note?": "none"}) == {
        "x": None,
        "note": None,
    }
    assert signature.from_form({"x": "7", "x?": "none", "note": "", "note?": "empty"}) == {"x": 7, "note": ""}
    for args in ({"x": None, "note": ""}, {"x": 7, "note": None}, {}):
        assert signature.from_form(signature.to_form(args)) == args


def test_a_required_value_that_may_be_null_is_null_when_left_empty() -> None:
    def takes(x: int | None) -> None: ...

    assert Signature.of(takes).from_form({"x": ""}) == {"x": None}
    assert not field_of(takes).required


def test_a_secret_is_not_given_out_and_is_kept_when_left_empty() -> None:
    def takes(token: SecretStr, keys: list[SecretStr], user: str = "me") -> None: ...

    signature = Signature.of(takes)
    stored = {"token": "hunter2", "keys": ["hunter3"], "user": "you"}
    shown = signature.to_form(stored)
    assert "hunter" not in str(shown)
    assert signature.masked(stored) == {"token": MASK, "keys": MASK, "user": "you"}
    assert signature.unmasked(signature.masked(stored), stored) == stored
    assert signature.from_form(shown, stored) == stored
    assert signature.from_form({**shown, "token": "new", "keys.0": "newer"}, stored) == {
        "token": "new", "keys": ["newer"], "user": "you",
    }  # fmt: skip
    assert set(refused(lambda: signature.from_form({"user": "you"}))) == {"args.token", "args.keys"}
    assert set(refused(lambda: signature.from_form(shown))) == {"args.token", "args.keys.0"}, "there is nothing to keep"


def test_the_form_shows_what_is_stored_and_leaves_the_rest_to_the_code() -> None:
    def takes(a: int, b: list[int], c: str = "c", d: timedelta = timedelta(hours=1)) -> None: ...

    signature = Signature.of(takes)
    shown = {name: text for name, text in signature.to_form({"a": 1, "b": [1]}).items() if "?" not in name}
    assert shown == {"a": "1", "b.0": "1", "c": "", "d": ""}
    assert signature.from_form(signature.to_form({"a": 1, "b": [1]})) == {"a": 1, "b": [1]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.text(), st.integers(), st.booleans(), st.lists(st.text()))
@settings(deadline=None, max_examples=150)
def test_what_a_form_shows_is_what_it_gives_back(anything: Any, text: str, number: int, sure: bool, names: Any) -> None:
    def takes(anything: Any, text: str, number: int, sure: bool, names: list[str]) -> None: ...

    text = text.replace("\r\n", "\n")
    args = {
        "anything": anything,
        "text": text,
        "number": number,
        "sure": sure,
        "names": [one.replace("\r\n", "\n") for one in names],
    }
    signature = Signature.of(takes)
    assert signature.from_form(signature.to_form(args)) == args
