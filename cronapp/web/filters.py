"""How domain values read on a page: the filters and globals of the templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup, escape

from cronapp.core.changes import RULES, label_of, words_of
from cronapp.core.durations import duration_words
from cronapp.core.models import CronSchedule, IntervalSchedule, JobRow, JobSpec, JobState, Run, RunState, Unclocked
from cronapp.core.spec import trigger_for
from cronapp.core.triggers import parts_of
from cronapp.web.ansi import ansi
from cronapp.web.charts import TONES, ledger_strip, strip, success_share, verdict_tone
from cronapp.web.hourly import ahead, lag_line, stacked
from cronapp.web.pace import pace_of
from cronapp.web.trees import tree

SHOWS: Final = (
    *("relative", "when", "clock", "stamp", "day", "weekday", "date", "full", "short"),
    *("countdown", "elapsed", "left", "late"),
)
"""What the browser can make of a moment, in the viewer's zone. `stamp` has milliseconds; the last four tick: how long
to it, how long since, about how long is left, and that it is over, which is longer than usual."""

_FALLBACK = {"clock": "%H:%M", "day": "%d %b", "weekday": "%a", "date": "%Y-%m-%d", "full": "%Y-%m-%d %H:%M:%S UTC"}

MOMENTS = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")  # as the sentences of the core say them

SHORT = 90  # letters of JSON that one line may have

LEVEL_TONES = {"warning": "warn", "error": "bad", "critical": "bad", "fatal": "bad"}

JOB_TONES = {
    JobState.ACTIVE: "off",
    JobState.PAUSED: "off",
    JobState.FINISHED: "off",
    JobState.NEEDS_ATTENTION: "bad",
}


def moment(
    at: datetime | None,
    show: str = "relative",
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    text: str | None = None,
) -> Markup:
    """A `<time>` that the browser words in the viewer's zone; without JavaScript it reads in UTC, or as `text`.

    `since` gives a countdown its start, and `until` what is elapsed its end, for the line that fills meanwhile.
    """
    if show not in SHOWS:
        raise ValueError(f"unknown way to show a moment: {show}")
    if at is None:
        return Markup('<span class="none">–</span>')
    line = f' data-since="{_iso(since)}"' if since else f' data-until="{_iso(until)}"' if until else ""
    told = _in_utc(at, show) if text is None else str(escape(text))
    # There are only digits and our own words in it, so nothing needs escaping; a log shows thousands of these.
    return Markup(f'<time datetime="{_iso(at)}" data-show="{show}"{line}>{told}</time>')  # noqa: S704 (see above)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _in_utc(at: datetime, show: str) -> str:
    if show == "stamp":
        return _iso(at)[11:23]
    return at.astimezone(UTC).strftime(_FALLBACK.get(show, "%Y-%m-%d %H:%M UTC"))


def duration(seconds: float | None) -> str:
    """Seconds as people say them: "0.74 s", "1 h 30 min"."""
    return "–" if seconds is None else duration_words(seconds)


def figure(seconds: float | None) -> Markup:
    """A duration as a large figure, its units small: 1<small>min</small> 30<small>s</small>."""
    words = duration(seconds).split()
    return Markup(" ").join(
        Markup("{}<small>{}</small>").format(*pair) if len(pair) == 2 else Markup("{}").format(*pair)
        for pair in (words[n : n + 2] for n in range(0, len(words), 2))
    )


def pretty(value: Any) -> str:
    """A JSON value: on one line when it is short, else indented."""
    line = json.dumps(value, ensure_ascii=False, default=str)
    return line if len(line) <= SHORT else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def compact(value: Any, length: int = 120) -> str:
    """A JSON value on one line, cut to `length` characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= length else text[: length - 1] + "…"


def state_word(state: str) -> str:
    """`timed_out` → "Timed out"."""
    return "API" if state == "api" else str(state).replace("_", " ").capitalize()


def capital(text: str) -> str:
    """The first letter large, the rest as it is; escaped text stays escaped."""
    return text[:1].upper() + text[1:]


def number(value: float) -> str:
    """1284 → "1,284"."""
    return f"{value:,}"


def size(count: int | None) -> str:
    """Bytes in the unit that keeps the figure short."""
    if count is None:
        return "–"
    figure = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if figure < 1000:
            return f"{figure:.0f} {unit}" if unit == "B" else f"{figure:.1f} {unit}"
        figure /= 1000
    return f"{figure:.1f} TB"


def tone(state: str) -> str:
    """How loud a run's or a job's state is: ok, bad, warn, run, wait or off."""
    return TONES.get(state, JOB_TONES.get(state, "off"))  # type: ignore[call-overload, no-any-return]


def level_tone(level: str | None) -> str:
    return LEVEL_TONES.get((level or "").lower(), "")


