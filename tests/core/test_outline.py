"""Functions as their authors wrote them, and what their types allow."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter

from cronapp.core.outline import outline_of
from cronapp.core.signature.bounds import bounds_words

SOURCE = '''
    @task(retries=2)
    async def report(
        day: date, /, limit: Annotated[int, Field(ge=1)] = 100, *rest: str, dry=False, **more
    ) -> dict[str, int]:
        """Send it."""
        def inner(other): ...
'''


def test_parameters_are_told_as_they_are_written() -> None:
    found = outline_of(SOURCE)
    assert found
    assert [(one.name, one.type, one.default) for one in found.parameters] == [
        ("day", "date", ""),
        ("limit", "int", "100"),
        ("*rest", "str", ""),
        ("dry", "", "False"),
        ("**more", "", ""),
    ]
    assert (found.returns, found.awaited) == ("dict[str, int]", True)


@pytest.mark.parametrize("source", ["", "x = lambda: 1", "def broken(:"])
def test_where_no_function_is_to_be_read_there_is_no_outline(source: str) -> None:
    assert outline_of(source) is None


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, ""),
        (Annotated[int, Field(ge=1, le=500)], "1 to 500"),
        (Annotated[float, Field(gt=0)], "above 0"),
        (Annotated[float, Field(ge=0, lt=1)], "from 0 and below 1"),
        (Annotated[int, Field(le=9)] | None, "at most 9"),
        (Literal["full", "quick"], "one of full, quick"),
        (Annotated[str, Field(max_length=20)], "at most 20 characters"),
        (Annotated[str, Field(min_length=1)], "at least 1 character"),
        (Annotated[list[str], Field(min_length=1, max_length=3)], "1 to 3 items"),
        (Annotated[str, Field(pattern="^a+$")], "as ^a+$"),
        (Annotated[int, Field(multiple_of=5)], "a multiple of 5"),
    ],
)
def test_what_a_type_allows_is_told_in_words(annotation: Any, words: str) -> None:
    assert bounds_words(TypeAdapter(annotation).json_schema()) == words
