"""Jobs as a YAML file: what is written is read again, and mistakes are told with their lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronapp.core.book import book_text, read_book
from cronapp.core.errors import InvalidInput

TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["on", "yes", "22:00", "1e5", "1.5e3", "089", "0x1F", "1_000", "~", "2026-02-02", "=", "<<", "a: b"]
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES)
def test_whatever_arguments_hold_is_read_as_it_was_written(value: Any) -> None:
    job = {"id": "a", "task": "b", "schedule": {"kind": "manual"}, "args": {"x": value}}
    assert read_book(book_text([job])).jobs == (job,)


def test_what_people_write_is_text_where_it_means_text() -> None:
    book = read_book(
        "jobs:\n"
        "- id: a\n"
        "  task: t\n"
        "  schedule: {kind: once, at: 2026-02-02T03:00:00Z}\n"
        "  retry: {on: [lost]}\n"
        "  blackouts: [22:00-06:00]\n"
        "  timeout: 10m\n"
        "  args: {a: yes, b: true, c: 12:30, d: 1.5, e: 7, f: 2026-01-01}\n"
    )
    [job] = book.jobs
    assert job["schedule"]["at"] == "2026-02-02T03:00:00Z"
    assert job["retry"] == {"on": ["lost"]}
    assert job["args"] == {"a": "yes", "b": True, "c": "12:30", "d": 1.5, "e": 7, "f": "2026-01-01"}
    assert book.lines == {"a": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jobs: [", "Line 1"),
        ("jobs:\n- id: a\n   task: b", "Line 3"),
        ("jobs:\n- id: a", "Line 2: A job needs `id` and `task`"),
        ("jobs:\n- {id: a, task: b}\n- {id: a, task: c}", "Two jobs have the id a"),
        ("jobs:\n- {id: a, id: b, task: b}", "'id' stands there twice"),
        ("job: []", "Did you mean"),
        ("jobs: {}", "as a list"),
        ("just a text", "Write `jobs:`"),
        ("limits:\n- {kind: queue}", "Line 2: A limit needs `kind` and `name`"),
        ("channels:\n- {url: x}", "Line 2: A channel needs a `name`"),
        ("channels:\n- {name: a}\n- {name: a}", "Two channels have the name a"),
        ("alerts: [all]", "Line 1: A rule is an object"),
        ("jobs: !!python/object/apply:os.system [true]", "could not determine a constructor"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        read_book(text, "jobs.yaml")
    assert words in wrong.value.errors["jobs.yaml"]


def test_an_empty_file_has_no_jobs_and_a_bare_list_is_one_of_jobs() -> None:
    assert read_book("").jobs == ()
    assert [job["id"] for job in read_book("- {id: a, task: b}").jobs] == ["a"]
