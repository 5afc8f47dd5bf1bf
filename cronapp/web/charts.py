"""Small charts as SVG, drawn on the server and coloured by the style sheet's classes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from cronapp.core.durations import duration_words
from cronapp.core.figures import Past
from cronapp.core.ledger import BROKEN, Verdict
from cronapp.core.models import RunBrief, RunState
from cronapp.service.promises import Hour

TONES = {
    RunState.QUEUED: "wait",
    RunState.RUNNING: "run",
    RunState.SUCCEEDED: "ok",
    RunState.FAILED: "bad",
    RunState.TIMED_OUT: "bad",
    RunState.LOST: "bad",
    RunState.CANCELLED: "off",
    RunState.SKIPPED: "off",
    RunState.MISSED: "warn",
}
"""How loud a state is; the style sheet has a class for each tone."""

SLOTS, STEP, BAR, HEIGHT = 30, 5, 3.4, 26
SHORTEST, UNKNOWN = 5, 13


def strip(runs: Sequence[RunBrief]) -> Markup:
    """The newest runs of a job, oldest first: height is duration, colour is the end, a click opens the run."""
    shown = runs[-SLOTS:]
    longest = max((run.duration or 0 for run in shown), default=0)
    empty = SLOTS - len(shown)
    bars = [_blank(i * STEP) for i in range(empty)]
    bars += [_bar(run, (empty + i) * STEP, longest) for i, run in enumerate(shown)]
    label = f"Last {len(shown)} run{'s' if len(shown) > 1 else ''}: {success_words(shown)}" if shown else "No runs yet"
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="xMinYMid" role="group" aria-label="{}">{}</svg>'
    ).format(round((SLOTS - 1) * STEP + BAR, 1), HEIGHT, label, Markup("".join(bars)))  # noqa: S704 (each bar is formatted)


def success_share(runs: Sequence[RunBrief]) -> int | None:
    """Per cent of the executed runs that succeeded; None when none was executed."""
    ended = [run for run in runs if TONES[run.state] in ("ok", "bad")]
    good = sum(run.state is RunState.SUCCEEDED for run in ended)
    return 100 * good // len(ended) if ended else None


def success_words(runs: Sequence[RunBrief]) -> str:
    good = sum(run.state is RunState.SUCCEEDED for run in runs)
    return f"{good} of {len(runs)} succeeded"


def _bar(run: RunBrief, x: int, longest: float) -> str:
    """One run. The style sheet gives the widths; plain text is safe here: there are only numbers and words of ours."""
    height = _height(run, longest)
    told = told_run(run)
    return (
        f'<a href="/runs/{run.id}" tabindex="-1"><title>Run {run.id}: {told}</title>'
        f'<rect class="hit" x="{x}"/>'
        f'<rect class="f-{TONES[run.state]}" x="{x}" y="{HEIGHT - height}" height="{height}"/></a>'
    )


def _blank(x: int) -> str:
    return f'<rect class="f-none" x="{x}" y="{HEIGHT - 2}" height="2"/>'


def _height(run: RunBrief, longest: float) -> int:
    if run.duration is None:
        return UNKNOWN if run.state is RunState.RUNNING else SHORTEST
    if not longest:
        return UNKNOWN
    return SHORTEST + round((HEIGHT - SHORTEST) * run.duration / longest)


def told_run(run: RunBrief | Past) -> str:
    """`succeeded · 1.2 s · 2026-03-02 02:00 UTC`"""
    moment = run.started_at or run.slot or run.queued_at
    parts = [run.state.replace("_", " ")]
    if run.duration is not None:
        parts.append(duration_words(run.duration))
    parts.append(f"{moment.isoformat(' ', 'minutes')[:16]} UTC")
    return " · ".join(parts)


VERDICT_TONES = {
    Verdict.RAN: "ok",
    Verdict.LATE: "warn",
    Verdict.RUNNING: "run",
    Verdict.WAITING: "wait",
    Verdict.DUE: "wait",
    Verdict.SKIPPED: "warn",
    Verdict.MISSED: "bad",
    Verdict.HELD: "bad",
}
LEDGER_STEP, LEDGER_BAR, LEDGER_HEIGHT = 6, 4.4, 28


def verdict_tone(verdict: Verdict) -> str:
    """How loud a slot's fate is; what somebody wanted so is quiet."""
    return VERDICT_TONES.get(verdict, "off")


def ledger_strip(hours: Sequence[Hour]) -> Markup:
    """The hours of a week, each in the colour of the worst that became of its slots."""
    bars = [_told_hour(i * LEDGER_STEP, hour) for i, hour in enumerate(hours)]
    bad = sum(hour.worst in BROKEN for hour in hours)
    label = (
        f"The last {len(hours)} hours: {bad or 'no'} hour{'s' if bad != 1 else ''} with a slot that did not run on time"
    )
    return Markup(
        '<svg class="ledger" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(max(len(hours), 1) * LEDGER_STEP, LEDGER_HEIGHT, label, Markup("").join(bars))


def _told_hour(x: int, hour: Hour) -> Markup:
    if hour.worst is None:
        return Markup('<rect class="f-none" x="{}" y="{}" width="{}" height="2"/>').format(
            x, LEDGER_HEIGHT - 2, LEDGER_BAR
        )
    parts = ", ".join(f"{n} {verdict.replace('_', ' ')}" for verdict, n in hour.counts.items() if n)
    return Markup('<rect class="f-{}" x="{}" y="0" width="{}" height="{}"><title>{}: {}</title></rect>').format(
        verdict_tone(hour.worst), x, LEDGER_BAR, LEDGER_HEIGHT, f"{hour.at:%a %d %b %H:%M} UTC", parts
    )
