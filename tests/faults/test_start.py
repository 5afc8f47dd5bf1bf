"""A server that cannot start says why in one clear line, ends with the status 1, and harms nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from hurting import MARKING, asked, is_root, make, refused, told
from support import Server


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    """A second server, in a folder of its own."""
    folder = tmp_path / "other"
    folder.mkdir()
    server = Server(folder, MARKING)
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    assert text.startswith("cronapp: ")
    return text


def test_a_port_in_use_is_told_with_its_number(server: Server) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        text = one_line(refused(server, "--port", str(port)))
    assert f"Port {port}" in text
    assert "in use" in text
    assert not (server.folder / "cronapp.db").exists()


def test_an_address_of_another_machine_is_told(server: Server) -> None:
    text = one_line(refused(server, "--host", "192.0.2.1"))
    assert "192.0.2.1" in text


def test_an_address_of_ipv6_alone_is_served(server: Server) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server.start("--host", "::1")
    assert server.url.startswith("http://[::1]:")
    assert server.api("GET", "/jobs").json()["items"] == []


def test_a_second_server_on_one_file_is_told_whose_it_is(server: Server, other: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    assert server.process is not None
    make(server, "mine", "short")
    text = one_line(refused(other, "--database", f"sqlite:///{server.folder}/cronapp.db"))
    assert f"process {server.process.pid}" in text
    assert server.api("GET", "/jobs/mine").status_code == 200


def test_a_database_in_a_folder_that_is_not_there_is_told(server: Server) -> None:
    text = one_line(refused(server, "--database", f"sqlite:///{server.folder}/missing/cronapp.db"))
    assert "does not exist" in text


def test_a_folder_that_cannot_be_written_is_told(server: Server) -> None:
    if is_root():  # who may write everywhere but here
        database = Path("/sys/cronapp.db")
        if not database.parent.is_dir():
            pytest.skip("this account may write everywhere")
    else:
        database = server.folder / "locked" / "cronapp.db"
        database.parent.mkdir(mode=0o500)
    text = one_line(refused(server, "--database", f"sqlite:///{database}"))
    assert "cannot be written" in text
    assert str(database) in text


def test_a_database_of_a_newer_program_is_refused_and_left_alone(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "kept", "short")
    assert server.stop() == 0
    present = asked(server, "SELECT version_num FROM alembic_version")
    told(server, "UPDATE alembic_version SET version_num = '9999_later'")
    told(server, "UPDATE revisions SET value = '9999_later' WHERE what = 'program'")
    text = one_line(refused(server))
    assert "newer version" in text
    assert asked(server, "SELECT version_num FROM alembic_version") == [("9999_later",)]
    told(server, "UPDATE alembic_version SET version_num = ?", *present[0])
    server.start()
    assert server.api("GET", "/jobs/kept").status_code == 200


def test_a_file_that_is_no_database_is_refused_and_left_alone(server: Server) -> None:
    database = server.folder / "cronapp.db"
    database.write_bytes(b"These are somebody's notes.\n" * 400)
    before = database.read_bytes()
    text = one_line(refused(server))
    assert "left untouched" in text
    assert database.read_bytes() == before


def test_a_damaged_database_is_refused_and_left_alone(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "kept", "short")
    assert server.stop() == 0
    database = server.folder / "cronapp.db"
    pages = bytearray(database.read_bytes())
    pages[100:4096] = b"\xff" * 3996  # the schema
    database.write_bytes(bytes(pages))
    text = one_line(refused(server))
    assert "untouched" in text
    assert database.read_bytes() == bytes(pages)


def test_an_unknown_setting_is_told_with_the_name_that_was_meant(server: Server) -> None:
    server.env["CRONAPP_TIMEZNE"] = "UTC"
    text = one_line(refused(server))
    assert "CRONAPP_TIMEZNE" in text
    assert "CRONAPP_TIMEZONE" in text


def test_a_wrong_zone_is_told(server: Server) -> None:
    server.env["CRONAPP_TIMEZONE"] = "Mars/Base"
    text = one_line(refused(server))
    assert "CRONAPP_TIMEZONE" in text
    assert "Mars/Base" in text


def test_nobody_is_served_beyond_this_machine_without_a_token(server: Server) -> None:
    server.env["CRONAPP_ADMIN_TOKEN"] = ""
    text = one_line(refused(server, "--host", "0.0.0.0"))
    assert "CRONAPP_ADMIN_TOKEN" in text


def test_where_people_sign_in_elsewhere_no_token_is_needed_to_serve_others(server: Server) -> None:
    server.env |= {
        "CRONAPP_ADMIN_TOKEN": "",
        "CRONAPP_OIDC_ISSUER": "https://id.example",
        "CRONAPP_OIDC_CLIENT_ID": "a",
    }
    server.env |= {"CRONAPP_OIDC_DEFAULT_ROLE": "viewer"}
    server.start("--host", "0.0.0.0")
    assert "reached by its addresses alone. For a name, set CRONAPP_TRUSTED_HOSTS." in server.text()
    for host, status in (("cron.example", 400), ("192.0.2.7:5000", 200)):
        assert httpx.get(f"{server.url}/healthz", headers={"Host": host}).status_code == status
    assert server.stop() == 0
