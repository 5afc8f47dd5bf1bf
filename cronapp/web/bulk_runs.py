"""Many runs at once: a question with the exact count, and a report of what became of each."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import BadRequest
from cronapp.service.bulk_runs import ACTIONS, Action
from cronapp.web.asked_runs import asked_runs_of
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, by_htmx, done
from cronapp.web.site import parts

pages = Blueprint("bulk_runs", __name__)
ASKED = {"retry": "Retry {}?", "cancel": "Cancel {}?"}
DONE = {"retry": "{} tried again.", "cancel": "{} cancelled or asked to stop."}


@pages.post("/runs/bulk")
async def question() -> ResponseReturnValue:
    """Asks before the selected runs are changed. Which they are is settled here: what matches later is not touched."""
    form = await request.form
    asked = asked_runs_of(form.get("query", ""))
    if form.get("all"):
        ids = await parts().bulk_runs.matching(asked.filters(parts().clock()))
    else:
        ids = numbers(form.getlist("run"))
    if not ids:
        raise BadRequest("No run is selected. Select at least one first.")
    return await ask_change(action_of(form.get("action", "")), ids, asked.href())


@pages.post("/runs/bulk/done")
async def carry_out() -> ResponseReturnValue:
    form = await request.form
    action, ids, back = action_of(form.get("action", "")), numbers(form.get("ids", "").split()), form.get("back", "")
    report = await parts().bulk_runs.carry_out(ids, action)
    told = DONE[action].format(runs(len(report.done)))
    if not report.unchanged and not report.refused and by_htmx():
        return done("/runs", answered(), toast(told, href="/runs?state=queued,running", link="See what waits and runs"))
    return await ask("_runs_report", nav="runs", title=told, report=report, back=inside(back))


async def ask_change(action: Action, ids: list[int], back: str, *, nav: str = "runs") -> ResponseReturnValue:
    """The question before these runs are changed."""
    plan = await parts().bulk_runs.plan(ids, action)
    title = ASKED[action].format(runs(len(plan.done))) if plan.done else f"Nothing to {action}"
    return await ask("_ask_runs", nav=nav, title=title, plan=plan, ids=ids, back=back)


def inside(address: str) -> str:
    """A page of ours to go back to."""
    return address if address.startswith(("/runs", "/errors")) else "/runs"


def numbers(texts: list[str]) -> list[int]:
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise BadRequest("Runs are named by their numbers.")
    return [int(text) for text in texts]


def action_of(text: str) -> Action:
    for action in ACTIONS:
        if action == text:
            return action
    raise BadRequest("Choose what is to be done with the selected runs.")


def runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs" if count else "No run"
