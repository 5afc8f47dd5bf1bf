"""Nothing is sent into a private network, by whatever way an address leads there, unless that is allowed."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from receiving import Receiver

from cronapp.core.alert_texts import Message
from cronapp.notify.carriers import Carriers
from cronapp.notify.guard import Refused, guarded
from cronapp.notify.post import NotSent, call
from cronapp.service.addresses import problem_with

PUBLIC = "93.184.215.14"
TEST = Message("a test", "a <b>line</b>", "info")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",  # as one number
        "0x7f.0.0.1",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "somebody@127.0.0.1",
    ],
)
async def test_a_private_address_is_refused_however_it_is_written(host: str, receiver: Receiver) -> None:
    with pytest.raises(Refused, match="CRONAPP_ALLOW_PRIVATE_HOOKS"):
        await call("POST", f"http://{host}:{receiver.port}/", private=False)
    assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://example.org/", "http://", "x", "http://0177.0.0.1/"],
)
async def test_only_the_web_is_called(address: str) -> None:
    with pytest.raises(Refused):
        await call("GET", address, private=True)


async def test_a_name_is_looked_up_once_and_called_at_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server for names that answers another address the second time gets nobody inside."""
    answers = iter([PUBLIC, "127.0.0.1", "127.0.0.1"])
    asked: list[str] = []
    called: list[Any] = []

    async def looked_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async def connect(remote_host: str, remote_port: int, **_: Any) -> Any:
        called.append(remote_host)
        raise OSError("nobody is called in tests")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
    monkeypatch.setattr("anyio.connect_tcp", connect)
    with pytest.raises(NotSent):
        await call("POST", f"http://rebinds.example:{receiver.port}/", private=False)
    assert (asked, called) == (["rebinds.example"], [PUBLIC])
    assert receiver.got == []


async def test_one_private_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def looked_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in (PUBLIC, "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        await call("GET", "https://both.example/", private=False)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [302]
    receiver.headers = f"Location: {receiver.web}/inside\r\n"
    carriers = Carriers(private=True)
    with pytest.raises(Refused, match="leads elsewhere"):
        await carriers.ping(f"{receiver.web}/outside")
    assert receiver.paths == ["/outside"]
    carriers.close()


async def test_an_allowed_address_is_called_under_the_name_that_was_written(receiver: Receiver) -> None:
    answer = await call("POST", f"http://localhost:{receiver.port}/x?y=1", private=True, body=b"hello")
    assert (answer.status, answer.text) == (200, "ok")
    (got,) = receiver.got
    assert (got.path, got.body, got.headers["host"]) == ("/x?y=1", b"hello", f"localhost:{receiver.port}")


async def test_who_does_not_answer_is_not_waited_for(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronapp.notify.post.LIMIT", 0.2)
    receiver.hold.clear()
    with pytest.raises(NotSent, match="No answer within"):
        await call("GET", receiver.web, private=True)


async def test_apprise_is_refused_the_connection_itself(receiver: Receiver) -> None:
    carriers = Carriers(private=False)
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(Refused, match="private network"):
            await carriers.apprise(f"json://me:s3cret-word@{host}:{receiver.port}/t0ken", TEST)
    assert receiver.got == []
    carriers.close()
    allowed = Carriers(private=True)
    await allowed.apprise(receiver.apprise, TEST)
    assert (receiver.got[0].json["title"], receiver.got[0].json["message"]) == (TEST.title, TEST.body)
    allowed.close()


async def test_apprise_is_refused_what_a_redirect_leads_to(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first connection is let through, as to a public address; where it leads to is looked at all the same."""
    receiver.answers = [302]
    receiver.headers = f"Location: http://localhost:{receiver.port}/inside\r\n"
    seen: list[str] = []

    def is_public(host: str) -> bool:
        seen.append(host)
        return len(seen) == 1

    monkeypatch.setattr("cronapp.notify.guard.is_public", is_public)
    carriers = Carriers(private=False)
    with pytest.raises(Refused):
        await carriers.apprise(receiver.apprise, TEST)
    assert receiver.paths == ["/t0ken-of-mine"]
    carriers.close()


async def test_what_else_connects_is_not_looked_at(receiver: Receiver) -> None:
    with guarded(private=False), pytest.raises(Refused):
        socket.create_connection(("127.0.0.1", receiver.port), timeout=5)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5):
        pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense://example.org", "Apprise does not know"),
        ("https://example.org/hook", "make a channel"),
        ("json://example.org/?template=/etc/passwd", "no file of the server"),
        ("json://[::1", "Apprise does not know"),
    ],
)
def test_an_address_that_cannot_be_sent_to_is_told_when_it_is_written(url: str, words: str) -> None:
    assert words in (problem_with(url) or "")
    assert problem_with("mailto://me:s3cret-word@example.org") is None
