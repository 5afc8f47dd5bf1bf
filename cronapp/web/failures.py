"""Errors: failures by their groups, and one group."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.store.runs import RunFilter
from cronapp.web.bulk_runs import ask_change
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.failures import asked_errors_of, error_context, error_list_context

pages = Blueprint("failures", __name__)


@pages.get("/errors")
async def index() -> str:
    context = await error_list_context(parts(), asked_errors_of(request.args.to_dict()))
    return await show("errors", nav="errors", topic="errors", **context)


@pages.get("/errors/<group>")
async def detail(group: str) -> str:
    context = await error_context(parts(), group, asked_errors_of(request.args.to_dict()))
    return await show("error_group", nav="errors", topic=f"error:{group}", **context)


@pages.get("/errors/<group>/retry")
async def ask_retry(group: str) -> ResponseReturnValue:
    """What a retry of all of the group would do."""
    await parts().failures.detail(group, parts().failures.asked(asked_errors_of({}).range))
    ids = await parts().bulk_runs.matching(RunFilter(group=group))
    return await ask_change("retry", ids, f"/errors/{group}", nav="errors")
