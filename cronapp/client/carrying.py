"""Who carries out the steps of a call: at once, or with `await`; and calls that are methods of both."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from cronapp.client.errors import NotReached
from cronapp.client.steps import (
    Ask,
    Flow,
    Give,
    Hear,
    Listen,
    Opened,
    Send,
    Steps,
    Wait,
    answered,
    json_of,
    listed,
    query_of,
)
from cronapp.wire import Items, Wire

P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W", bound=Wire)
DEFAULT = "http://127.0.0.1:5000"
DEAF = 40.0  # seconds without a sign of life, of which there is one each 15, after which a stream counts as lost


class Server:
    """Where the server is, and with what one comes in."""

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 30.0) -> None:
        """`url` as `http://127.0.0.1:5000` and the token are else those of `$CRONAPP_URL` and `$CRONAPP_TOKEN`.
        `timeout`: so many seconds for each answer."""
        self.url = (url or os.environ.get("CRONAPP_URL") or DEFAULT).rstrip("/")
        self.timeout = timeout
        secret = token or os.environ.get("CRONAPP_TOKEN") or ""
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"

    def _options(self) -> dict[str, Any]:
        return {"base_url": f"{self.url}/api/v1", "headers": self._headers, "timeout": self.timeout}

    def _request(self, ask: Ask[Any]) -> dict[str, Any]:
        sent = {"json": json_of(ask.body)} if ask.body is not None else {}
        headers = {"Accept": "application/json", **ask.headers}
        return {"method": ask.method, "url": ask.path, "params": query_of(ask.query), "headers": headers, **sent}

    def _stream(self, ask: Ask[Any]) -> dict[str, Any]:
        return {**self._request(ask), "timeout": httpx.Timeout(self.timeout, read=DEAF)}

    def _away(self, error: Exception) -> NotReached:
        return NotReached(f"{self.url} cannot be reached: {error}. Is the server running there?")


class Blocking(Server):
    """Waits for each answer."""

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 30.0) -> None:
        super().__init__(url, token, timeout=timeout)
        self._http = httpx.Client(**self._options())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def carry_out(self, steps: Steps[T]) -> T:
        answer: Any = None
        try:
            while True:
                answer = self._done(steps.send(answer))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def flow(self, steps: Flow[T]) -> Iterator[T]:
        answer: Any = None
        with ExitStack() as opened:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return
                answer = None
                match step:
                    case Give(item=item):
                        yield item
                    case Listen(ask=ask):
                        opened.close()
                        answer = self._listen(ask, opened)
                    case Hear(rest=rest):
                        answer = self._hear(rest)
                    case _:
                        answer = self._done(step)

    def _listen(self, ask: Ask[Any], opened: ExitStack) -> Opened | NotReached:
        try:
            reply = opened.enter_context(self._http.stream(**self._stream(ask)))
            if not reply.is_success:
                reply.read()
        except httpx.HTTPError as error:
            return self._away(error)
        return Opened(reply, reply.iter_bytes())

    def _hear(self, rest: Iterator[bytes]) -> bytes | None:
        try:
            return next(rest, None)
        except httpx.HTTPError:
            return None

    def _done(self, step: Send | Wait) -> httpx.Response | None:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.request(**self._request(step.ask))
        except httpx.HTTPError as error:
            raise self._away(error) from error


class Awaiting(Server):
    """Lets others work while it waits."""

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 30.0) -> None:
        super().__init__(url, token, timeout=timeout)
        self._http = httpx.AsyncClient(**self._options())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def carry_out(self, steps: Steps[T]) -> T:
        answer: Any = None
        try:
            while True:
                answer = await self._done(steps.send(answer))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def flow(self, steps: Flow[T]) -> AsyncIterator[T]:
        answer: Any = None
        async with AsyncExitStack() as opened:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return
                answer = None
                match step:
                    case Give(item=item):
                        yield item
                    case Listen(ask=ask):
                        await opened.aclose()
                        answer = await self._listen(ask, opened)
                    case Hear(rest=rest):
                        answer = await self._hear(rest)
                    case _:
                        answer = await self._done(step)

    async def _listen(self, ask: Ask[Any], opened: AsyncExitStack) -> Opened | NotReached:
        try:
            reply = await opened.enter_async_context(self._http.stream(**self._stream(ask)))
            if not reply.is_success:
                await reply.aread()
        except httpx.HTTPError as error:
            return self._away(error)
        return Opened(reply, reply.aiter_bytes())

    async def _hear(self, rest: AsyncIterator[bytes]) -> bytes | None:
        try:
            return await anext(rest, None)
        except httpx.HTTPError:
            return None

    async def _done(self, step: Send | Wait) -> httpx.Response | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._http.request(**self._request(step.ask))
        except httpx.HTTPError as error:
            raise self._away(error) from error


class call(Generic[P, T]):  # noqa: N801
    """A method that is one request. Of `Client` it answers, of `AsyncClient` it is awaited."""

    def __init__(self, made: Callable[Concatenate[Any, P], Ask[T]]) -> None:
        self.made = made
        self.__doc__ = made.__doc__

    @overload
    def __get__(self, server: None, owner: type) -> Self: ...
    @overload
    def __get__(self, server: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, server: Awaiting, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, server: Any, owner: type) -> Any:
        if server is None:
            return self

        @wraps(self.made)
        def asked(*named: P.args, **more: P.kwargs) -> Any:
            return server.carry_out(answered(self.made(server, *named, **more)))

        return asked


class flow(Generic[P, T]):  # noqa: N801
    """A method that gives one thing after another: to be gone through with `for`, or with `async for`."""

    def __init__(self, made: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self.made = made
        self.__doc__ = made.__doc__

    @overload
    def __get__(self, server: None, owner: type) -> Self: ...
    @overload
    def __get__(self, server: Blocking, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, server: Awaiting, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, server: Any, owner: type) -> Any:
        if server is None:
            return self

        @wraps(self.made)
        def begun(*named: P.args, **more: P.kwargs) -> Any:
            return server.flow(self.made(server, *named, **more))

        return begun


def pages(ask: Ask[Items[W]], most: int | None = None) -> Flow[W]:
    """A list as a flow."""
    return listed(ask, most)
