"""`cronapp user …`: the accounts, without a server, beside one, and by its API."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from support import TOKEN, Server
from typer.testing import CliRunner

from cronapp.cli import command_line
from cronapp.cli.serve import has_account
from cronapp.config import load_settings

PASSWORD = "seven green herons"


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRONAPP_URL", raising=False)


def user(*args: str, password: str | None = None) -> Result:
    return CliRunner().invoke(
        command_line("user"), ["user", *args], input=None if password is None else f"{password}\n"
    )


def add(name: str, role: str, *args: str, password: str = PASSWORD) -> Result:
    return user("add", name, "--role", role, "--password-stdin", *args, password=password)


def names(*args: str) -> list[str]:
    return [one["name"] for one in json.loads(user("list", "--json", *args).stdout)]


def test_accounts_are_made_before_the_first_start(tmp_path: Path) -> None:
    assert not has_account(load_settings({}))
    told = add("ada", "admin")
    assert (told.exit_code, told.stdout) == (0, "ada can sign in now, as admin.\n")
    assert add("grace", "operator", "--tags", "shops, finance").exit_code == 0
    (ada, grace) = json.loads(user("list", "--json").stdout)
    assert (ada["name"], ada["role"], ada["tags"], ada["created_by"]) == ("ada", "admin", None, "the command line")
    assert grace["tags"] == ["finance", "shops"]
    assert user("list").stdout == "ada    admin     all jobs\ngrace  operator  finance, shops\n"
    assert has_account(load_settings({}))
    assert user("disable", "ada").exit_code == 1
    assert user("disable", "grace").stdout == "grace is signed out and cannot sign in.\n"
    assert "disabled" in user("list").stdout
    assert user("enable", "grace").exit_code == 0
    assert user("passwd", "grace", "--password-stdin", password="nine brown otters").exit_code == 0
    assert user("remove", "grace").stdout == "The account of grace is removed.\n"
    assert names() == ["ada"]


@pytest.mark.parametrize(
    ("args", "password", "said"),
    [
        (("add", "ada", "--role", "viewer", "--password-stdin"), PASSWORD, "There is somebody of this name already."),
        (("add", "zoe", "--role", "viewer", "--password-stdin"), "short", "A password has at least 10 characters."),
        (("passwd", "nobody", "--password-stdin"), PASSWORD, "There is no such account."),
        (("remove", "ada"), None, "This is the last account that keeps the people here."),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(args: tuple[str, ...], password: str | None, said: str) -> None:
    add("ada", "admin")
    told = user(*args, password=password)
    assert told.exit_code == 1
    assert told.stderr.startswith(f"cronapp: {said}")
    assert told.stderr.count("\n") == 1


def test_without_a_terminal_the_password_has_to_come_from_somewhere() -> None:
    told = user("add", "ada", "--role", "admin", password=PASSWORD)
    assert told.exit_code == 2
    assert "--password-stdin" in told.stderr


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cronapp", "user", "add", "ada", "--role", "admin"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown = b""
        for question in (b"Password: ", b"once more: "):
            while not shown.endswith(question):
                shown += os.read(ours, 1000)
            os.write(ours, f"{PASSWORD}\n".encode())
        while b"can sign in now" not in shown:
            shown += os.read(ours, 1000)
        assert process.wait(30) == 0
    os.close(ours)
    assert PASSWORD.encode() not in shown


def test_a_server_that_runs_heeds_what_was_changed_beside_it_and_by_its_api(server: Server) -> None:
    server.start()
    assert add("ada", "admin").exit_code == 0
    form = {"name": "ada", "password": PASSWORD}
    with httpx.Client(base_url=server.url) as browser:
        assert browser.post("/login", data=form).status_code == 303
        assert browser.get("/jobs").status_code == 200
        by_api = ("--url", server.url, "--token", TOKEN)
        assert add("grace", "admin", *by_api).stdout == "grace can sign in now, as admin.\n"
        assert names(*by_api) == names() == ["ada", "grace"]
        told = add("grace", "admin", *by_api)
        assert (told.exit_code, told.stderr) == (1, "cronapp: There is somebody of this name already.\n")
        assert user("disable", "ada").exit_code == 0
        assert browser.get("/jobs").status_code == 302
        assert user("enable", "ada", *by_api).exit_code == 0
        assert user("passwd", "ada", "--password-stdin", *by_api, password="nine brown otters").exit_code == 0
        assert browser.post("/login", data=form).status_code == 403
        assert browser.post("/login", data={**form, "password": "nine brown otters"}).status_code == 303
    assert user("remove", "ada", *by_api).exit_code == 0
    assert server.link
    server.stop()
    server.start()
    assert "login?token=" not in server.text(), "there are accounts"


def test_beyond_this_machine_nobody_is_served_without_an_account_or_a_token(server: Server) -> None:
    server.env = {"CRONAPP_ADMIN_TOKEN": ""}
    server.launch("--host", "0.0.0.0")
    assert server.process is not None
    assert server.process.wait(60) == 1
    assert "cronapp user add NAME --role admin" in server.text()
    assert add("ada", "admin").exit_code == 0
    server.start("--host", "0.0.0.0")
    assert httpx.get(f"{server.url}/login").status_code == 200
