"""Templates to HTML. Rendering needs no request, so a page and the stream show a fragment alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cronapp import __version__
from cronapp.web.arguments import arguments, numbered, picked
from cronapp.web.assets import assets_root, static_url
from cronapp.web.compiled import Compiled
from cronapp.web.filters import FILTERS, GLOBALS
from cronapp.web.graph import after_told, graph
from cronapp.web.permissions import may

MONTH_DAYS = [*((str(day), f"day {day}") for day in range(1, 32)), ("last", "the last day")]


def differs(name: str, values: Mapping[str, str], usual: Mapping[str, str]) -> bool:
    """Whether a form says something of this field that is not what it comes to anyway."""
    return values.get(name, "").strip() not in ("", usual[name])


environment = Environment(
    loader=FileSystemLoader(assets_root() / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    bytecode_cache=Compiled(assets_root() / "templates"),
)
environment.filters.update(FILTERS, is_picked=picked)
environment.tests["differs"] = differs
environment.globals.update(
    GLOBALS,
    arguments=arguments,
    numbered=numbered,
    graph=graph,
    after_told=after_told,
    month_days=MONTH_DAYS,
    static_url=static_url,
    icons=static_url("icons.svg"),
    may=may,
    version=__version__,
)


def prepare() -> None:
    """Compiles all templates, so that the first visitor does not wait for it."""
    for name in environment.list_templates():
        environment.get_template(name)


def fragment(name: str, **context: Any) -> Markup:
    """One fragment: `fragment("_job_row", row=row)`."""
    return Markup(environment.get_template(f"fragments/{name}.html").render(**context))  # noqa: S704 (Jinja escapes)


def page(name: str, **context: Any) -> str:
    """One whole page: `page("jobs", page="jobs", …)`."""
    return environment.get_template(f"pages/{name}.html").render(**context)


def partial(target: str, html: Markup, swap: str = "outerMorph") -> Markup:
    """A fragment addressed to an element of the page; many of them fit into one reply or message."""
    return Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(target, swap, html)


def toast(text: str, *, tone: str = "ok", href: str | None = None, link: str = "", undo: str | None = None) -> Markup:
    """A short message in the corner of the page, with a link to what happened, or a button that posts to `undo`."""
    return partial("#toasts", fragment("_toast", text=text, tone=tone, href=href, link=link, undo=undo), "beforeend")
