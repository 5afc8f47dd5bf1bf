"""A test of a channel, of a rule, or of what a job's own rules say: sent at once, and told what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from cronapp.core.alerts import Delivery, DeliveryState
from cronapp.core.errors import Conflict
from cronapp.core.models import Job
from cronapp.web.auth import who
from cronapp.web.site import parts

MOST = 20  # receivers of one test
NOBODY = "This rule tells nobody yet, so there is nobody to send a test to. Name a channel."


async def test_channel(name: str) -> list[Delivery]:
    await parts().channels.get(name)
    return await sent("channel.tested", name, [name], [])


async def test_rule(rule_id: str) -> list[Delivery]:
    rule = await parts().alerts.rule(rule_id)
    return await sent("alert.tested", rule_id, rule.channels, [])


async def test_job(job_id: str) -> list[Delivery]:
    job = await parts().jobs.get(job_id)
    names = dict.fromkeys(name for rule in job.spec.notify for name in rule.channels)
    urls = dict.fromkeys(url for rule in job.spec.notify for url in rule.urls)
    return await sent("job.tested", job.id, list(names), list(urls), job)


async def sent(
    action: str, target: str, names: Sequence[str], urls: Sequence[str], job: Job | None = None
) -> list[Delivery]:
    if not names and not urls:
        raise Conflict(NOBODY)
    await parts().alerts.note_test(action, target)
    return await parts().send_test(names[:MOST], urls[: MOST - len(names[:MOST])], who(), job)


def told(found: Sequence[Delivery]) -> tuple[str, bool]:
    """What became of it, in words, and whether all of it arrived."""
    wrong = [one for one in found if one.state != DeliveryState.SENT]
    right = [one.shown for one in found if one.state == DeliveryState.SENT]
    parts_told = [f"{one.shown}: {one.error}" for one in wrong]
    if right:
        parts_told.insert(0, f"A test was sent to {', '.join(right)}.")
    return " ".join(parts_told), not wrong
