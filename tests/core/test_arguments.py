"""Arguments in a form: every annotation there and back, rows that move, errors at any depth, the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field, SecretStr
from typing_extensions import TypedDict

from cronapp.core.errors import InvalidInput
from cronapp.core.signature import MASK, FormField, Signature, Typed
from cronapp.core.signature.rows import Deed, act

Kind = Literal["short", "long"]


class Region(Enum):
    NORTH = "north"
    SOUTH = 2


@dataclass
class Range:
    low: int
    high: int = 10


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Extra(TypedDict, total=False):
    colour: str
    size: int


class Shop(BaseModel):
    """A shop.

    Args:
        name: As it stands on its door.
    """

    name: str
    opened: date | None = None
    tags: list[str] = []
    hours: Range | None = None


class Database(BaseModel):
    url: str
    password: SecretStr
    wait: timedelta = timedelta(seconds=30)


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


def signature_of(annotation: Any, *default: Any) -> Signature:
    """The signature of a function with one parameter, `x`."""

    def takes(x): ...  # type: ignore[no-untyped-def]

    takes.__annotations__["x"] = annotation
    takes.__defaults__ = default or None
    found = Signature.of(takes)
    assert found.problem is None, found.problem
    return found


def field_of(annotation: Any, *default: Any) -> FormField:
    return signature_of(annotation, *default).fields()[0]


def refused(call: Callable[[], Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        call()
    return caught.value.errors


# -- what each annotation is in the form ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "kind", "words"),
    [
        (bool, "switch", "yes or no"),
        (bool | None, "choice", "one of a list"),
        (Annotated[int, Field(ge=1, le=10)], "number", "whole number, 1 to 10"),
        (Annotated[float, Field(gt=0, lt=1)], "number", "number, more than 0, less than 1"),
        (Annotated[Decimal, Field(ge=0)], "number", "number, at least 0"),
        (Annotated[str, Field(min_length=2, max_length=9)], "text", "text, 2 to 9 characters"),
        (Annotated[str, Field(json_schema_extra={"format": "multiline"})], "textarea", "text"),
        (Kind, "choice", "one of a list"),
        (list[Kind], "checks", "some of short, long"),
        (set[Region], "checks", "some of North, South"),
        (list[int], "rows", "list of whole numbers"),
        (Annotated[list[Shop], Field(min_length=1)], "rows", "list, at least 1 rows"),
        (dict[str, int], "pairs", "names and values: whole numbers"),
        (dict[str, Any], "json", "JSON"),
        (tuple[int, str], "tuple", "group"),
        (tuple[int, ...], "rows", "list of whole numbers"),
        (Range, "group", "group"),
        (Point, "group", "group"),
        (Extra, "group", "group"),
        (Range | None, "group", "group"),
        (int | list[str], "union", "whole number or list of texts or json"),
        (int | float, "number", "number"),
        (Cat | Dog, "union", "cat or dog or json"),
        (AwareDatetime, "datetime", "date and time"),
    ],
)
def test_each_annotation_has_its_field(annotation: Any, kind: str, words: str) -> None:
    field = field_of(annotation)
    assert (field.kind, field.words) == (kind, words)


def test_the_members_of_a_group_have_labels_help_and_defaults() -> None:
    shop = field_of(list[Shop]).row
    name, opened, tags, hours = shop.parts
    assert (name.label, name.help, name.required) == ("Name", "As it stands on its door.", True)
    assert (opened.kind, opened.nullable, opened.default) == ("date", True, None)
    assert (tags.kind, tags.row.label) == ("rows", "Tag")
    assert [part.name for part in hours.parts] == ["low", "high"]
    assert field_of(Database).parts[2].default_words == "30s"


def test_what_refers_to_itself_becomes_json_where_it_does() -> None:
    tree = field_of(Tree)
    assert tree.parts[1].kind == "rows"
    assert tree.parts[1].row.kind == "json"
    args = {"x": {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}}
    signature = signature_of(Tree)
    assert signature.from_form(signature.to_form(args)) == args


# -- there and back -------------------------------------------------------------------------------------------------

VALUES: list[tuple[Any, list[Any]]] = [
    (bool | None, [True, False, None]),
    (Kind, ["short", "long"]),
    (Region, ["north", 2]),
    (list[Kind], [["long"], ["long", "short"], ["short", "short"], []]),
    (set[Region], [["north", 2]]),
    (list[int], [[], [3, 1]]),
    (list[int | None], [[None, 1]]),
    (dict[str, float], [{}, {"b": 1.5, "a": 2}, {"with.dot": 1.0}]),
    (dict[str, Any], [{"deep": [1, {"a": None}]}]),
    (dict[str, list[Range]], [{"a": [{"low": 1}], "b": []}]),
    (tuple[int, str], [[1, "a"]]),
    (Range, [{"low": 1}, {"low": 1, "high": 10}]),
    (Point, [{"x": 1.5}]),
    (Extra, [{}, {"size": 3}]),
    (list[Shop], [[{"name": ""}, {"name": "b", "opened": "2026-01-31", "tags": ["x", ""], "hours": {"low": 1}}]]),
    (Shop | None, [None, {"name": "a", "hours": {"low": 1}}]),
    (int | list[str], [3, ["a"], []]),
    (int | str, ["3", 3, ""]),
    (Cat | Dog, [{"kind": "dog", "name": "a"}, {"kind": "cat", "name": "b"}]),
    (list[Cat | Dog], [[{"kind": "dog", "name": "a"}]]),
    (AwareDatetime, ["2026-01-31T09:30:00Z", "2026-01-31T09:30:00.123456+02:00"]),
    (datetime, ["2026-01-31T09:30:00", "2026-01-31T09:30:00-05:00"]),
    (list[timedelta], [["10m", 90, "PT5M"]]),
    (Decimal, ["1.10"]),
    (str, ["", " ", "two\nlines"]),
    (str | None, [None, "", "null"]),
    (Any, [None, "", "5", 5, [1]]),
]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(annotation, value) for annotation, values in VALUES for value in values],
    ids=lambda one: json.dumps(one) if isinstance(one, dict | list | str | int | float | None) else str(one),
)
def test_a_value_comes_back_from_the_form_and_from_its_json(annotation: Any, value: Any) -> None:
    signature = signature_of(annotation)
    args = {"x": value}
    texts = signature.to_form(args)
    assert signature.from_form(texts) == args
    raw = signature.form.to_raw(texts)
    assert json.loads(raw[""]) == args
    assert signature.from_form(raw) == args
    assert signature.from_form(signature.form.from_raw(raw)) == args


def test_what_the_fields_cannot_show_is_kept_as_json() -> None:
    for annotation, value in ((list[int], "[1]"), (Shop, {"name": "a", "tags": "none"}), (dict[str, int], [["a", 1]])):
        signature = signature_of(annotation)
        shown = signature.to_form({"x": value})
        assert "json" in shown.values()
        assert signature.form.to_raw(shown)[""] == json.dumps({"x": value}, indent=2)


texts = st.text(st.characters(exclude_characters="\r", codec="utf-8"))
shops = st.fixed_dictionaries(
    {"name": texts},
    optional={
        "opened": st.dates().map(str),
        "tags": st.lists(texts, min_size=1, max_size=3),
        "hours": st.fixed_dictionaries({"low": st.integers()}, optional={"high": st.integers()}),
    },
)


@given(st.lists(shops, max_size=3), st.dictionaries(texts, st.integers() | st.lists(texts, max_size=2)))
@settings(deadline=None, max_examples=100)
def test_nested_values_come_back_as_they_were(shops: Any, table: Any) -> None:
    def takes(shops: list[Shop], table: dict[str, int | list[str]]) -> None: ...

    signature = Signature.of(takes)
    args = {"shops": shops, "table": table}
    assert signature.from_form(signature.to_form(args)) == args


# -- what is typed --------------------------------------------------------------------------------------------------


def test_errors_stand_beside_the_nested_field() -> None:
    def takes(shops: list[Shop], table: dict[str, int], either: int | list[int], at: AwareDatetime) -> None: ...

    signature = Signature.of(takes)
    typed = {
        "shops?": "here", "shops.3.name": "", "shops.3.opened": "soon", "shops.7.name": "b", "shops.7.hours?": "here",
        "table.0.key": "a", "table.0.value": "x", "table.1.key": "b", "table.1.value": "1",
        "table.2.key": "b", "table.2.value": "1",
        "either@": "1", "either@1.0": "y", "at": "2026-01-31T09:30", "at@zone": "Mars/Base",
    }  # fmt: skip
    errors = refused(lambda: signature.from_form(typed))
    assert set(errors) == {
        "args.shops.3.name", "args.shops.3.opened", "args.shops.7.hours.low",
        "args.table.0.value", "args.table.2.key", "args.either@1.0", "args.at",
    }  # fmt: skip
    assert errors["args.table.2.key"] == 'The name "b" stands here twice.'
    assert "Mars/Base" in errors["args.at"]


def test_of_a_union_only_the_chosen_kind_is_told_of() -> None:
    signature = signature_of(Shop | Range)
    errors = refused(lambda: signature.from_form({"x@": "0", "x@0?": "here", "x@0.name": ""}))
    assert set(errors) == {"args.x@0.name"}


def test_errors_of_stored_arguments_are_put_beside_the_forms_fields() -> None:
    signature = signature_of(list[int | list[str]])
    texts = signature.to_form({"x": [1, ["a"]]})
    told = signature.form.beside({"args.x.0": "No.", "args.x.1.0": "Nor this.", "args.gone": "Gone."}, texts)
    assert told == {"args.x.0@0": "No.", "args.x.1@1.0": "Nor this.", "args.gone": "Gone."}


def test_a_moment_takes_the_zone_beside_it() -> None:
    signature = signature_of(datetime)
    assert signature.from_form({"x": "2026-07-01T09:30", "x@zone": "Europe/Berlin"}) == {"x": "2026-07-01T09:30+02:00"}
    assert signature.from_form({"x": "2026-07-01T09:30", "x@zone": ""}) == {"x": "2026-07-01T09:30"}
    assert signature.from_form({"x": "2026-07-01T09:30", "x@zone": "UTC"}) == {"x": "2026-07-01T09:30Z"}


def test_a_duration_within_a_model_is_written_as_people_do() -> None:
    signature = signature_of(Database)
    args = signature.from_form({"x.url": "u", "x.password": "p", "x.wait": "1h30m"})
    assert signature.check(args)["x"].wait == timedelta(minutes=90)


def test_what_is_optional_follows_its_default_until_it_is_set() -> None:
    def takes(tags: list[str] = ["a"], span: Range | None = None, shop: Shop = Shop(name="x")) -> None: ...  # noqa: B006, B008

    signature = Signature.of(takes)
    fresh = signature.to_form({})
    assert fresh["tags.0"] == "a", "to begin with, if it is set"
    assert fresh["shop.name"] == "x"
    assert signature.from_form(fresh) == {}
    assert signature.from_form(fresh | {"tags?": "here"}) == {"tags": ["a"]}
    assert signature.from_form(fresh | {"span?": "here", "span.low": "3"}) == {"span": {"low": 3}}
    assert signature.from_form(fresh | {"shop?": "here"})["shop"]["name"] == "x"


# -- rows -----------------------------------------------------------------------------------------------------------


def pressed(signature: Signature, texts: dict[str, str], *deeds: str) -> tuple[dict[str, str], str]:
    """The form's texts after these buttons, and where the cursor belongs then."""
    typed, focus = signature.form.filled(texts), ""
    for deed in deeds:
        focus = act(signature.form.fields, typed, Deed.of(deed))
    return dict(typed.texts()), focus


