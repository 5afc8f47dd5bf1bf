"""A call as steps that somebody carries out, with or without `await`: so each is written once for both clients."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from cronapp.client.errors import NotReached, refusal
from cronapp.wire import Items, Wire

T = TypeVar("T")
W = TypeVar("W", bound=Wire)
Query = Mapping[str, Any]

TRIES = 5  # while the server says that it is too much, or that it cannot at present,
LONGEST_WAIT = 30  # each time after so many seconds at the most
PAGE = 500  # the most that the server tells at once
REPEATABLE = {"GET", "PUT", "DELETE"}


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Query = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again where nobody knows whether the first one was carried out."""
        return self.method in REPEATABLE or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and go on with the reply."""

    ask: Ask[Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Give(Generic[T]):
    """Hand this to who asked, and go on when more is wanted."""

    item: T


@dataclass(frozen=True, slots=True)
class Listen:
    """Send this, and go on as soon as the reply begins, with an `Opened`; or with `NotReached`. What was listened to
    before is given up."""

    ask: Ask[Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A reply that began. Of a good one the `rest` is still to be heard."""

    reply: httpx.Response
    rest: Any


@dataclass(frozen=True, slots=True)
class Hear:
    """Go on with the next bytes; None: it has ended, or was lost."""

    rest: Any


Steps = Generator[Send | Wait, Any, T]
Flow = Generator[Send | Wait | Listen | Hear | Give[T], Any, None]


def answered(ask: Ask[T]) -> Steps[T]:
    """Its answer; where the server is too busy, that after the time that it names."""
    reply: httpx.Response = yield Send(ask)
    for _ in range(TRIES - 1):
        wait = reply.headers.get("Retry-After", "")
        later = reply.status_code == 429 or (reply.status_code == 503 and ask.repeatable)
        if not later or not wait.isdigit() or int(wait) > LONGEST_WAIT:
            break
        yield Wait(int(wait))
        reply = yield Send(ask)
    if not reply.is_success:
        raise refusal(reply)
    try:
        return ask.read(reply)
    except (ValidationError, ValueError) as error:
        raise NotReached(f"{reply.url} answers otherwise than this client understands: {error}") from error


def listed(ask: Ask[Items[W]], most: int | None) -> Flow[W]:
    """Each item of a list, page by page as far as they are wanted; at most so many."""
    left, cursor = most, None
    while left is None or left > 0:
        size = PAGE if left is None else min(left, PAGE)
        page = yield from answered(replace(ask, query={**ask.query, "limit": size, "cursor": cursor}))
        for item in page.items:
            yield Give(item)
        if page.next is None:
            return
        left, cursor = None if left is None else left - len(page.items), page.next


# -- how requests are written -----------------------------------------------------------------------------------------


def at(*parts: str | int) -> str:
    """An address made of these, whatever letters are in them."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def ask(
    answer: type[W],
    method: str,
    path: str,
    body: Any = None,
    *,
    query: Query | None = None,
    version: int | None = None,
    key: str | None = None,
) -> Ask[W]:
    """A request that is answered with JSON. `version` is the one that is meant, `key` an idempotency key."""
    headers = {"If-Match": f'"{version}"'} if version is not None else {}
    headers |= {"Idempotency-Key": key} if key else {}
    return Ask(method, path, lambda reply: answer.model_validate_json(reply.content), query or {}, body, headers)


def nothing(method: str, path: str, body: Any = None, *, version: int | None = None) -> Ask[None]:
    """A request that is answered with nothing."""
    headers = {"If-Match": f'"{version}"'} if version is not None else {}
    return Ask(method, path, lambda reply: None, {}, body, headers)


def query_of(query: Query) -> list[tuple[str, str]]:
    """As it stands in an address. What is None is left out, several of one name stand there one by one."""
    each = [
        (name, one) for name, value in query.items() for one in several(value) if one is not None and one is not False
    ]
    return [(name, text_of(value)) for name, value in each]


def several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def text_of(value: Any) -> str:
    match value:
        case True:
            return "1"
        case datetime():
            return moment_text(value)
    return str(value)


def moment_text(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.astimezone()
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_of(body: Any) -> Any:
    """What is sent, as JSON has it: durations in seconds, moments with their offset."""
    match body:
        case Wire():
            return body.told()
        case Mapping():
            return {str(name): json_of(value) for name, value in body.items()}
        case list() | tuple() | set() | frozenset():
            return [json_of(value) for value in body]
        case datetime():
            return moment_text(body)
    return to_jsonable_python(body, timedelta_mode="float")


def given(**fields: Any) -> dict[str, Any]:
    """Those that are said."""
    return {name: value for name, value in fields.items() if value is not None}
