"""`cronapp secret set|list|remove`, and the key with which they are kept."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from click.testing import Result
from support import TOKEN, Server
from typer.testing import CliRunner

from cronapp.cli import command_line
from cronapp.cli.server_log import Covered, JsonLines
from cronapp.config import load_settings
from cronapp.core.errors import CannotStart
from cronapp.core.hidden import MASK
from cronapp.engine.runlog import Cover
from cronapp.store.keyfile import keys_for

SEND = "from pydantic import SecretStr\ndef send(key: SecretStr):\n    return len(key.get_secret_value())\n"


def secret(server: Server, *args: str, given: str = "") -> Result:
    return CliRunner().invoke(
        command_line("secret"), ["secret", *args, "--url", server.url, "--token", TOKEN], input=given
    )


def test_a_secret_is_set_listed_and_removed_and_its_key_lies_beside_the_database(server: Server) -> None:
    server.write_tasks(SEND)
    server.start()
    key = server.folder / "cronapp.db.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert "A key for secrets was made" in server.text()
    assert key.read_text().strip() not in server.text()
    assert secret(server, "set", "SHOP", "--stdin", given="geheim-wort\n").stdout == "SHOP is stored.\n"
    assert secret(server, "set", "TYPED", given="geheim-zwei\n").exit_code == 0
    job = {"id": "send", "task": "send", "schedule": {"kind": "manual"}, "args": {"key": "geheim-drei"}}
    assert server.api("POST", "/jobs", json=job).status_code == 201
    listed = secret(server, "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["SHOP", "TYPED"]
    assert {one["name"] for one in json.loads(secret(server, "list", "--json").stdout)["items"]} == {"SHOP", "TYPED"}
    wrong = secret(server, "set", "1A", "--stdin", given="x")
    assert (wrong.exit_code, "A name has letters" in wrong.stderr) == (1, True)
    assert secret(server, "remove", "TYPED").stdout == "TYPED is removed.\n"
    assert secret(server, "remove", "TYPED").exit_code == 1
    server.stop()
    server.start()
    assert "A key for secrets was made" not in server.text(), "told once"
    assert b"geheim" not in b"".join(file.read_bytes() for file in server.folder.glob("cronapp.db*"))
    key.unlink()
    server.stop()
    server.start()
    assert "The stored secret SHOP cannot be read." in server.text()
    assert "Jobs of send hold secrets that cannot be read." in server.text()
    assert server.api("GET", "/jobs/send").json()["args"] == {"key": MASK}


def test_the_key_that_is_set_is_used_and_the_one_in_the_file_is_still_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    assert keys_for(url, (), make=False) == ()
    [made] = keys_for(url, ())
    assert keys_for(url, ()) == (made,)
    assert keys_for(url, ("k" * 32,)) == ("k" * 32, made)
    assert keys_for("postgresql://host/name", ()) == ()
    (tmp_path / "x.db.key").write_text("\n")
    with pytest.raises(CannotStart, match="is empty"):
        keys_for(url, ())


def test_a_key_file_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    keys_for(url, ())
    (tmp_path / "x.db.key").chmod(0o644)
    keys_for(url, ())
    assert "can be read by others" in caplog.text


def test_a_short_key_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    for given in ("short", "k" * 40 + ",short", " , "):
        with pytest.raises(CannotStart, match=r"CRONAPP_SECRET_KEY: .*Make one: python -c"):
            load_settings({}, {"CRONAPP_SECRET_KEY": given}, tmp_path)
    several = load_settings({}, {"CRONAPP_SECRET_KEY": "k" * 40 + ", " + "o" * 40}, tmp_path)
    assert several.secret_keys == ("k" * 40, "o" * 40)


@pytest.mark.parametrize(
    "text",
    [
        "headers {'Authorization': 'Bearer abc123-zzz', 'Accept': '*/*'}",
        'request with "authorization": "Bearer abc123-zzz"',
        "[(b'authorization', b'Bearer abc123-zzz'), (b'host', b'x')]",
        "GET /login?token=abc123-zzz&next=/jobs",
        "Cookie: cronapp_session=abc123-zzz; other=1",
        "the database postgresql://u:known-secret@host/x is away",
    ],
)
def test_the_servers_own_log_has_no_secret(text: str) -> None:
    plain = Covered(logging.Formatter("%(levelname)s %(message)s"), Cover(["known-secret"]))
    lines = Covered(JsonLines(), Cover(["known-secret"]))
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "it failed: %s", (text,), sys.exc_info())
    for told in (plain.format(record), lines.format(record)):
        assert "abc123" not in told
        assert "known-secret" not in told
        assert MASK in told
    assert json.loads(lines.format(record))["level"] == "error"
