"""Calls an address of the web that somebody typed: looked up once, and called at the very address that was checked."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import httpx

from cronapp.core.outward import is_public, refusal
from cronapp.notify.guard import Refused, guarded

LIMIT = 10.0  # seconds for all of it
READ = 2000  # bytes of an answer
TRIED = 3  # addresses of one name


class NotSent(Exception):
    """It did not arrive, and perhaps another time will."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


async def call(
    method: str, address: str, *, private: bool, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Calls it and answers what came back, of which little is read. Redirects are not followed. Raises `Refused` for
    what may not be called, and `NotSent`."""
    try:
        async with asyncio.timeout(LIMIT):
            url = httpx.URL(address)
            hosts = await looked_up(url, private=private)
            certificates = await asyncio.to_thread(_certificates)
            with guarded(private=private):
                return await _called(method, url, hosts, certificates, body, dict(headers or {}))
    except TimeoutError:
        raise NotSent(f"No answer within {LIMIT:g} seconds.") from None
    except httpx.InvalidURL:
        raise Refused("This is no address of the web.") from None


async def looked_up(url: httpx.URL, *, private: bool) -> list[str]:
    """The addresses of its host, each of which may be called; raises `Refused` where one may not."""
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused("Only addresses of the web are called, with http or https.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.raw_host.decode(), url.port or (443 if url.scheme == "https" else 80), type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise NotSent(f"The host {url.host} is not found: {error.strerror or error}.") from None
    hosts = list(dict.fromkeys(str(one[4][0]) for one in found))
    for host in hosts:
        if not (private or is_public(host)):
            raise Refused(refusal(host))
    return hosts[:TRIED]


async def _called(
    method: str,
    url: httpx.URL,
    hosts: list[str],
    certificates: ssl.SSLContext,
    body: bytes,
    headers: dict[str, str],
) -> Answer:
    """At the first of these addresses that takes the connection, under the name that was written."""
    extensions = {"sni_hostname": url.raw_host.decode(), "timeout": httpx.Timeout(LIMIT).as_dict()}
    headers = {"Host": url.netloc.decode(), "User-Agent": "Cron-App", **signed_in(url), **headers}
    last = "It cannot be reached."
    # Not by httpx's client, which logs each address.
    async with httpx.AsyncHTTPTransport(verify=certificates, trust_env=False) as transport:
        for host in hosts:
            place = url.copy_with(host=host, userinfo=b"")
            request = httpx.Request(method, place, headers=headers, content=body, extensions=extensions)
            try:
                reply = await transport.handle_async_request(request)
                try:
                    return Answer(reply.status_code, await _read(reply))
                finally:
                    await reply.aclose()
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                last = f"It cannot be reached: {str(error) or type(error).__name__}."
            except (httpx.HTTPError, ssl.SSLError) as error:
                raise NotSent(f"The connection failed: {str(error) or type(error).__name__}.") from None
    raise NotSent(last)


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
