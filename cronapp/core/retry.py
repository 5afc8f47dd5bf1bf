"""Whether a run is tried again, and when."""

from __future__ import annotations

from cronapp.core.draws import draw
from cronapp.core.models import RETRIED_STATES, Backoff, Outcome, Retry, RunState

SPREAD = 0.1  # an exponential delay is spread by up to a tenth, so that many failures do not return together


def delay_after(rule: Retry, outcome: Outcome, attempt: int, seed: str) -> float | None:
    """Seconds to wait after attempt number `attempt` ended so; None: there is no further attempt.

    The spread is drawn from `seed`, so every server that asks gets the same answer.
    """
    if outcome.state not in RETRIED_STATES or attempt >= rule.max_attempts or not meant(rule, outcome):
        return None
    if rule.backoff is Backoff.FIXED:
        return min(rule.delay, rule.max_delay)
    delay = min(rule.delay * 2.0 ** min(attempt - 1, 40), rule.max_delay)
    return delay * (1 + SPREAD * draw(f"{seed}/{attempt}"))


def meant(rule: Retry, outcome: Outcome) -> bool:
    """Whether the rule names this end. An exception is meant by its name, with or without its module, and by the names
    of what it is derived from, as an `except` would have it."""
    if not rule.on:
        return True
    if outcome.state is not RunState.FAILED:
        return outcome.state in rule.on
    kinds = (outcome.error.kinds or (outcome.error.type,)) if outcome.error else ()
    return any(kind == name or kind.endswith(f".{name}") for kind in kinds for name in rule.on)


def unmeant(rule: Retry, outcome: Outcome, attempt: int) -> str | None:
    """Why there is no further attempt although there are some left, in a sentence."""
    if outcome.state not in RETRIED_STATES or attempt >= rule.max_attempts or meant(rule, outcome):
        return None
    what = outcome.error.type if outcome.error and outcome.state is RunState.FAILED else f"an end as {outcome.state}"
    return f"Not tried again: {what} is not among what its retry rule names ({', '.join(rule.on)})."
