"""The web application: what its handlers are handed, and how it is put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Protocol, cast

from quart import Quart, current_app, g, request
from quart.ctx import RequestContext
from quart.typing import ResponseTypes
from werkzeug.routing import IntegerConverter

from cronapp.config import Settings
from cronapp.core.access import Sight
from cronapp.core.alerts import Delivery
from cronapp.core.clock import Clock
from cronapp.core.hosts import Hosts
from cronapp.core.models import Inside, Job
from cronapp.core.tracing import RequestSpan
from cronapp.service.services import Services
from cronapp.service.single_sign_on import SingleSignOn
from cronapp.store.holdings import Holdings
from cronapp.web.assets import assets_root
from cronapp.web.calls import Calls
from cronapp.web.form_token import Asked
from cronapp.web.hub import Hub
from cronapp.web.navigation import Navigation, navigation_of
from cronapp.web.proxies import proxies_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A time when the event loop stood still, and whose fault it was."""

    at: datetime
    seconds: float
    who: str | None
    stack: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """When old runs were looked for last, how many went then, and how many since the start."""

    at: datetime
    runs: int
    total: int


@dataclass(slots=True, kw_only=True)
class System:
    """How the server is, for the system page."""

    version: str
    python: str
    node: str
    started_at: datetime
    uptime: float  # seconds
    database: str
    database_bytes: int | None
    timezone: str
    concurrency: int
    places: int  # for runs, on all nodes together
    running: int
    queued: int
    loop_lag_ms: float
    lag: tuple[float, ...]  # seconds, the worst of each five within the last ten minutes
    memory: int | None  # bytes of this process
    cpu: float | None  # per cent of one processor
    threads: int | None
    works: bool  # whether runs are executed here
    holdings: Holdings
    keep_runs: int
    keep_days: float
    log_limit: int
    pruned: Pruned | None
    leaked_threads: int
    stream_clients: int
    sources: tuple[str, ...]
    libraries: dict[str, str]
    blocked: list[Blocked] = field(default_factory=list)


class Draining(Protocol):
    """Emptying the server for a restart."""

    since: datetime | None

    async def begin(self, by: str) -> None: ...

    async def end(self, by: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Services):
    """What the handlers work with. The app makes it once and hands it down."""

    node: str
    """The name of this process among those on its database."""
    drain: Draining
    settings: Settings
    clock: Clock
    hub: Hub
    sign_on: SingleSignOn
    system: Callable[[], Awaitable[System]]
    clock_off: Callable[[], float]
    """By how many seconds this machine's clock is off, if that is so much that no slot is taken here; else 0."""
    alive: Callable[[], bool]
    """Whether this process can go on. While the database is away it can."""
    ready: Callable[[], Awaitable[dict[str, bool]]]
    metrics: Callable[[bool], Awaitable[tuple[bytes, str]]]
    """The figures for who watches many servers, and of what type they are; True: as OpenMetrics."""
    asked: Callable[[str, Mapping[str, str]], AbstractContextManager[RequestSpan]]
    """A span around a request, where traces are made."""
    look: Callable[[int], Awaitable[Inside | None]]
    send_test: Callable[[Sequence[str], Sequence[str], str, Job | None], Awaitable[list[Delivery]]]
    announce_link: Callable[[], Awaitable[None]]
    timezone: str
    cookie: str
    hosts: Hosts
    limited: Callable[[frozenset[str]], Services]
    """The services as somebody uses them who is limited to the jobs with one of these tags."""

    def limited_to(self, tags: frozenset[str]) -> Parts:
        services = self.limited(tags)
        return replace(self, **{name: getattr(services, name) for name in Services.__slots__})


BODY_TIMEOUT = 30  # seconds that somebody has to send what they send
NO_ROW = 2**63 - 1  # the largest number that a database holds
UNTRACED = ("/static/", "/healthz", "/readyz")
LIMITED = 100  # sets of tags for which parts are kept


class RowNumber(IntegerConverter):
    """A number in an address, as `<int:run_id>`. One that is too large for any row is that of none: refused here, it
    would be said of an address with several methods that it does not take this one."""

    def to_python(self, value: str) -> int:
        return min(int(super().to_python(value)), NO_ROW)


class Site(Quart):
    """Quart, with our parts."""

    request_class = Asked

    def __init__(self, parts: Parts) -> None:
        super().__init__("cronapp", root_path=str(assets_root()), static_folder="static", template_folder=None)
        self.parts = parts
        self.url_map.converters["int"] = RowNumber
        self.config["SEND_FILE_MAX_AGE_DEFAULT"] = 365 * 86400  # the address holds the hash of the content
        self.json.sort_keys = False  # type: ignore[attr-defined]
        self.config["MAX_CONTENT_LENGTH"] = 2 * 1024 * 1024
        self.config["BODY_TIMEOUT"] = BODY_TIMEOUT
        self.proxies = proxies_of(parts.settings)
        self.calls = Calls(parts.settings)
        self.limited = lru_cache(maxsize=LIMITED)(parts.limited_to)

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Each request, as it was sent to the proxy that we trust, and without NUL, which PostgreSQL does not hold."""
        if scope["type"] == "websocket":  # there is none here
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http":
            scope = self.proxies.read(scope)
            scope["path"] = scope["path"].replace("\0", "\ufffd")
            scope["query_string"] = scope["query_string"].replace(b"%00", b"%EF%BF%BD")
        await super().asgi_app(scope, receive, send)

    async def full_dispatch_request(self, request_context: RequestContext | None = None) -> ResponseTypes:
        """Each request but for static files, in a span of its own."""
        if request.path.startswith(UNTRACED):
            return await super().full_dispatch_request(request_context)
        with self.parts.asked(request.method, dict(request.headers)) as span:
            response = await super().full_dispatch_request(request_context)
            span.route = str(request.url_rule) if request.url_rule else ""
            span.status, span.who, span.number = response.status_code, kind_of_asker(), g.get("number", "")
        return response

    @cached_property
    def navigation(self) -> Navigation:
        """What the routes are good for; asked first when all of them are there."""
        return navigation_of(self.url_map)


def kind_of_asker() -> str:
    """Nobody, a person, a token, or whom a proxy names; for traces, which are nobody's list of people."""
    if g.get("who") is None:
        return "nobody"
    return "proxy" if g.get("proxied") else "person" if g.get("session") else "token"


def navigation() -> Navigation:
    """The pages that every page leads to."""
    return cast(Any, current_app).navigation  # type: ignore[no-any-return]


def parts() -> Parts:
    """The parts of the application that answers the present request, as who asks may use them."""
    return g.get("parts") or cast(Any, current_app).parts  # type: ignore[no-any-return]


def parts_for(sight: Sight) -> Parts:
    """The parts as they are used by somebody with these limits."""
    site: Any = current_app
    return site.parts if sight.tags is None else site.limited(sight.tags)  # type: ignore[no-any-return]
