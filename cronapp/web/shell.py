"""What every page needs besides its own content."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from quart import g, redirect, request
from quart.typing import ResponseReturnValue

from cronapp.store.jobs import Figures
from cronapp.store.signin import Way
from cronapp.web.keys import keys_of
from cronapp.web.render import fragment, partial
from cronapp.web.render import page as render_page
from cronapp.web.site import navigation, parts

DIALOG = "#dialog"
OF_MANY_JOBS = ("overview", "jobs", "runs")
"""Topics of pages that list several jobs, each with its own zone."""


async def show(
    name: str,
    *,
    nav: str,
    topic: str = "page",
    after: int | str | None = None,
    job_zone: str | None = None,
    **context: Any,
) -> str:
    """A whole page, whose stream follows `topic` (from the place `after` on, as the view tells it).

    `job_zone` is the zone of the one job that the page is about; its times can be told in it.
    """
    stream = f"/stream?topics={quote(topic, safe=':')}" + (f"&after={after}" if after is not None else "")
    frame = {
        "page": nav,
        "stream": stream,
        "signed_in": g.signed_in,
        "me": g.who.name,
        "by_link": by_link(),
        **surroundings(await parts().jobs.figures()),
        "job_zone": job_zone,
        "server_zone": parts().timezone if topic in OF_MANY_JOBS else None,
        "switch": await parts().switch.state(),
        "stale": parts().tasks.stale,
        "draining": parts().drain.since,
        "clock_off": parts().clock_off(),
    }
    return render_page(name, **{**frame, **context})


def by_link() -> bool:
    """Whether who looks came by a one-time link, which does not lead in again."""
    return g.session is not None and g.session.way is Way.LINK


def surroundings(figures: Figures | None = None) -> dict[str, Any]:
    """Where a page leads to; without figures where they cannot be asked."""
    return {"menu": navigation(), "nav_figures": figures, "key_table": keys_of(navigation())}


async def ask(name: str, *, nav: str, title: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    """A question before a change: a dialog over the page that asks for it, or a page of its own."""
    question = fragment(name, title=title, **context)
    if by_htmx():
        return str(partial(DIALOG, question, "innerMorph")), status
    return await show("ask", nav=nav, title=title, question=question), status


def answered() -> Markup:
    """Closes the dialog in which it was asked."""
    return partial(DIALOG, Markup(), "innerMorph")


def by_htmx() -> bool:
    """Whether the page stays and wants only what changed."""
    return "HX-Request" in request.headers


def done(address: str, *changed: Markup) -> ResponseReturnValue:
    """The reply to a change: the fragments that changed, or, without JavaScript, the page that shows it."""
    if by_htmx():
        return str(Markup("").join(changed))
    return redirect(address, 303)


def go(address: str) -> ResponseReturnValue:
    """Sends the browser to another page."""
    if by_htmx():
        return "", 204, {"HX-Redirect": address}
    return redirect(address, 303)
