"""Listening at an address, and serving sites there until they are closed."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import Framework

from cronapp.cli.http import speak_plainly
from cronapp.core.errors import CannotStart

CLOSING = 0.5  # seconds that open connections get at the end
HEADERS = 5.0  # seconds that a connection has to say what it wants; a browser's waits as long for its next request
DEADLINE = 3.0  # seconds after which the web server is left behind


class Sites:
    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self.serving: set[asyncio.Task[None]] = set()
        """None of these ends by itself, unless something is wrong."""

    def serve(self, site: Framework, listener: socket.socket) -> None:
        speak_plainly()
        config = hypercorn_config(listener)
        self.serving.add(asyncio.create_task(serve(site, config, shutdown_trigger=self._closed.wait)))

    async def close(self) -> None:
        """Ends them, and leaves behind what does not come to its end."""
        self._closed.set()
        if self.serving:
            _, late = await asyncio.wait(self.serving, timeout=DEADLINE)
            for task in late:
                task.cancel()

    def raise_error(self) -> None:
        """What ended one of them."""
        for site in self.serving:
            if site.done() and not site.cancelled() and (error := site.exception()) is not None:
                raise error


def listen(host: str, port: int, setting: str = "--port", host_setting: str = "--host") -> socket.socket:
    """A listening socket, or one clear line about why not."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except socket.gaierror:
        raise CannotStart(f"There is no address {host!r} on this machine. Correct {host_setting}.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"Port {port} on {host} is in use by another program. Stop that one, or choose another with {setting}."
            ) from None
        raise CannotStart(f"Cron-App cannot listen on {host}, port {port}: {error.strerror}.") from None
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """As it is opened on this machine."""
    return f"http://{shown(host)}:{listener.getsockname()[1]}"


def shown(host: str) -> str:
    """The host as it stands in a link that works on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # nosec B104 # read, not bound
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def hypercorn_config(listener: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{os.dup(listener.fileno())}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.graceful_timeout = CLOSING
    config.shutdown_timeout = CLOSING
    config.keep_alive_max_requests = 1_000_000  # else the connection that carries the stream is closed at the 1,000th
    config.include_server_header = False
    config.keep_alive_timeout = HEADERS
    return config
