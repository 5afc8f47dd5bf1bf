"""What somebody may send who wants in, or wants others out, byte by byte to a real server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from support import TOKEN, Server

MANY = 1000
CLOSED_AFTER = 20  # seconds; the server takes five


def door(server: Server) -> tuple[str, int]:
    place = urlsplit(server.url)
    return place.hostname or "", place.port or 0


def send(server: Server, *lines: str, body: bytes = b"", limit: float = 10.0) -> tuple[int, str]:
    """What the server answers to exactly this: the status (0: it only hung up) and all of the answer."""
    with socket.create_connection(door(server), timeout=limit) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            wire.settimeout(1.0)
            while piece := wire.recv(65_536):
                answer += piece
    text = answer.decode("latin-1")
    return (int(text.split(" ")[1]) if text else 0), text


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("target")).start()
    yield server
    assert server.stop() == 0


def own(server: Server) -> str:
    return "Host: {}:{}".format(*door(server))


def test_a_request_names_one_host_and_that_is_ours(target: Server) -> None:
    mine = own(target)
    assert send(target, "GET /healthz HTTP/1.1", mine)[0] == 200
    for lines in (
        ["GET /healthz HTTP/1.1"],
        ["GET /healthz HTTP/1.0"],
        ["GET /healthz HTTP/1.1", mine, "Host: evil.example"],
        ["GET /healthz HTTP/1.1", "Host: evil.example"],
        ["GET /healthz HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: localhost"],
        ["GET /healthz HTTP/1.1", "Host: localhost@evil.example"],
        ["GET /healthz HTTP/1.1", "Host: localhost/evil.example"],
        ["GET /healthz HTTP/1.1", "Host: [::1"],
        ["GET http://evil.example/healthz HTTP/1.1", mine],
        ["GET http://localhost.evil.example/healthz HTTP/1.1", mine],
        ["GET //evil.example/healthz HTTP/1.1", "Host: evil.example"],
        ["GET / HTTP/1.1", f" {mine}"],
    ):
        status, text = send(target, *lines)
        assert status == 400, (lines, text[:200])
        assert "evil" not in text.lower(), lines
    assert send(target, f"GET {target.url}/healthz HTTP/1.1", mine)[0] == 200


def test_only_http_1_1_is_spoken_without_tls(target: Server) -> None:
    """Another way to ask would be another way around each check."""
    mine = own(target)
    upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
    assert send(target, "GET /healthz HTTP/1.1", mine, *upgrade)[0] == 200
    assert send(target, "PRI * HTTP/2.0", "", "SM", "")[0] == 400
    socket_key = ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    for host in (mine, "Host: evil.example"):
        status, _ = send(target, "GET /stream HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket", *socket_key)
        assert status == 403
    assert send(target, "CONNECT evil.example:443 HTTP/1.1", mine)[0] in (400, 404, 405)
    assert send(target, "TRACE /jobs HTTP/1.1", mine)[0] in (400, 401, 405)
    assert send(target, "OPTIONS * HTTP/1.1", mine)[0] in (400, 404, 405)


def test_what_is_too_long_is_refused_and_not_kept(target: Server) -> None:
    mine = own(target)
    for lines in (
        [f"GET /jobs?q={'x' * 70_000} HTTP/1.1", mine],
        ["GET /jobs HTTP/1.1", mine, f"Cookie: {'x' * 70_000}"],
        ["GET /jobs HTTP/1.1", mine, *(f"X-{n}: {'y' * 1000}" for n in range(70))],
    ):
        assert send(target, *lines)[0] in (400, 414, 431), lines[0][:40]
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    bearer = f"Authorization: Bearer {TOKEN}"
    status, text = send(
        target, "POST /api/v1/jobs HTTP/1.1", mine, bearer, "Transfer-Encoding: chunked", body=chunk * 40 + b"0\r\n\r\n"
    )
    assert status == 413, text[:200]


def test_two_lengths_are_not_guessed_at(target: Server) -> None:
    """Else a proxy and this server could see different requests in the same bytes."""
    hidden = b"0\r\n\r\nGET /login?hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    mine = own(target)
    for lines in (
        ["POST /login HTTP/1.1", mine, "Content-Length: 5", "Content-Length: 6"],
        ["POST /login HTTP/1.1", mine, f"Content-Length: {len(hidden)}", "Transfer-Encoding: identity, chunked"],
        ["POST /login HTTP/1.1", mine, "Transfer-Encoding: xchunked"],
        ["POST /login HTTP/1.1", mine, "Content-Length: +5"],
        ["POST /login HTTP/1.1", mine, "Content-Length : 5"],
    ):
        status, text = send(target, *lines, body=hidden)
        assert status in (400, 501), (lines, text[:200])
        assert text.count("HTTP/1.1 ") == 1, lines


@pytest.mark.parametrize(
    "bad", ["%0d%0aSet-Cookie:%20evil=1", "%0aSet-Cookie:%20evil=1", "%E5%98%8A%E5%98%8DSet-Cookie:evil"]
)
def test_no_header_is_slipped_in(target: Server, bad: str) -> None:
    mine = own(target)
    for path in (
        f"/login?token={TOKEN}&next=/{bad}",
        f"/jobs/{bad}",
        f"/{bad}",
        f"/jobs?q={bad}",
        f"/runs/1{bad}/log.txt",
    ):
        for extra in ([], [f"Authorization: Bearer {TOKEN}"]):
            _, text = send(target, f"GET {path} HTTP/1.1", mine, "Connection: close", *extra)
            head = text.partition("\r\n\r\n")[0].lower()
            assert "\r\nset-cookie: evil" not in head, path
            assert "\nset-cookie:evil" not in head, path


def test_no_address_leads_out_of_a_folder(target: Server) -> None:
    mine, bearer = own(target), f"Authorization: Bearer {TOKEN}"
    ups = ("..", "%2e%2e", "%2e.", "..%2f", "..%5c", "..%c0%af", "%252e%252e", ".%00.", "....//")
    for start in ("/static/", "/static/pages/", "/static/vendor/", "/runs/", "/jobs/", "/tasks/"):
        for up in ups:
            for wanted in ("tasks.py", "cronapp.db", "pyproject.toml", "etc/passwd"):
                path = start + "/".join([up] * 6) + "/" + wanted
                status, text = send(target, f"GET {path} HTTP/1.1", mine, bearer, "Connection: close")
                assert status in (302, 400, 404, 405), path
                assert "root:" not in text
                assert "SQLite format" not in text
                assert "def hello" not in text
    status, text = send(target, "GET /static//etc/passwd HTTP/1.1", mine, "Connection: close")
    assert (status in (302, 404), "root:" in text) == (True, False)


async def test_a_thousand_half_open_connections_keep_nobody_out(target: Server) -> None:
    """Some send half of their headers, some half of their body, some nothing at all."""
    mine, form = own(target), "Content-Type: application/x-www-form-urlencoded"
    starts = [
        b"",
        f"GET /jobs HTTP/1.1\r\n{mine}\r\nX-Slow: ".encode(),
        f"POST /login HTTP/1.1\r\n{mine}\r\n{form}\r\nContent-Length: 1000\r\n\r\ntoken".encode(),
        f"GET /stream?topics=jobs HTTP/1.1\r\n{mine}\r\nAccept: text/event-stream\r\n".encode(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    with ExitStack() as all_of_them:
        wires = []
        for n in range(MANY):
            wire = all_of_them.enter_context(socket.create_connection(door(target), timeout=10))
            wire.sendall(starts[n % len(starts)])
            wires.append(wire)
        began = time.monotonic()
        answers = [await asyncio.to_thread(target.api, "GET", "/jobs") for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - began < 10
        for n, wire in enumerate(wires):  # who says nothing more is sent away; a body may take longer
            if n % len(starts) != 2:
                wire.settimeout(CLOSED_AFTER)
                with suppress(ConnectionError):
                    while wire.recv(65_536):
                        pass
