"""What the jobs list shows: the question by what it is filtered and sorted, and views of it saved under a name."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput, NotFound
from cronapp.web.asked import asked_of
from cronapp.web.auth import who
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, done
from cronapp.web.site import parts

pages = Blueprint("saved_views", __name__)
LISTS = ("jobs",)
FIELDS = (*((name, name) for name in ("task", "queue", "label", "origin")), ("group", "in_group"))


@pages.get("/views/filter")
async def filters() -> ResponseReturnValue:
    asked, offers = asked_of(request.query_string.decode()), await parts().jobs.offers()
    told = {
        name: [(value, f"{value} · {count:,}") for value, count in offers[name]] for name in offers if name != "tag"
    }
    for name, field in FIELDS:
        chosen = asked.value(field)
        if chosen and chosen not in dict(told[name]):
            told[name].append((chosen, chosen))
    context: dict[str, Any] = {"asked": asked, "offers": {**told, "tag": tags_with(offers["tag"], asked.filters.tags)}}
    return await ask("_job_filter", nav="jobs", title="Filter and sort", **context)


def tags_with(offered: list[tuple[str, int]], chosen: tuple[str, ...]) -> list[tuple[str, int]]:
    """The tags to choose from, also those that are chosen and that no job has any more."""
    return offered + [(tag, 0) for tag in chosen if tag not in dict(offered)]


@pages.get("/views/save")
async def ask_save() -> ResponseReturnValue:
    page, query = known(request.args.get("page", "")), asked_of(request.args.get("query", "")).query
    return await asked(page, query)


@pages.post("/views/save")
async def save() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    page, query, name = known(texts.get("page", "")), asked_of(texts.get("query", "")).query, texts.get("name", "")
    try:
        view = await parts().views.save(page, name, query, by=who())
    except InvalidInput as error:
        return await asked(page, query, name, error)
    return done(f"/{page}?{query}", answered(), toast(f"The view {view.name} is saved."))


@pages.get("/views/remove")
async def ask_remove() -> ResponseReturnValue:
    page, name = known(request.args.get("page", "")), request.args.get("name", "")
    return await ask("_ask_unview", nav=page, title=f"Remove the view {name}?", page=page, view=name)


@pages.post("/views/remove")
async def remove() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    page, name = known(texts.get("page", "")), texts.get("name", "")
    await parts().views.remove(page, name)
    return done(f"/{page}", answered(), toast(f"The view {name} is removed."))


async def asked(page: str, query: str, name: str = "", error: InvalidInput | None = None) -> ResponseReturnValue:
    context = {"page": page, "query": query, "values": {"name": name}, "errors": error.errors if error else {}}
    return await ask("_ask_view", nav=page, title="Save this view", status=error.status if error else 200, **context)


def known(page: str) -> str:
    if page not in LISTS:
        raise NotFound
    return page
