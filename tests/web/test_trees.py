"""JSON values as trees: named, folded, cut, escaped, and never longer than a page can bear."""

from __future__ import annotations

import json
from typing import Any

import pytest
from visiting import EVIL, Page

from cronapp.web.trees import LONG, MOST, tree


def page(value: Any) -> Page:
    return Page(f"<div>{tree(value)}</div>")


def test_an_object_is_shown_by_its_names() -> None:
    shown = page({"shop": "Kiel", "sales": [1, 2], "ok": True, "none": None, "": 1, "empty": {}})
    assert [name.text for name in shown.all("dt")] == ["shop", "sales", "ok", "none", '""', "empty"]
    assert [value.text for value in shown.all("span")] == ["Kiel", "[1, 2]", "true", "null", "1", "{}"]
    assert not shown.all("details")


def test_what_is_nested_is_folded() -> None:
    shown = page({"figures": {"a": {"b": {"c": 1}}}, "many": [{"n": n} for n in range(9)]})
    assert [one.text for one in shown.all("summary")][:3] == ["1 field", "1 field", "1 field"]
    assert "9 items" in [one.text for one in shown.all("summary")]
    assert [("open" in one.attrs) for one in shown.all("details")][:2] == [True, False]


def test_a_text_keeps_its_lines_and_a_long_one_is_cut() -> None:
    assert page("one\ntwo").one("pre").text == "one\ntwo"
    long = page("x" * (LONG + 1))
    assert long.one("b").text == f"Show all {LONG + 1} characters"
    assert long.one("pre").text == "x" * (LONG + 1)


@pytest.mark.parametrize("value", [EVIL, {EVIL: EVIL}, [{EVIL: [EVIL]}], EVIL * 50, EVIL + "\n"])
def test_no_value_is_taken_for_markup(value: Any) -> None:
    shown = page(value)
    assert not shown.all("img")
    assert not shown.all("script")
    assert "alert(1)" in shown.text


@pytest.mark.parametrize(
    "value",
    [
        list(range(100_000)),
        {str(n): n for n in range(100_000)},
        [[[[n, [n, {"n": n}]] for n in range(50)] for _ in range(50)] for _ in range(50)],
        json.loads("[" * 500 + "]" * 500),
    ],
)
def test_a_huge_value_makes_no_huge_page(value: Any) -> None:
    told = str(tree(value))
    assert told.count("<dd") <= 3 * MOST
    assert len(told) < 200_000
