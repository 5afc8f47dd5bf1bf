"""What a handler of the API answers: a model, or one of these. Its annotation describes it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from quart import Response, request

from cronapp import wire

JSON, LINES, TEXT = "application/json", "application/x-ndjson", "text/plain"
EVENTS = "text/event-stream"
T = TypeVar("T", bound=wire.Wire)


@dataclass(frozen=True, slots=True)
class Created(Generic[T]):
    """There is something new, at its address."""

    status: ClassVar = 201
    headers: ClassVar = ("Location",)
    body: T
    location: str


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """It was not there before."""

    status: ClassVar = 201
    headers: ClassVar = ()
    body: T


@dataclass(frozen=True, slots=True)
class Opened(Generic[T]):
    """It is going to be done; how far it is stands at the address."""

    status: ClassVar = 202
    headers: ClassVar = ("Location",)
    body: T
    location: str


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """It is going to be done."""

    status: ClassVar = 202
    headers: ClassVar = ()
    body: T


@dataclass(frozen=True, slots=True)
class Unavailable(Generic[T]):
    """It cannot do its part at present."""

    status: ClassVar = 503
    headers: ClassVar = ()
    body: T


@dataclass(frozen=True, slots=True)
class Done:
    """There is nothing to tell."""

    status: ClassVar = 204
    headers: ClassVar = ()


@dataclass(frozen=True, slots=True)
class Lines(Generic[T]):
    """One JSON object a line, made bit by bit."""

    kind: ClassVar = LINES
    content: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Text:
    """Text, made bit by bit."""

    kind: ClassVar = TEXT
    content: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Events:
    """Server-sent events, as they come; `wire.EVENTS` has what they hold."""

    kind: ClassVar = EVENTS
    content: AsyncIterator[bytes]


Bodies = Created[Any] | Stored[Any] | Opened[Any] | Accepted[Any] | Unavailable[Any]
Reply = wire.Wire | Bodies | Done | Lines[Any] | Text | Events


def response_of(reply: Reply) -> Response:
    """What a handler answered, as it is sent."""
    match reply:
        case Done():
            return empty(reply.status)
        case Lines() | Text():
            return streamed(reply)
        case Events():
            return endless(b"" if request.method == "HEAD" else reply.content)  # else a HEAD would last as long
    return told(reply, 200) if isinstance(reply, wire.Wire) else told(reply.body, reply.status, reply)


def empty(status: int) -> Response:
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def told(body: wire.Wire, status: int, reply: Bodies | None = None) -> Response:
    response = Response(json.dumps(body.told(), separators=(",", ":")), status=status, content_type=JSON)
    if isinstance(reply, Created | Opened):
        response.headers["Location"] = reply.location
    if isinstance(body, wire.Job):
        response.headers["ETag"] = f'"{body.version}"'
    return response


def streamed(reply: Lines[Any] | Text) -> Response:
    charset = "; charset=utf-8" if reply.kind == TEXT else ""
    response = Response(reply.content, content_type=f"{reply.kind}{charset}")
    response.timeout = None
    return response


def endless(content: AsyncIterator[bytes] | bytes) -> Response:
    """Server-sent events. Nobody keeps them back on their way."""
    response = Response(content, content_type=f"{EVENTS}; charset=utf-8")
    response.timeout = None
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
