"""A job held against its task of today: what changed, in sentences, and what mends it without a guess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cronapp.core.differences import Difference, carried, difference, snapshot
from cronapp.core.models import JobSpec, ManualSchedule
from cronapp.core.registry import Task, load

HEAD = "from datetime import date\nfrom typing import Annotated, Literal\nfrom pydantic import Field, SecretStr\n"
Read = Callable[[str], dict[str, Task]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_tasks(text: str) -> dict[str, Task]:
        path = tmp_path / "compared.py"
        path.write_text(HEAD + text)
        registry = load([str(path)])
        assert registry.errors == []
        return registry.tasks

    return read_tasks


def compared(read: Read, before: str, after: str, **args: Any) -> Difference | None:
    """The job of the task `report` when the code goes from one to the other."""
    fits = snapshot(read(before)["report"])
    return difference(job(**args), fits, read(after))


def job(task: str = "report", condition: str | None = None, **args: Any) -> JobSpec:
    return JobSpec(id="job", task=task, schedule=(ManualSchedule(),), args=args, condition=condition)


@pytest.mark.parametrize(
    ("before", "after", "args", "sentences"),
    [
        ("day: date", "", {"day": "2026-01-31"}, ['The parameter `day` is gone; the job gives it "2026-01-31".']),
        ("", "region: str", {}, ["A parameter `region` (text) was added, and the job gives none."]),
        (
            "count: int",
            "count: date",
            {"count": "7"},
            ['`count` was a whole number and is now a date; the job\'s "7" does not fit.'],
        ),
        ("n: int", "count: int", {"n": 7}, ["`n` seems to be called `count` now; the job gives 7 as `n`."]),
        ("n: int = 1", "n: int", {}, ["`n` (whole number) has no default any more, and the job gives none."]),
        (
            "kind: Literal['a', 'b']",
            "kind: Literal['a', 'c']",
            {"kind": "b"},
            ['`kind` was one of a, b and is now one of a, c; the job\'s "b" does not fit.'],
        ),
        ("n: int", "n: Annotated[int, Field(ge=5)]", {"n": 3}, ["`n`: It must be at least 5, got 3."]),
        (
            "day: str, x: float = 1",
            "region: date, x: int, more: bool = True",
            {"day": "a", "x": 2},
            [
                'The parameter `day` is gone; the job gives it "a".',
                "A parameter `region` (date) was added, and the job gives none.",
                "A parameter `more` (yes or no) was added; its default is true.",
                "`x` was a number and is now a whole number; the job's 2 still fits.",
            ],
        ),
    ],
)
def test_each_change_is_a_sentence(
    read: Read, before: str, after: str, args: dict[str, Any], sentences: list[str]
) -> None:
    found = compared(read, f"def report({before}): ...", f"def report({after}): ...", **args)
    assert found is not None
    assert sorted(found.sentences) == sorted(sentences)
    assert [change.stops for change in found.changes] == sorted((c.stops for c in found.changes), reverse=True)


@pytest.mark.parametrize(
    ("before", "after", "args"),
    [
        ("n: int", "n: float", {"n": 7}),
        ("n: int", "n: int, region: str = 'EU'", {"n": 7}),
        ("n: int, day: date = None", "n: int", {"n": 7}),
        ("n: int", "**rest", {"n": 7}),
    ],
)
def test_what_still_fits_needs_no_attention(read: Read, before: str, after: str, args: dict[str, Any]) -> None:
    assert compared(read, f"def report({before}): ...", f"def report({after}): ...", **args) is None


def test_what_the_task_no_longer_takes_is_dropped_and_what_was_renamed_is_moved(read: Read) -> None:
    found = compared(read, "def report(day: date, n: int): ...", "def report(count: int): ...", day="2026-01-31", n=7)
    assert found is not None
    assert (found.args, found.mending) == ({"count": 7}, "drops `day`, moves `n` to `count`")


@pytest.mark.parametrize(
    ("after", "args"),
    [
        ("day: date, region: str", {"day": "2026-01-31"}),  # nobody knows the region
        ("day: int", {"day": "2026-01-31"}),  # nor which number is meant
        ("a: date, b: date", {"day": "2026-01-31"}),  # nor which of both it is now
    ],
)
def test_no_argument_is_guessed(read: Read, after: str, args: dict[str, Any]) -> None:
    found = compared(read, "def report(day: date): ...", f"def report({after}): ...", **args)
    assert found is not None
    assert found.args is None


def test_the_signatures_are_told_line_by_line(read: Read) -> None:
    before = "def report(day: date, n: int = 1, *, x=None): ..."
    found = compared(read, before, "def report(n: int = 2, *, x=None, to: list[str] | None): ...", day="2026-01-31")
    assert found is not None
    assert [line.mark + line.text.strip() for line in found.lines] == [
        " report(",
        "-day: date,",
        "-n: int = 1,",
        "+n: int = 2,",
        " x=None,",
        "+to: list[str] | None,",
        " )",
    ]


def test_no_sentence_and_no_snapshot_gives_a_secret_away(read: Read) -> None:
    before = "def report(key: SecretStr, n: int): ..."
    secret = {"key": "geheim", "n": 1}
    assert "geheim" not in repr(snapshot(read(before)["report"]))
    for after in ("n: int", "key: int, n: int", "password: SecretStr, n: date"):
        found = compared(read, before, f"def report({after}): ...", **secret)
        assert found is not None
        assert "geheim" not in " ".join(found.sentences)
    unknown = difference(job(key="geheim"), None, read("def report(): ..."))  # whatever it was
    assert unknown is not None
    assert unknown.sentences == ["The task takes no `key`, and the job gives it."]


def test_a_renamed_task_is_known_by_its_source_then_by_its_parameters_then_by_its_name(read: Read) -> None:
    fits = snapshot(read("def send_report(day: date):\n    print(day)\n")["send_report"])
    found = difference(
        job("send_report", day="2026-01-31"),
        fits,
        read(
            "def send_reports(): ...\n"  # only the name is like it
            "def post_report(day: date): ...\n"  # the parameters too
            "async def unlike(day: date): ...\n"
            "def other(day: date):\n    print(day)\n"  # the same function
        ),
    )
    assert found is not None
    assert found.sentences == ["The task `send_report` is not in the code now."]
    assert [(one.task, one.mending) for one in found.candidates] == [
        ("other", ""),
        ("post_report", ""),
        ("send_reports", "drops `day`"),
    ]


def test_arguments_go_along_to_another_task_as_far_as_they_fit(read: Read) -> None:
    fits = snapshot(read("def report(day: date, n: int): ...")["report"])
    tasks = read("def a(count: int): ...\ndef b(day: date, n: int, to: str): ...")
    spec = job(day="2026-01-31", n=7)
    assert carried(spec, fits, tasks["a"]) == ({"count": 7}, "drops `day`, moves `n` to `count`")
    assert carried(spec, fits, tasks["b"]) is None


def test_a_condition_that_is_gone_or_asks_for_arguments_stops_the_job(read: Read) -> None:
    for text, words in (("", "`working_day` is not in the code"), ("def working_day(x): ...", "needs arguments")):
        found = difference(job(condition="working_day"), None, read(f"def report(): ...\n{text}"))
        assert found is not None
        assert words in found.reason
        assert found.args is None
