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
    """The newest runs of a job, oldest first: height is duration, colour is the end, a click opens the run.

    Drawn as one line for each colour below a link for each run, since a busy list draws fifty of them anew in a second.
    """
    shown = runs[-SLOTS:]
    longest = max((run.duration or 0 for run in shown), default=0)
    empty = SLOTS - len(shown)
    lines = {"none": [_bar(i, BAR) for i in range(empty)]}
    for i, run in enumerate(shown, empty):
        lines.setdefault(TONES[run.state], []).append(_bar(i, _height(run, longest)))
    drawn = "".join(f'<path class="f-{tone}" d="{"".join(bars)}"/>' for tone, bars in lines.items() if bars)
    links = "".join(
        f'<a href="/runs/{run.id}" tabindex="-1" title="Run {run.id}: {told_run(run)}"></a>' for run in shown
    )
    label = f"Last {len(shown)} run{'s' if len(shown) > 1 else ''}: {success_words(shown)}" if shown else "No runs yet"
    return Markup(
        '<div class="strip" role="group" aria-label="{}"><svg viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'aria-hidden="true">{}</svg>{}</div>'
    ).format(label, SLOTS * STEP, HEIGHT, Markup(drawn), Markup(links))  # noqa: S704 (only numbers and words of ours)


def success_share(runs: Sequence[RunBrief]) -> int | None:
    """Per cent of the executed runs that succeeded; None when none was executed."""
    ended = [run for run in runs if TONES[run.state] in ("ok", "bad")]
    good = sum(run.state is RunState.SUCCEEDED for run in ended)
    return 100 * good // len(ended) if ended else None


def success_words(runs: Sequence[RunBrief]) -> str:
    good = sum(run.state is RunState.SUCCEEDED for run in runs)
    return f"{good} of {len(runs)} succeeded"


def _bar(place: int, height: float) -> str:
    """A line upwards; its ends are round, so it begins and ends by half its width within."""
    return f"M{place * STEP + BAR / 2:.1f} {HEIGHT - BAR / 2:.1f}v-{height - BAR:.1f}"


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
