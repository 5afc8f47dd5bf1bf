"""Many jobs at once: a question with the exact count, and a report of what became of each."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import BadRequest, InvalidInput
from cronapp.core.zones import zone
from cronapp.service.bulk import ACTIONS, Action, Order, refuse_action
from cronapp.web.asked import address, asked_of
from cronapp.web.auth import who
from cronapp.web.forms import until_of
from cronapp.web.render import toast
from cronapp.web.schedules import Texts
from cronapp.web.shell import answered, ask, by_htmx, done
from cronapp.web.site import parts

pages = Blueprint("bulk", __name__)
DONE = {"pause": "paused", "resume": "resumed", "run": "started", "tag": "changed", "untag": "changed"}
DONE |= {"remove": "deleted"}
ASKED = {
    "pause": "Pause {}?",
    "resume": "Resume {}?",
    "run": "Run {} now?",
    "tag": "Tags of {}",
    "remove": "Delete {}?",
}


@pages.post("/jobs/bulk")
async def question() -> ResponseReturnValue:
    """Asks before the selected jobs are changed. Which they are is settled here: what matches later is not touched."""
    form = await request.form
    ids = form.getlist("job")
    if form.get("all"):
        ids = await parts().bulk.matching(asked_of(form.get("query", "")).filters)
    if not ids:
        raise BadRequest("No job is selected. Select at least one first.")
    return await asked(action_of(form.get("action", "")), ids, {"query": form.get("query", "")})


@pages.post("/jobs/bulk/done")
async def carry_out() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    action, ids = action_of(texts.get("action", "")), texts.get("ids", "").split()
    try:
        report = await parts().bulk.carry_out(ids, order_of(action, texts), by=who())
    except InvalidInput as error:
        return await asked(action, ids, texts, error)
    told = f"{jobs(len(report.done))} {DONE[report.order.action]}."
    if not report.unchanged and not report.refused and by_htmx():
        return done("/jobs", answered(), toast(told))
    return await ask("_bulk_report", nav="jobs", title=told, report=report, back=back(texts))


async def asked(action: Action, ids: list[str], texts: Texts, error: InvalidInput | None = None) -> ResponseReturnValue:
    refuse_action(action)
    plan = await parts().bulk.plan(ids, Order(action=action)) if action != "tag" else None
    count = len(plan.done) if plan else len(ids)
    context: dict[str, Any] = {
        "action": action,
        "ids": ids,
        "plan": plan,
        "values": texts,
        "errors": error.errors if error else {},
        "zone": parts().timezone,
        "back": back(texts),
        "tags": (await parts().jobs.offers())["tag"] if action == "tag" else [],
    }
    title = ASKED[action].format(jobs(count)) if count else f"Nothing to {action}"
    return await ask("_ask_bulk", nav="jobs", title=title, status=error.status if error else 200, **context)


def order_of(action: Action, texts: Texts) -> Order:
    if action == "tag" and texts.get("how") == "untag":
        action = "untag"
    until = until_of(texts, parts().clock(), zone(parts().timezone)) if action == "pause" else None
    tags = tuple(texts.get("tags", "").split(","))
    return Order(
        action=action, reason=texts.get("reason"), until=until, catch_up=texts.get("catch_up") or "none", tags=tags
    )


def action_of(text: str) -> Action:
    if text not in ACTIONS:
        raise BadRequest("Choose what is to be done with the selected jobs.")
    return text


def jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs" if count else "No job"


def back(texts: Texts) -> str:
    return address(asked_of(texts.get("query", "")).pairs)
