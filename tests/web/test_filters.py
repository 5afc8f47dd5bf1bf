"""How domain values read on a page, and the small charts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cronapp.core.models import (
    CronSchedule,
    Job,
    JobRow,
    JobSpec,
    JobState,
    Run,
    RunBrief,
    RunError,
    RunState,
    RunTrigger,
)
from cronapp.web import charts
from cronapp.web.filters import (
    compact,
    complaint,
    condition,
    duration,
    level_tone,
    moment,
    number,
    outcome,
    pretty,
    query,
    size,
    state_word,
    tone,
)

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

JOB = Job(
    key=7,
    spec=JobSpec(id="nightly", task="report", schedule=(CronSchedule(expression="0 3 * * *"),)),
    state=JobState.ACTIVE,
    reason=None,
    origin="browser",
    version=1,
    created_at=NOON,
    updated_at=NOON,
    last_slot=None,
    next_slot=None,
    slots_used=0,
)

RUN = Run(
    id=42,
    job="nightly",
    job_key=7,
    task="report",
    args={},
    slot=NOON,
    state=RunState.SUCCEEDED,
    trigger=RunTrigger.SCHEDULE,
    attempt=1,
    first_attempt=42,
    reason=None,
    queued_at=NOON,
    not_before=None,
    started_at=NOON,
    finished_at=NOON,
    duration=2.0,
    node="web-1:1",
    progress=None,
    result=None,
    error=None,
    last_seq=0,
)

ERROR = RunError(type="ValueError", message="no <figures>\nat all", traceback="…")

BRIEF = RunBrief(
    id=42,
    state=RunState.SUCCEEDED,
    trigger=RunTrigger.SCHEDULE,
    attempt=1,
    slot=NOON,
    queued_at=NOON,
    started_at=NOON,
    finished_at=NOON,
    duration=2.0,
    problem=None,
)
FAILED = replace(BRIEF, id=43, state=RunState.FAILED, duration=4.0, problem="ValueError: no <figures>")
RUNNING = replace(BRIEF, id=44, state=RunState.RUNNING, finished_at=None, duration=None)


def row(*runs: RunBrief, state: JobState = JobState.ACTIVE, reason: str | None = None) -> JobRow:
    return JobRow(job=replace(JOB, state=state, reason=reason), words="At 03:00, every day", recent=runs, next_run=None)


def test_a_moment_goes_out_in_utc_for_the_browser_to_word() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    assert moment(berlin) == (
        '<time datetime="2026-11-24T12:00:00.000Z" data-show="relative">2026-11-24 12:00 UTC</time>'
    )


@pytest.mark.parametrize(
    ("show", "text"), [("clock", "12:00"), ("stamp", "12:00:00.000"), ("date", "2026-11-24"), ("countdown", "12:00")]
)
def test_without_javascript_a_moment_reads_in_utc(show: str, text: str) -> None:
    assert text in moment(NOON, show)


def test_a_countdown_knows_since_when_one_waits() -> None:
    assert 'data-since="2026-11-24T11:00:00.000Z"' in moment(NOON, "countdown", since=NOON - timedelta(hours=1))


def test_no_moment_is_a_dash() -> None:
    assert moment(None) == '<span class="none">–</span>'


def test_an_unknown_way_to_show_a_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="sideways"):
        moment(NOON, "sideways")


def test_figures_are_short() -> None:
    assert number(1284) == "1,284"
    assert size(None) == "–"
    assert size(999) == "999 B"
    assert size(48_300_000) == "48.3 MB"
    assert duration(None) == "–"
    assert duration(5400) == "1 h 30 min"


def test_json_is_readable() -> None:
    assert pretty({"ä": 1}) == '{"ä": 1}'
    assert pretty({"ä": "x" * 90}).startswith('{\n  "ä": ')
    assert compact({"a": "x" * 200}, 20).endswith("…")
    assert len(compact({"a": "x" * 200}, 20)) == 20


def test_states_read_as_words_and_each_has_a_tone() -> None:
    assert state_word(RunState.TIMED_OUT) == "Timed out"
    assert tone(RunState.LOST) == "bad"
    assert tone(JobState.NEEDS_ATTENTION) == "bad"
    assert tone("never_run") == "off"
    assert set(charts.TONES) == set(RunState)


def test_only_warnings_and_errors_are_loud_in_a_log() -> None:
    assert level_tone("WARNING") == "warn"
    assert level_tone("critical") == "bad"
    assert level_tone("INFO") == level_tone(None) == ""


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (row(), "never_run"),
        (row(BRIEF), "succeeded"),
        (row(FAILED), "failed"),
        (row(FAILED, RUNNING), "running"),
        (row(RUNNING, state=JobState.PAUSED), "running"),
        (row(BRIEF, state=JobState.PAUSED), "paused"),
        (row(BRIEF, state=JobState.FINISHED), "finished"),
        (row(FAILED, state=JobState.FINISHED), "failed"),
        (row(RUNNING, state=JobState.NEEDS_ATTENTION), "needs_attention"),
    ],
)
def test_a_job_shows_what_needs_eyes_first(shown: JobRow, expected: str) -> None:
    assert condition(shown) == expected


def test_a_job_complains_until_a_later_run_went_well() -> None:
    assert complaint(row(FAILED)) == "ValueError: no <figures>"
    assert complaint(row(FAILED, RUNNING)) == "ValueError: no <figures>"
    assert complaint(row(FAILED, BRIEF)) is None
    assert complaint(row(BRIEF, state=JobState.NEEDS_ATTENTION, reason="The task is gone.")) == "The task is gone."


def test_an_outcome_is_the_error_the_reason_or_the_result() -> None:
    assert outcome(replace(RUN, state=RunState.FAILED, error=ERROR, reason="x")) == "ValueError: no <figures>"
    assert outcome(replace(RUN, state=RunState.SKIPPED, reason="Still running.")) == "Still running."
    assert outcome(replace(RUN, result={"sent": 3})) == '{"sent": 3}'
    assert outcome(replace(RUN, result=0)) == "0"
    assert outcome(RUN) == ""


def test_an_address_keeps_the_filters_that_are_set() -> None:
    filters = {"q": "a b&c", "state": "", "tag": None}
    assert query(filters) == "?q=a+b%26c"
    assert query(filters, state="failing", q=None) == "?state=failing"
    assert query({}) == ""


def test_a_strip_has_a_link_for_each_run_and_tells_it() -> None:
    svg = charts.strip([BRIEF, FAILED])
    assert svg.count('<a href="/runs/') == 2
    assert 'href="/runs/43"' in svg
    assert 'title="Run 43: failed · 4 s · 2026-11-24 12:00 UTC"' in svg
    assert 'aria-label="Last 2 runs: 1 of 2 succeeded"' in svg
    assert "style=" not in svg


def test_the_longest_run_fills_the_height_and_one_that_never_ran_is_a_stub() -> None:
    missed = replace(BRIEF, state=RunState.MISSED, duration=None, started_at=None)
    svg = charts.strip([BRIEF, missed])
    whole, stub = charts.HEIGHT - charts.BAR, charts.SHORTEST - charts.BAR
    assert f'<path class="f-ok" d="M141.7 24.3v-{whole:.1f}"/>' in svg
    assert f'<path class="f-warn" d="M146.7 24.3v-{stub:.1f}"/>' in svg


def test_runs_of_no_duration_do_not_divide_by_zero() -> None:
    assert "f-ok" in charts.strip([replace(BRIEF, duration=0.0)])
    assert charts.success_share([]) is None
    assert charts.success_share([BRIEF, FAILED, replace(BRIEF, state=RunState.SKIPPED)]) == 50
