"""Which ends wake, in words; circles; and columns to draw."""

from __future__ import annotations

import pytest

from cronapp.core.dependencies import ENDS, after_words, circle, connected, in_order, layers
from cronapp.core.models import After, AfterMode, AfterWhen, RunState


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (After(jobs=("extract",)), "after extract succeeds"),
        (After(jobs=("a", "b")), "after a and b succeed"),
        (After(jobs=("a", "b", "c"), when=AfterWhen.FAILURE, mode=AfterMode.EACH), "after a, b or c fails"),
        (After(jobs=("a", "b"), when=AfterWhen.ANY), "after a and b end"),
    ],
)
def test_the_words_name_the_jobs_and_the_end(after: After, words: str) -> None:
    assert after_words(after) == words


def test_a_slot_without_a_run_wakes_nobody() -> None:
    for ends in ENDS.values():
        assert not ends & {RunState.SKIPPED, RunState.MISSED, RunState.QUEUED, RunState.RUNNING}


def test_a_circle_is_spelt_out_by_its_shortest_way() -> None:
    edges = {"load": ["extract"], "report": ["load"], "mail": ["report", "load"]}
    assert circle("extract", ["mail"], edges) == ["extract", "load", "mail", "extract"]
    assert circle("extract", ["extract"], edges) == ["extract", "extract"]
    assert circle("extract", ["other"], edges) is None
    assert circle("mail", ["extract"], {"extract": ["a"], "a": ["b"], "b": ["a"]}) is None  # theirs is not ours


def test_jobs_are_ordered_behind_what_they_come_after_also_where_there_is_a_circle() -> None:
    assert in_order({"report": ["load"], "load": ["extract"], "extract": []}) == ["extract", "load", "report"]
    assert sorted(in_order({"a": ["b"], "b": ["a"]})) == ["a", "b"]


def test_each_column_stands_right_of_all_that_it_comes_after() -> None:
    edges = {"load": ["extract", "fetch"], "report": ["load", "extract"], "mail": ["report"]}
    found, more = connected("load", edges, 40)
    assert (set(found), more) == ({"load", "extract", "fetch", "report", "mail"}, 0)
    assert layers(found, edges) == [["extract", "fetch"], ["load"], ["report"], ["mail"]]
    assert connected("load", edges, 2)[1] == 3
    assert layers([], edges) == []