@pytest.mark.parametrize(
    ("meant", "done", "now"),
    [
        ("remove:x.2", "remove:x.0", "remove:x.1"),
        ("up:x.0", "remove:x.2", "up:x.0"),
        ("remove:x.1", "remove:x.1", "remove:x.1"),
        ("down:x.1", "down:x.1", "down:x.2"),
        ("add:x.2.tags", "down:x.1", "add:x.1.tags"),
        ("remove:x.0.tags.1", "up:x.1", "remove:x.1.tags.1"),
        ("add:x", "remove:x.0", "add:x"),
        ("remove:xy.2", "remove:x.0", "remove:xy.2"),
        ("remove:x.2", "remove:x.y", "remove:x.2"),
        ("json:", "remove:x.0", "json:"),
    ],
)
def test_a_button_means_the_row_that_it_stood_at_also_when_another_one_came_before(
    meant: str, done: str, now: str
) -> None:
    assert str(Deed.of(meant).after(Deed.of(done))) == now


def test_rows_are_added_moved_and_removed_with_all_that_is_typed() -> None:
    signature = signature_of(list[Shop])
    texts = signature.to_form({"x": [{"name": "a"}, {"name": "b", "tags": ["t"]}]}) | {"x.0.opened": "wrong"}
    texts, focus = pressed(signature, texts, "add:x")
    assert focus == "x.2"
    assert texts["x.2.name"] == ""
    texts, focus = pressed(signature, texts, "up:x.1")
    assert focus == "down:x.0"
    assert (texts["x.0.name"], texts["x.0.tags.0"], texts["x.1.opened"]) == ("b", "t", "wrong")
    texts, focus = pressed(signature, texts, "down:x.0", "remove:x.0", "add:x.0.tags", "remove:x.1")
    assert focus == "remove:x.0"
    assert signature.from_form(texts | {"x.0.tags.1": "u"}) == {"x": [{"name": "b", "tags": ["t", "u"]}]}
    assert pressed(signature, texts, "remove:x.0")[1] == "add:x"
    assert signature.from_form(pressed(signature, texts, "remove:x.0")[0]) == {"x": []}


