"""When the next attempt starts."""

from __future__ import annotations

from cronapp.core.draws import draw
from cronapp.core.models import RETRIED_STATES, Backoff, Retry, RunState

SPREAD = 0.1  # an exponential delay is spread by up to a tenth, so that many failures do not return together


def delay_after(rule: Retry, state: RunState, attempt: int, seed: str) -> float | None:
    """Seconds to wait after attempt number `attempt` ended in `state`; None: there is no further attempt.

    The spread is drawn from `seed`, so every server that asks gets the same answer.
    """
    if state not in RETRIED_STATES or attempt >= rule.max_attempts:
        return None
    if rule.backoff is Backoff.FIXED:
        return min(rule.delay, rule.max_delay)
    delay = min(rule.delay * 2.0 ** min(attempt - 1, 40), rule.max_delay)
    return delay * (1 + SPREAD * draw(f"{seed}/{attempt}"))
