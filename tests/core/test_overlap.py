"""What a slot does when it meets runs of its job that have not ended."""

from __future__ import annotations

import pytest
from recipes import NOW

from cronapp.core.models import Overlap, Run, RunState, RunTrigger
from cronapp.core.overlap import Admission, admit


def a_run(run_id: int, state: str) -> Run:
    return Run(
        id=run_id,
        job="hourly",
        job_key=1,
        task="hello",
        args={},
        slot=None,
        state=RunState(state),
        trigger=RunTrigger.SCHEDULE,
        attempt=1,
        first_attempt=run_id,
        reason=None,
        queued_at=NOW,
        not_before=None,
        started_at=None,
        finished_at=None,
        duration=None,
        node=None,
        progress=None,
        result=None,
        error=None,
        last_seq=0,
    )


def unended(running: int, waiting: int) -> list[Run]:
    return [a_run(n, "running" if n <= running else "queued") for n in range(1, running + waiting + 1)]


@pytest.mark.parametrize(
    ("rule", "max_running", "running", "waiting", "admitted"),
    [
        ("skip", 1, 0, 0, True),
        ("skip", 1, 1, 0, False),
        ("skip", 1, 0, 1, False),
        ("skip", 2, 1, 0, True),
        ("skip", 2, 1, 1, False),
        ("allow", 3, 2, 0, True),
        ("allow", 3, 2, 1, False),
        ("allow", 3, 3, 0, False),
        ("queue", 1, 0, 0, True),
        ("queue", 1, 1, 0, True),
        ("queue", 1, 1, 1, False),
        ("queue", 1, 0, 1, True),  # the one that waits starts at once, so the new one is the one that waits
        ("queue", 1, 0, 2, False),
        ("queue", 2, 1, 1, True),
        ("queue", 2, 2, 0, True),
        ("queue", 2, 2, 1, False),
        ("queue_all", 1, 1, 50, True),
        ("cancel_running", 1, 0, 0, True),
        ("cancel_running", 1, 1, 1, True),
    ],
)
def test_who_is_admitted(rule: str, max_running: int, running: int, waiting: int, admitted: bool) -> None:
    admission = admit(Overlap(rule), max_running, unended(running, waiting))
    assert (admission.refused is None) is admitted


def test_only_cancel_running_makes_others_give_way() -> None:
    there = unended(1, 1)
    assert admit(Overlap.CANCEL_RUNNING, 1, there) == Admission(cancel=(1, 2))
    assert all(admit(rule, 1, there).cancel == () for rule in Overlap if rule is not Overlap.CANCEL_RUNNING)


def test_a_refusal_says_what_was_in_the_way() -> None:
    assert admit(Overlap.SKIP, 1, unended(1, 0)).refused == "Run #1 was still running."
    assert admit(Overlap.SKIP, 1, unended(0, 1)).refused == "Run #1 was still waiting."
    assert admit(Overlap.ALLOW, 2, unended(2, 0)).refused == "2 runs had not ended, as many as this job may have."
    assert admit(Overlap.QUEUE, 1, unended(1, 1)).refused == "Run #2 was still waiting."