def condition(row: JobRow) -> str:
    """The one state to show for a job: what needs eyes first, what goes on now, else how it last ended."""
    last = row.last_run
    if row.job.state is JobState.NEEDS_ATTENTION:
        return JobState.NEEDS_ATTENTION
    if row.running:
        return RunState.RUNNING
    if row.job.state is JobState.PAUSED:
        return JobState.PAUSED
    if row.job.state is JobState.FINISHED and (last is None or TONES[last.state] != "bad"):
        return JobState.FINISHED
    return last.state if last else "never_run"


def complaint(row: JobRow) -> str | None:
    """Why a job is not well, in one line; None when it is."""
    if row.job.state is JobState.NEEDS_ATTENTION:
        return row.job.reason
    ended = [run for run in row.recent if run.state.ended]
    return ended[-1].problem if ended and TONES[ended[-1].state] == "bad" else None


def with_times(text: str) -> Markup:
    """A sentence whose moments, as `2026-03-02 02:00:00 UTC`, are told by the viewer's clock."""
    words = MOMENTS.split(text)  # each second one is a moment
    moments = [datetime.fromisoformat(f"{word}+00:00") for word in words[1::2]]
    told = [moment(at, "short") for at in moments]
    return Markup("").join(part for pair in zip_longest(words[::2], told, fillvalue="") for part in pair)


LINK = re.compile(r"https?://[^\s<>\"]+")
ENDS = ".,;:!?'…)]}"  # of a sentence, not of the address in it


def linked(text: str) -> Markup:
    """Plain text with its web addresses as links."""
    told, place = [], 0
    for found in LINK.finditer(text):
        address = found[0].rstrip(ENDS)
        address += ")" if address.count("(") > address.count(")") and found[0][len(address) :].startswith(")") else ""
        told += [escape(text[place : found.start()]), _anchor(address)]
        place = found.start() + len(address)
    return Markup("").join([*told, escape(text[place:])])


def _anchor(address: str) -> Markup:
    return Markup('<a class="link" href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>').format(
        address, address
    )


def outcome(run: Run) -> str:
    """A run's result, error or reason in one line; empty when there is nothing to tell."""
    if run.error or run.reason:
        return _why(run) or ""
    return "" if run.result is None else compact(run.result)


def _why(run: Run) -> str | None:
    if run.error:
        return f"{run.error.type}: {run.error.message}".strip().removesuffix(":").split("\n", 1)[0]
    return run.reason


def zone_name(spec: JobSpec) -> str | None:
    """The zone of the job's first schedule that has one."""
    return next((one.timezone for one in spec.schedule if not isinstance(one, Unclocked)), None)


def schedule_texts(spec: JobSpec) -> Markup:
    """A job's schedules as they are written: the expression, or how often and from when on."""
    texts = []
    for one in spec.schedule:
        if isinstance(one, CronSchedule):
            texts.append(Markup("<code>{}</code>").format(one.expression))
        elif isinstance(one, IntervalSchedule):
            since = Markup(" from {}").format(moment(one.anchor, "clock")) if one.anchor else Markup("")
            texts.append(Markup("every <code>{}</code>").format(one.every) + since)
        else:
            texts.append(Markup("{}").format(one.kind))
    return Markup(", ").join(texts)


def schedule_words(row: JobRow) -> str:
    """A job's schedule in words, with its zone where they hold times of the clock."""
    zones = {part.zone.key for part in parts_of(trigger_for(row.job.spec)) if part.zone and part.keeps_time()}
    return f"{row.words} · {zones.pop()}" if ":" in row.words and len(zones) == 1 else row.words


def query(filters: Mapping[str, str | None], **changes: str | None) -> str:
    """The filters as the query part of an address, with some of them changed; empty ones are left out."""
    chosen = {key: value for key, value in {**filters, **changes}.items() if value}
    return f"?{urlencode(chosen)}" if chosen else ""


def ticked(text: str) -> Markup:
    """A sentence of ours, with what stands between backticks as code."""
    parts = str(escape(text)).split("`")
    whole = len(parts) % 2 == 1
    return Markup("".join(f"<code>{part}</code>" if n % 2 and whole else part for n, part in enumerate(parts)))  # noqa: S704 (escaped)


FILTERS: dict[str, Callable[..., Any]] = {
    "ansi": ansi,
    "capital": capital,
    "compact": compact,
    "duration": duration,
    "json": pretty,
    "label": label_of,
    "level_tone": level_tone,
    "linked": linked,
    "moment": moment,
    "number": number,
    "size": size,
    "state_word": state_word,
    "ticked": ticked,
    "tone": tone,
    "tree": tree,
    "verdict_tone": verdict_tone,
    "with_times": with_times,
}

GLOBALS: dict[str, Any] = {
    "ahead_hours": ahead,
    "complaint": complaint,
    "condition": condition,
    "figure": figure,
    "lag_line": lag_line,
    "ledger_strip": ledger_strip,
    "outcome": outcome,
    "pace_of": pace_of,
    "query": query,
    "rule_choices": RULES,
    "rule_words": words_of,
    "schedule_texts": schedule_texts,
    "schedule_words": schedule_words,
    "stacked_hours": stacked,
    "strip": strip,
    "success_share": success_share,
    "zone_name": zone_name,
}
