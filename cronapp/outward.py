"""Asks others by HTTP, and nobody within: the address that a connection goes to is the one that was checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

import httpcore
import httpx

from cronapp.core.outward import is_public, refusal

TRIED = 3  # addresses of one name


class PrivateAddress(Exception):
    """The name leads to this machine or into a private network."""


async def addresses_of(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of the host. Raises `PrivateAddress` where one of them is not public, unless `private` ones are
    allowed too; and `OSError` where there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not private and (inner := [one for one in addresses if not is_public(one)]):
        raise PrivateAddress(refusal(inner[0]))
    return addresses[:TRIED]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very address that it has checked: a name that leads elsewhere at the next moment leads nobody."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        *others, last = await addresses_of(host, port, private=self._private)
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise PrivateAddress(f"{path} is a socket of this machine.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class Transport(httpx.AsyncHTTPTransport):
    """Without proxies of the environment, which would ask in our place."""

    def __init__(self, certificates: ssl.SSLContext, *, private: bool) -> None:
        super().__init__(verify=certificates, trust_env=False)
        # httpx hands no network down; all else of its transport is as it is.
        self._pool = httpcore.AsyncConnectionPool(certificates, network_backend=CheckedNetwork(private=private))


@cache
def certificates() -> ssl.SSLContext:
    """Read once: it takes tens of milliseconds, in which the event loop would stand still."""
    return httpx.create_ssl_context(trust_env=True)


@asynccontextmanager
async def asked(request: httpx.Request, *, private: bool, seconds: float) -> AsyncIterator[httpx.Response]:
    """The answer to one request, of which the body is to be read. It is as it comes: no redirect is followed, which
    would lead to an address of its own, and nothing is logged, as a client of httpx does with the whole address."""
    request.extensions["timeout"] = httpx.Timeout(seconds).as_dict()
    async with Transport(await asyncio.to_thread(certificates), private=private) as transport:
        answer = await transport.handle_async_request(request)
        answer.request = request
        try:
            yield answer
        finally:
            await answer.aclose()
