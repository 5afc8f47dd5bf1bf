"""What may surprise in a cron expression."""

from __future__ import annotations

from collections.abc import Iterable

from cronapp.core.cron.phrases import ordinal
from cronapp.core.cron.tree import Field, Tree


def warnings(tree: Tree) -> tuple[str, ...]:
    """What may surprise, in sentences."""
    return (
        *_day_warnings(tree),
        *_step_warnings(tree.second, "minute"),
        *_step_warnings(tree.minute, "hour"),
        *_step_warnings(tree.hour, "day"),
        *_short_month_warnings(tree),
    )


def _day_warnings(tree: Tree) -> Iterable[str]:
    if not tree.both_days:
        yield (
            "The day of month and the day of week are both given: it runs when either fits. "
            "Put + before the day of week to ask for both."
        )
    elif not tree.weekday.plus and not tree.day.full and not tree.weekday.full:
        yield "One of the two day fields starts with *, so a day must fit both of them."


def _step_warnings(field: Field, whole: str) -> Iterable[str]:
    unit = field.kind.name.lower()
    step = field.spans[0].step if field.star and len(field.items) == 1 else 1
    rest = field.kind.high + 1 - field.values[-1]
    if step > 1 and len(field.values) == 1:
        yield f"*/{step} means only {unit} 0: the step is as long as the {whole}, or longer."
    elif step > 1 and rest != step:
        yield (
            f"*/{step} starts anew with each {whole}: the last step before the next {whole} takes "
            f"{rest} {unit}{'' if rest == 1 else 's'} only."
        )


def _short_month_warnings(tree: Tree) -> Iterable[str]:
    day = tree.day
    latest = min((item.first for item in day.spans), default=0)
    if latest > 28 and (tree.both_days or tree.weekday.full) and len(day.spans) == len(day.items):
        yield f"Months without a {ordinal(latest)} have no run. L is the last day of any month."
