"""Jobs and lines in their places."""

from __future__ import annotations

from itertools import pairwise

from cronapp.core.drawing import draw

WIDE = {
    "load": ["extract", "fetch"],
    "report": ["load", "extract"],
    "mail": ["report"],
    "archive": ["extract"],
    "alarm": ["fetch"],
}
JOBS = ["extract", "fetch", *WIDE]


def test_a_chain_is_one_straight_line() -> None:
    drawing = draw(["a", "b", "c"], {"b": ["a"], "c": ["b"]})
    assert drawing.places == {"a": (0, 0), "b": (1, 0), "c": (2, 0)}
    assert [(line.earlier, line.later, line.places) for line in drawing.lines] == [
        ("a", "b", ((0, 0), (1, 0))),
        ("b", "c", ((1, 0), (2, 0))),
    ]
    assert (drawing.columns, drawing.rows) == (3, 1)


def test_a_diamond_stands_in_the_middle() -> None:
    drawing = draw(["top", "left", "right", "end"], {"left": ["top"], "right": ["top"], "end": ["left", "right"]})
    assert drawing.places == {"top": (0, 0.5), "left": (1, 0), "right": (1, 1), "end": (2, 0.5)}


def test_no_line_runs_through_a_job_and_each_runs_to_the_right() -> None:
    drawing = draw(JOBS, WIDE)
    passages = [place for line in drawing.lines for place in line.places[1:-1]]
    taken = [*drawing.places.values(), *passages]
    assert len(taken) == len(set(taken))
    assert len(passages) == 1  # extract to report, past load
    for line in drawing.lines:
        assert all(before[0] + 1 == after[0] for before, after in pairwise(line.places))
    assert {(line.earlier, line.later) for line in drawing.lines} == {
        (one, job) for job, before in WIDE.items() for one in before
    }


def test_lines_that_need_not_cross_do_not() -> None:
    drawing = draw(["a", "b", "y", "z"], {"z": ["a"], "y": ["b"]})
    rows = {job: row for job, (_, row) in drawing.places.items()}
    assert (rows["a"] < rows["b"]) == (rows["z"] < rows["y"])


def test_what_is_left_out_has_no_line_and_an_old_circle_is_drawn_all_the_same() -> None:
    assert draw(["b"], {"b": ["a"]}).lines == ()
    assert len(draw(["a", "b"], {"a": ["b"], "b": ["a"]}).lines) == 2
    assert draw([], {}).rows == 0