def test_rows_of_pairs_and_of_a_kind_of_a_union_are_added_too() -> None:
    signature = signature_of(dict[str, int | list[int]])
    texts, _ = pressed(signature, {}, "add:x", "add:x.0.value@1", "add:x.0.value@1")
    texts |= {"x.0.key": "a", "x.0.value@": "1", "x.0.value@1.0": "3", "x.0.value@1.1": "4"}
    assert signature.from_form(texts) == {"x": {"a": [3, 4]}}


def test_a_field_goes_back_to_its_default() -> None:
    signature = signature_of(bool, True)
    texts, focus = pressed(signature, signature.to_form({"x": False}), "default:x")
    assert focus == "default:x"
    assert signature.from_form(texts) == {}


@pytest.mark.parametrize("deed", ["add:y", "add:x.0.name", "remove:x.9", "up:x.0", "down:x", "what:x", "add:", "up:.1"])
def test_a_button_that_there_is_not_does_no_harm(deed: str) -> None:
    signature = signature_of(list[Shop])
    texts = signature.to_form({"x": [{"name": "a"}]})
    assert signature.from_form(pressed(signature, texts, deed)[0]) == {"x": [{"name": "a"}]}


# -- as JSON, and secrets -------------------------------------------------------------------------------------------


def test_json_says_where_it_is_wrong_and_which_names_there_are_not() -> None:
    def takes(shops: list[Shop], count: int = 1) -> None: ...

    signature = Signature.of(takes)
    told = refused(lambda: signature.from_form({"?": "json", "": '{"count": 1,\n  oops}'}))
    assert "line 2, column 3" in told["args"]
    assert refused(lambda: signature.from_form({"?": "json", "": "[1]"})).keys() == {"args"}
    assert refused(lambda: signature.from_form({"?": "json", "": '{"cuont": 1}'})) == {
        "args.cuont": 'There is no such argument. Did you mean "count"?'
    }
    nested = '{"shops": [{"name": "a", "opened": "soon", "tags": ["x", 3]}], "count": "x"}'
    assert refused(lambda: signature.from_form({"?": "json", "": nested})).keys() == {
        "args.shops.0.opened", "args.count",
    }  # fmt: skip


