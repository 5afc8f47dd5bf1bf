"""Calls an address of the web that somebody typed."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from cronapp.notify.guard import Refused
from cronapp.outward import PrivateAddress, asked

LIMIT = 10.0  # seconds for all of it
READ = 2000  # bytes of an answer


class NotSent(Exception):
    """It did not arrive, and perhaps another time will."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


async def call(
    method: str, address: str, *, private: bool, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Calls it and answers what came back, of which little is read. Redirects are not followed. Raises `Refused` for
    what may not be called, and `NotSent`."""
    request = request_of(method, address, body, headers or {})
    try:
        async with asyncio.timeout(LIMIT), asked(request, private=private, seconds=LIMIT) as reply:
            return Answer(reply.status_code, await _read(reply))
    except PrivateAddress as error:
        raise Refused(str(error)) from None
    except (TimeoutError, httpx.TimeoutException):
        raise NotSent(f"No answer within {LIMIT:g} seconds.") from None
    except socket.gaierror as error:
        raise NotSent(f"The host {request.url.host} is not found: {error.strerror or error}.") from None
    except httpx.ConnectError as error:
        raise NotSent(f"It cannot be reached: {str(error) or type(error).__name__}.") from None
    except (httpx.HTTPError, ssl.SSLError, OSError) as error:
        raise NotSent(f"The connection failed: {str(error) or type(error).__name__}.") from None


def request_of(method: str, address: str, body: bytes, headers: Mapping[str, str]) -> httpx.Request:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        raise Refused("This is no address of the web.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused("Only addresses of the web are called, with http or https.")
    told = {"User-Agent": "Cron-App", **signed_in(url), **headers}
    return httpx.Request(method, url.copy_with(userinfo=b""), headers=told, content=body)


def signed_in(url: httpx.URL) -> dict[str, str]:
    """The header for a name and a password in the address."""
    if not url.userinfo:
        return {}
    pair = f"{url.username}:{url.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


async def _read(reply: httpx.Response) -> str:
    text = b""
    async for piece in reply.aiter_raw():
        text += piece
        if len(text) >= READ:
            break
    return text[:READ].decode("utf-8", "replace")
