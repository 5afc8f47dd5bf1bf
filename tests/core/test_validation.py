"""Each wrong field gets one sentence that says what is wrong and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, Json, TypeAdapter, ValidationError

from cronapp.core.validation import explain, suggestion


class Cron(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["cron"]
    expression: str


class Interval(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["interval"]
    every: int


class JobLike(BaseModel):
    schedule: (
        Annotated[Cron | Interval, Field(discriminator="kind")]
        | list[Annotated[Cron | Interval, Field(discriminator="kind")]]
    )


class Colour(Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: int
    y: int


def refuse(number: int) -> int:
    raise ValueError("only lucky numbers are taken")


def errors_of(annotation: Any, given: Any, prefix: str = "it", /, **more: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(annotation).validate_python(given)
    return explain(caught.value, prefix, **more)


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        (int, "x", "A whole number is expected, got 'x'."),
        (int, 2.5, "A whole number is expected, got 2.5."),
        (int, None, "A whole number is expected, got nothing."),
        (int, {}, "A whole number is expected, got an object."),
        (float, "x", "A number is expected, got 'x'."),
        (bool, "perhaps", "True or false is expected, got 'perhaps'."),
        (str, 3, "Text is expected, got 3."),
        (str, [1], "Text is expected, got a list."),
        (date, "2026-02-30", "A date such as 2026-01-31 is expected, got '2026-02-30'."),
        (date, "2026-01-31T10:00", "A date such as 2026-01-31 is expected, got '2026-01-31T10:00'."),
        (datetime, "x", "A date and time such as 2026-01-31T09:30 is expected, got 'x'."),
        (time, "25:00", "A time such as 09:30 is expected, got '25:00'."),
        (timedelta, "soon", "A duration such as 90, 10m or 1h30m is expected, got 'soon'."),
        (list[int], "x", "A list such as [1, 2] is expected, got 'x'."),
        (dict[str, int], 3, 'An object such as {"key": "value"} is expected, got 3.'),
        (Point, 3, "An object with named fields is expected, got 3."),
        (Cron, "x", "An object with named fields is expected, got 'x'."),
        (int | date, "x", "A whole number or a date such as 2026-01-31 is expected, got 'x'."),
        (Annotated[int, Field(ge=3)], 1, "It must be at least 3, got 1."),
        (Annotated[int, Field(gt=3)], 3, "It must be more than 3, got 3."),
        (Annotated[float, Field(le=3)], 4.5, "It must be at most 3.0, got 4.5."),
        (Annotated[int, Field(lt=3)], 4, "It must be less than 3, got 4."),
        (Annotated[int, Field(multiple_of=5)], 4, "It must be a multiple of 5, got 4."),
        (Annotated[str, Field(min_length=3)], "a", "At least 3 characters are needed, got 'a'."),
        (Annotated[str, Field(max_length=1)], "ab", "At most 1 characters are allowed, got 'ab'."),
        (Annotated[list[int], Field(min_length=2)], [1], "At least 2 items are needed, 1 were given."),
        (Annotated[str, Field(pattern="^a+$")], "b", "It must match the pattern ^a+$, got 'b'."),
        (Literal["a", "b"], "c", "One of 'a' or 'b' is expected, got 'c'."),
        (Colour, "gren", "One of 'red' or 'green' is expected, got 'gren'. Did you mean \"green\"?"),
        (AwareDatetime, "2026-01-31T10:00", None),
        (Annotated[int, AfterValidator(refuse)], 1, "Only lucky numbers are taken."),
        (Json, "{", None),
    ],
)
def test_a_wrong_value_is_explained(annotation: Any, value: Any, sentence: str | None) -> None:
    found = errors_of(annotation, value)
    assert list(found) == ["it"]
    assert found["it"].endswith((".", "?"))
    assert "Input should" not in found["it"]
    if sentence:
        assert found["it"] == sentence


def test_a_wrong_json_text_is_called_so() -> None:
    assert errors_of(Json, "{")["it"].startswith("This is not JSON: ")


def test_missing_and_unknown_fields_are_named_with_their_place() -> None:
    found = errors_of(Cron, {"kind": "cron", "expresion": "* * * * *"}, "", fields=Cron.model_fields)
    assert found == {
        "expression": "This is required.",
        "expresion": 'There is no such field. Did you mean "expression"?',
    }


def test_branches_of_unions_are_no_part_of_the_name() -> None:
    value = {"schedule": {"kind": "cron", "expression": 5}}
    expected = {"schedule.expression": "Text is expected, got 5."}
    assert errors_of(JobLike, value, "") == expected
    assert errors_of(JobLike, value, "", value=value) == expected


def test_a_list_keeps_its_index() -> None:
    value = {"schedule": [{"kind": "cron", "expression": "x"}, {"kind": "interval", "every": "x"}]}
    expected = {"schedule.1.every": "A whole number is expected, got 'x'."}
    assert errors_of(JobLike, value, "", value=value) == expected
    assert errors_of(JobLike, value, "")["schedule.1.every"] == expected["schedule.1.every"]


def test_a_field_that_is_missing_in_a_branch_keeps_its_name() -> None:
    value = {"schedule": {"kind": "cron", "cron": "* * * * *"}}
    found = errors_of(JobLike, value, "", value=value)
    assert found["schedule.expression"] == "This is required."
    assert found["schedule.cron"].startswith("There is no such field.")


def test_an_unknown_kind_lists_the_kinds() -> None:
    adapter = Annotated[Cron | Interval, Field(discriminator="kind")]
    found = errors_of(adapter, {"kind": "crn"}, "schedule")
    sentence = "The field \"kind\" must be one of 'cron', 'interval', got 'crn'. Did you mean \"cron\"?"
    assert found == {"schedule": sentence}
    assert errors_of(adapter, {}, "schedule") == {
        "schedule": 'The field "kind" is required: it says which kind this is.'
    }


def test_a_key_that_looks_like_a_type_is_kept_when_the_value_is_at_hand() -> None:
    value = {"int": "x", "date": 1}
    assert set(errors_of(dict[str, int], value, "args.m", value=value)) == {"args.m.int"}


def test_a_secret_is_not_repeated() -> None:
    assert errors_of(int, "hunter2", secret=True) == {"it": "A whole number is expected."}
    assert "hunter2" not in str(errors_of(Annotated[str, Field(max_length=3)], "hunter2", secret=True))
    assert "hunter2" not in str(errors_of(Literal["a"], "hunter2", secret=True))


def test_a_long_value_is_cut() -> None:
    assert len(errors_of(int, "x" * 5000)["it"]) < 150
    assert len(errors_of(Literal["a"], 10**3000)["it"]) < 150


def test_a_suggestion_needs_a_close_name() -> None:
    assert suggestion("expresion", ["expression", "timezone"]) == ' Did you mean "expression"?'
    assert suggestion("zzz", ["expression", "timezone"]) == ""
