"""The ready-made task that asks by HTTP: what it sends, what it expects, and whom it does not ask."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from answering import Answering
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from errands import Begin, Carry, ended
from support import until

from cronapp.app import App
from cronapp.core.errors import InvalidInput
from cronapp.outward import PrivateAddress, asked
from cronapp.ready import http as ready_http


class Shop(Answering):
    """A server to be asked; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.hold = threading.Event()
        super().__init__(Answers)


class Answers(BaseHTTPRequestHandler):
    def answer(self) -> None:
        assert isinstance(self.server, Shop)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        status, content = 200, b"fine"
        match self.path.partition("?")[0]:
            case "/json":
                content = json.dumps({"data": [{"state": "ready", "n": 3}]}).encode()
            case "/echo":
                content = body.encode() + self.headers.get("Authorization", "").encode()
            case "/gone":
                status = 404
            case "/away":
                status = 302
            case "/large":
                content = b"x" * (ready_http.MOST + 1)
            case "/slow":
                self.server.hold.wait(30)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Location", f"{self.server.url}/json")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.hold.set()
    made.end()


async def test_a_good_answer_is_the_result(carry: Carry, shop: Shop) -> None:
    run, lines = await carry("http", url=f"{shop.url}/json", contains="ready", values={"data.0.state": "ready"})
    assert run.state == "succeeded", run.error
    assert (run.result["status"], run.result["answer"]) == (200, {"data": [{"state": "ready", "n": 3}]})
    assert lines[0] == f"GET {shop.url}/json"
    assert lines[1].startswith("200 OK after ")


async def test_what_is_sent_may_hold_secrets_that_nobody_sees(carry: Carry, app: App, shop: Shop) -> None:
    run, lines = await carry(
        "http",
        url=f"{shop.url}/echo?key=${{KEY}}",
        method="POST",
        headers={"Authorization": "Bearer ${KEY}", "X-Cost": "$5"},
        body='{"key": "${KEY}", "other": "${OTHER}"}',
        secrets={"KEY": "hunter2-hunter2"},
    )
    assert run.state == "succeeded", run.error
    method, path, headers, body = shop.asked[0]
    assert (method, path) == ("POST", "/echo?key=hunter2-hunter2")
    assert (headers["Authorization"], headers["X-Cost"]) == ("Bearer hunter2-hunter2", "$5")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"key": "hunter2-hunter2", "other": "${OTHER}"}
    told = json.dumps([run.result, lines, app.tasks.masked(run.task, run.args)])
    assert "********" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"url": "/gone"}, "The answer is 404 (Not Found), and 200-299 was expected."),
        ({"url": "/away"}, "The answer is 302 (Found), and 200-299 was expected."),
        ({"url": "/", "status": "404, 500-599"}, "The answer is 200 (OK), and 404, 500-599 was expected."),
        ({"url": "/", "contains": "splendid"}, "The answer has no 'splendid' in it."),
        ({"url": "/", "values": {"a": 1}}, "The answer is no JSON, so it has no values."),
        ({"url": "/json", "values": {"data.0.n": 4}}, "At data.0.n the answer says 3, and 4 was expected."),
        ({"url": "/json", "values": {"data.1.n": 4}}, "At data.1.n the answer says nothing, and 4 was expected."),
        ({"url": "/large"}, "The answer is longer than 2 MB."),
        ({"url": "/slow", "limit": 0.2}, "There was no whole answer within 0.2 s."),
    ],
)
async def test_an_answer_that_is_not_as_expected_fails_the_run(
    carry: Carry, shop: Shop, args: dict[str, Any], told: str
) -> None:
    run, _ = await carry("http", **{**args, "url": shop.url + args["url"]})
    assert (run.state, run.error and run.error.message) == ("failed", told)


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"url": "shop.example"}, "url"),
        ({"status": "20x"}, "status"),
        ({"method": "BREW"}, "method"),
        ({"limit": 0}, "limit"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_the_form(begin: Begin, args: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await begin("http", **{"url": "https://shop.example", **args})
    assert set(caught.value.errors) == {f"args.{field}"}


async def test_a_server_that_is_not_there_is_told(carry: Carry, shop: Shop) -> None:
    url = shop.url
    shop.end()
    run, _ = await carry("http", url=url)
    assert run.error is not None
    assert run.error.message.startswith("The server cannot be asked: ")


async def test_it_is_cancelled_while_it_waits(app: App, begin: Begin, shop: Shop) -> None:
    run = await begin("http", url=f"{shop.url}/slow")
    await until(lambda: shop.asked)
    await app.runs.cancel(run.id)
    assert (await ended(app, run)).state == "cancelled"


async def test_by_tls_the_name_is_checked_that_was_asked_for(tmp_path: Path, shop: Shop, monkeypatch: Any) -> None:
    """Although the connection goes to an address."""
    known = trust(shop, tmp_path, "shop.example")

    async def here(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", here)
    monkeypatch.setattr("cronapp.outward.certificates", lambda: known)
    request = httpx.Request("GET", f"https://shop.example:{shop.port}/json")
    async with asked(request, private=True, seconds=10) as answer:
        assert (answer.status_code, (await answer.aread())[:8]) == (200, b'{"data":')
    assert shop.asked[0][2]["Host"] == f"shop.example:{shop.port}"
    with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
        async with asked(httpx.Request("GET", f"https://evil.example:{shop.port}/"), private=True, seconds=10):
            pass


def trust(shop: Shop, folder: Path, name: str) -> ssl.SSLContext:
    """Lets the server speak TLS with a certificate for that name; what knows it."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "shop.pem").write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "shop.pem")
    shop.socket = context.wrap_socket(shop.socket, server_side=True)
    return ssl.create_default_context(cadata=pem.decode())


# -- whom it does not ask -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_private_addresses_are_refused_however_they_are_written(
    app: App, carry: Carry, shop: Shop, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = app.tasks.get("http").function.__globals__
    monkeypatch.setitem(loaded, "lent", lambda: None)  # as it is unless the settings allow them
    run, _ = await carry("http", url=f"http://{host}:{shop.port}/json")
    assert run.error is not None
    assert (run.state, run.error.type) == ("failed", "AnswerWrong")
    assert "CRONAPP_ALLOW_PRIVATE_HOOKS" in run.error.message
    assert shop.asked == []


async def test_a_name_that_leads_elsewhere_at_the_next_moment_leads_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked is what is connected to: the name is asked for once."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    resolved: list[str] = []

    async def rebinding(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        resolved.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", rebinding)
    connected: list[str] = []

    async def connect(self: Any, host: str, port: int, *_: Any) -> Any:
        connected.append(host)
        raise OSError("no way")

    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)

    async def ask() -> None:
        request = httpx.Request("GET", f"http://evil.example:{shop.port}/json")
        async with asked(request, private=False, seconds=5):
            pass

    with pytest.raises(OSError, match="no way"):
        await ask()
    assert (resolved, connected) == (["evil.example"], ["93.184.216.34"])
    with pytest.raises(PrivateAddress):  # for another connection it looks again
        await ask()
    assert connected == ["93.184.216.34"]
    assert shop.asked == []
