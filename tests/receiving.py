"""Receivers of messages: a small web server and a small mail server, which keep what they got, and answer as they are
told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


@dataclass(frozen=True)
class Got:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answers` are the statuses of the next answers; then it is 200. `hold` is waited for before each answer."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    headers: str = ""
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def apprise(self) -> str:
        """The same for Apprise, with a password in it."""
        return f"json://somebody:s3cret-word@127.0.0.1:{self.port}/t0ken-of-mine"

    @property
    def titles(self) -> list[str]:
        return [one.json["title"] for one in self.got]

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = head[0].split(" ")
            self.got.append(Got(method, path, headers, body))
            await self.hold.wait()
            status = self.answers.pop(0) if self.answers else 200
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n{self.headers}\r\nok".encode()
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.hold.set()
        server.close()
        await server.wait_closed()


@dataclass(frozen=True)
class Mail:
    sender: str
    to: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


@dataclass
class Mailbox:
    """`answers` are those to the next recipients; then each is taken."""

    port: int = 0
    got: list[Mail] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    passwords: set[str] = field(default_factory=set)

    @property
    def apprise(self) -> str:
        return f"mailto://cron:s3cret-word@127.0.0.1:{self.port}?from=cron@example.org&to=ada@example.org&mode=insecure"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, to = "", list[str]()
        writer.write(b"220 mail.example.org ESMTP\r\n")
        try:
            while line := (await reader.readline()).decode().rstrip("\r\n"):
                verb, _, rest = line.partition(" ")
                answer = "250 fine"
                match verb.upper():
                    case "EHLO":
                        answer = "250-mail.example.org\r\n250-8BITMIME\r\n250 AUTH PLAIN"
                    case "AUTH":
                        self.passwords.add(base64.b64decode(rest.split()[1]).decode().split("\0")[2])
                        answer = "235 welcome"
                    case "MAIL":
                        sender = address_in(rest)
                    case "RCPT":
                        answer = self.answers.pop(0) if self.answers else answer
                        to += [address_in(rest)] if answer.startswith("2") else []
                    case "DATA":
                        writer.write(b"354 go on\r\n")
                        data = await reader.readuntil(b"\r\n.\r\n")
                        message = message_from_bytes(data[:-5].replace(b"\n..", b"\n."), policy=default)
                        self.got.append(Mail(sender, to, message))  # type: ignore[arg-type]  # the policy makes such
                    case "QUIT":
                        answer = "221 bye"
                writer.write(f"{answer}\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def address_in(text: str) -> str:
    """`FROM:<ada@example.org> size=9`"""
    return text.partition("<")[2].partition(">")[0]


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    made = Mailbox()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