def test_secrets_are_masked_in_json_and_kept_also_where_rows_move() -> None:
    def takes(token: SecretStr, databases: list[Database], spare: Database | None = None) -> None: ...

    signature = Signature.of(takes)
    one, two = ({"url": url, "password": f"hunter-{url}"} for url in "ab")
    stored = {"token": "hunter2", "databases": [one, two]}
    shown = signature.to_form(stored)
    assert "hunter" not in str(shown)
    moved, _ = pressed(signature, shown, "down:databases.0")
    assert signature.from_form(moved, stored) == {"token": "hunter2", "databases": [two, one]}
    raw = signature.form.to_raw(moved | {"token": "typed"})
    assert json.loads(raw[""])["databases"] == [{"url": url, "password": MASK} for url in "ba"]
    assert signature.from_form(raw, stored) == {"token": "typed", "databases": [two, one]}
    assert signature.from_form(signature.form.from_raw(raw), stored)["databases"] == [two, one]
    unknown = {"?": "json", "": json.dumps({"token": "x", "databases": [{"url": "c", "password": MASK}]})}
    assert refused(lambda: signature.from_form(unknown, stored)) == {
        "args.databases.0.password": "Write the secret. ******** only stands for one that is stored."
    }
    cleared = signature.from_form(shown | {"token": "", "token?": "empty"}, stored)
    assert cleared["token"] == ""


def test_a_stored_secret_is_not_shown_where_its_fields_have_changed() -> None:
    signature = signature_of(Database | int)
    stored = {"x": {"url": "u", "pass": "hunter2"}}
    shown = signature.to_form(stored)
    assert "hunter2" not in str(shown)
    assert json.loads(signature.form.to_raw(shown)[""]) == {"x": MASK}
    assert signature.form.fields[0].secret
    assert Typed.of(shown).at("x").how == "keep:x"
