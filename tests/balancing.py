"""A load balancer for tests: each request goes to the next server that is there, whoever sends it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from itertools import cycle
from urllib.parse import urlsplit

LENGTH = re.compile(rb"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)
KEPT = re.compile(rb"^connection: .*\r\n", re.IGNORECASE | re.MULTILINE)


class Balancer:
    """One connection for each request, so that a browser never stays with a server."""

    def __init__(self, *urls: str) -> None:
        self._ports = [urlsplit(url).port for url in urls]
        self._turn = cycle(range(len(urls)))
        self.only: int | None = None  # who gets all requests for a while
        self.asked = [0] * len(urls)
        """How many requests each server got."""
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            near, far = await self._next()
            far.write(KEPT.sub(b"", head)[:-2] + b"Connection: close\r\n\r\n" + body)
            gone = asyncio.create_task(reader.read())  # who goes away ends the stream
            while data := await self._come(near, gone):
                writer.write(data)
                await writer.drain()
            far.close()
        writer.close()

    async def _come(self, near: asyncio.StreamReader, gone: asyncio.Task[bytes]) -> bytes:
        coming = asyncio.create_task(near.read(65536))
        await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            return b""
        return coming.result()

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self._ports:
            turn = next(self._turn) if self.only is None else self.only
            with suppress(OSError):
                connection = await asyncio.open_connection("127.0.0.1", self._ports[turn])
                self.asked[turn] += 1
                return connection
        raise OSError("no server is there")
