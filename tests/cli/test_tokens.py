"""`cronapp token create|list|revoke`: on the database, also while a server works on it, or by a server's API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from support import TOKEN, Server
from typer.testing import CliRunner

from cronapp.cli import command_line
from cronapp.core.errors import CannotStart
from cronapp.core.tokens import SECRET


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def token(*args: str) -> Result:
    return CliRunner().invoke(command_line("token"), ["token", *args])


def listed(*args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(token("list", "--json", *args).stdout)
    return found


def me(server: Server, secret: str) -> httpx.Response:
    return httpx.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {secret}"}, timeout=30, verify=False)


def test_a_token_is_made_before_there_is_a_server() -> None:
    assert token("list").stdout == "There is no token yet.\n"
    made = token("create", "--role", "operator", "--name", "pipeline", "--tags", "finance, tax", "--expires", "30d")
    assert made.exit_code == 0
    *before, secret = made.stdout.splitlines()
    assert SECRET.fullmatch(secret)
    assert secret not in "\n".join(before)
    as_json = json.loads(token("create", "--role", "viewer", "--expires", "never", "--json").stdout)
    assert SECRET.fullmatch(as_json["token"])
    assert [(one["name"], one["role"], one["tags"], one["created_by"]) for one in listed()] == [
        ("viewer", "viewer", None, "the command line"),
        ("pipeline", "operator", ["finance", "tax"], "the command line"),
    ]
    told = token("list").stdout
    assert secret not in told
    assert secret[:12] in told


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("create",), 2, "--role"),
        (("create", "--role", "root"), 2, "root"),
        (("create", "--role", "admin", "--tags", "finance"), 1, "An admin sees all jobs"),
        (("create", "--role", "viewer", "--expires", "2mo"), 1, "2mo"),
        (("revoke", "77"), 1, "There is no such token"),
        (("list", "--url", "http://127.0.0.1:9"), 1, "A token is needed"),
    ],
)
def test_what_is_refused_is_told_in_one_line(args: tuple[str, ...], status: int, words: str) -> None:
    refused = token(*args)
    assert refused.exit_code == status
    assert words in refused.stderr
    assert refused.stdout == ""


def test_a_wrong_database_is_told_as_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "cronapp.db").write_text("this is no database, and it is long enough to be looked at as one" * 50)
    assert isinstance(token("list").exception, CannotStart)


def test_tokens_are_made_and_revoked_while_a_server_runs(server: Server) -> None:
    server.env |= {"CRONAPP_API_RATE": "5", "CRONAPP_API_BURST": "1"}  # so the commands have to wait for each other
    server.start()
    secret = token("create", "--role", "viewer").stdout.splitlines()[-1]
    assert me(server, secret).json()["name"] == "token viewer"
    by_api = ("--url", server.url, "--token", TOKEN)
    other = json.loads(token("create", "--role", "editor", "--json", *by_api).stdout)
    assert me(server, other["token"]).json()["role"] == "editor"
    assert listed() == listed(*by_api)
    assert token("revoke", "1").stdout == "The token 1 is revoked.\n"
    assert me(server, secret).status_code == 401
    assert token("revoke", str(other["id"]), *by_api).exit_code == 0
    assert [one["state"] for one in listed()] == ["revoked", "revoked"]
    assert "There is no such token" in token("revoke", "77", *by_api).stderr
    assert server.stop() == 0
