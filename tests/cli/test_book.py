"""`cronapp export` and `cronapp import`, on real servers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from support import TOKEN, Server
from typer.testing import CliRunner

from cronapp.cli import command_line
from cronapp.cli.plan import pause_wanted
from cronapp.client import Client
from cronapp.core.hidden import MASK

DATA = Path(__file__).resolve().parents[1] / "data"
TASKS = '''
from pydantic import SecretStr
from cronapp import task


def hello(name: str = "world", times: int = 1):
    print("hello", name)


def send(key: SecretStr, to: str = "ada"):
    print("sent to", to)


def may_run():
    return True


@task(schedule="0 5 * * *", timezone="Europe/Berlin")
def declared():
    """By the code."""


def shell(command: list[str], folder: str = "", environment: dict[str, str] = {}, input: str = ""):
    """As the ready-made one takes it."""
'''
JOBS: list[dict[str, Any]] = [
    {"id": "plain", "task": "hello", "schedule": {"kind": "manual"}},
    {
        "id": "all-of-it",
        "task": "hello",
        "args": {"name": "22:00", "times": 3},
        "schedule": [
            {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"},
            {"kind": "interval", "every": "15m", "timezone": "UTC"},
        ],
        "starts_at": "2026-04-01T00:00:00Z",
        "ends_at": "2099-04-01T00:00:00.25Z",
        "max_runs": 10,
        "jitter": 90,
        "blackouts": ["22:00-06:00 mon-fri"],
        "condition": "may_run",
        "overlap": "allow",
        "max_running": 1,
        "misfire": {"policy": "all", "grace": 120},
        "timeout": 600.5,
        "retry": {"max_attempts": 4, "delay": 2.5, "backoff": "fixed", "max_delay": 30, "on": ["lost"]},
        "group": "mails",
        "pause_after_failures": 5,
        "queue": "mail",
        "labels": ["zone=eu"],
        "priority": -3,
        "tags": ["finance", 'night "ly"'],
        "description": "Two\nlines: on.",
    },
    {
        "id": "a-follower",
        "task": "hello",
        "schedule": {"kind": "dependency"},
        "after": {"jobs": ["plain"], "when": "any"},
    },
    {"id": "over", "task": "hello", "schedule": {"kind": "once", "at": "2025-01-01T00:00:00Z", "timezone": "UTC"}},
    {"id": "named", "task": "send", "args": {"key": {"secret": "SHOP"}}, "schedule": {"kind": "manual"}},
]
SECRET = "s3cret-word"
MAIL = f"mailto://cron:{SECRET}@example.org"
HOOK = f"https://example.org/{SECRET}"
TELLS = {
    "id": "tells",
    "task": "hello",
    "args": {"name": "${HOME}"},
    "schedule": {"kind": "manual"},
    "notify": [
        {"on": ["failure"], "urls": [MAIL, f"json://{SECRET}@example.org/1"], "ping": {"start": f"{HOOK}/start"}},
        {"on": ["success"], "urls": [f"json://{SECRET}@example.org/2"], "ping": {"start": HOOK, "failure": HOOK}},
    ],
}
ADDRESSES = {
    "CHANNEL_OPS_MAIL": MAIL,
    "CHANNEL_HOOK": HOOK,
    "JOB_TELLS_URL_1": MAIL,
    "JOB_TELLS_URL_2": f"json://{SECRET}@example.org/1",
    "JOB_TELLS_URL_3": f"json://{SECRET}@example.org/2",
    "JOB_TELLS_PING_START": f"{HOOK}/start",
    "JOB_TELLS_PING_START_2": HOOK,
    "JOB_TELLS_PING_FAILURE": HOOK,
}


def ask(server: Server, *args: str, status: int = 0, typed: str | None = None) -> Result:
    result = CliRunner().invoke(command_line(args[0]), [*args, "--url", server.url, "--token", TOKEN], input=typed)
    assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
    return result


@pytest.fixture
def fresh(server: Server) -> Server:
    server.env["CRONAPP_API_RATE"] = "0"
    server.write_tasks(TASKS)
    return server.start("--no-watch")


def wiped(server: Server) -> None:
    assert server.stop() == 0
    for file in server.folder.glob("cronapp.db*"):
        file.unlink()
    server.start("--no-watch")


def test_an_export_makes_the_same_of_an_empty_database_byte_for_byte(
    fresh: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(fresh.url, TOKEN) as api:
        api.put_secret("SHOP", "geheim")
        for job in [*JOBS, TELLS]:
            api.create_job(job, past=True)
        assert api.job("over").state == "finished"
        api.change_job("declared", {"priority": 7})
        api.pause_job("plain", reason="on hold", until="2099-01-01T00:00:00Z")
        api.pause_job("named")
        api.set_limit("queue", "mail", max_running=2, rate="10/m")
        api.set_limit("group", "mails", max_running=4)
        tell_somebody(api)
        before = {job.id: told(job) for job in api.jobs()}
    file = tmp_path / "saved.yaml"
    ask(fresh, "export", str(file))
    first = file.read_bytes()
    assert SECRET.encode() not in first
    assert b"name: ${HOME}" in first
    assert "15 as they are." in ask(fresh, "import", str(file)).stdout, "what is in no file stays"
    wiped(fresh)
    with Client(fresh.url, TOKEN) as api:
        api.put_secret("SHOP", "geheim")
        shown = ask(fresh, "import", str(file), "--dry-run", status=1).stdout
        assert "+ all-of-it" in shown
        assert "~ declared\n    priority: 0 → 7" in shown
        assert "url: Set $CHANNEL_OPS_MAIL to the address of this channel" in shown
        line = first.decode().splitlines().index("- id: tells") + 1
        assert f"line {line}: notify.0.urls.0: Set $JOB_TELLS_URL_1 to this address as you import" in shown
        assert "notify.1.ping.failure: Set $JOB_TELLS_PING_FAILURE to" in shown
        assert [job.id for job in api.jobs()] == ["declared"], "nothing was done"
        for name, address in ADDRESSES.items():
            monkeypatch.setenv(name, address)
        done = ask(fresh, "import", str(file)).stdout
        assert "11 to make, 2 to change, 2 limits to set." in done
        assert {job.id: told(job) for job in api.jobs()} == before
    ask(fresh, "export", str(file))
    assert file.read_bytes() == first
    assert "15 as they are." in ask(fresh, "import", str(file)).stdout
    addresses_change(fresh, file, monkeypatch)


def addresses_change(server: Server, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file says which address a job has where, with what the environment says of it."""
    with Client(server.url, TOKEN) as api:
        old = api.job("tells")
        for name in ADDRESSES:
            monkeypatch.delenv(name, raising=name.startswith("JOB"))
        monkeypatch.setenv("JOB_TELLS_PING_START", f"{HOOK}/began")
        shown = ask(server, "import", str(file), "-n").stdout
        assert f"{old.notify[0].ping.start} is called when a run begins" in shown.partition(" → ")[0]
        assert f"{old.notify[0].ping.start} is called" not in shown.partition(" → ")[2], "it is another one"
        assert SECRET not in shown
        assert (api.job("tells").version, len(list(api.changes("tells")))) == (1, 1), "as often as it was imported"
        file.write_text("""
jobs:
- id: tells
  task: hello
  args: {name: '${HOME}'}
  schedule: {kind: manual}
  notify:
  - {on: [success], urls: ['${JOB_TELLS_URL_3}', 'mailto://cron:${SMTP_PASSWORD}@example.org']}
  - {on: [failure], urls: ['mailto://cron:${SMTP-PASSWORD}@example.org']}
""")
        refused = ask(server, "import", str(file), status=1).stdout
        assert "line 3: notify.1.urls.0: Write a variable as ${NAME}" in refused
        file.write_text(file.read_text().replace("SMTP-", "SMTP_"))
        monkeypatch.setenv("SMTP_PASSWORD", SECRET)
        assert "~ tells" in ask(server, "import", str(file)).stdout
        [first, second] = api.job("tells").notify
        mail = old.notify[0].urls[0]
        assert (first.urls, second.urls) == ([old.notify[1].urls[0], mail], [mail])


def tell_somebody(api: Client) -> None:
    quiet = {"from": "22:00", "until": "06:00", "timezone": "Europe/Berlin"}
    api.add_channel("ops-mail", MAIL, quiet=quiet, digest="5m", most=7)
    api.add_channel("hook", HOOK, kind="hook")
    api.change_alert("default", {"on": ["failure"], "channels": ["ops-mail"], "remind": "4h"})
    for failures in (3, 2):
        api.add_alert({"tag": "finance", "on": ["failure"], "channels": ["hook"], "failures": failures})
    third = api.add_alert({"on": ["success"], "channels": ["hook"]})
    api.change_alert(third.id, {"on": ["success", "slow"], "channels": ["hook"], "slower_than": "10m"})


def told(job: Any) -> dict[str, Any]:
    """What of a job does not depend on when it was made."""
    apart = {"created_at", "updated_at", "version", "origin", "last_run", "pause", "next_run", "next_slot", "notify"}
    return {name: value for name, value in job.told().items() if name not in apart}


def test_an_import_shows_what_differs_and_makes_it_so(fresh: Server, tmp_path: Path) -> None:
    file = tmp_path / "saved.yaml"
    with Client(fresh.url, TOKEN) as api:
        api.create_job({"id": "sends", "task": "send", "args": {"key": "geheim"}, "schedule": {"kind": "manual"}})
        api.create_job({"id": "other", "task": "hello", "schedule": {"kind": "manual"}})
        exported = ask(fresh, "export").stdout
        assert "geheim" not in exported
        assert f"key: '{MASK}'" in exported
        file.write_text(exported.replace(f"key: '{MASK}'", f"key: '{MASK}'\n    to: grace"))
        file.write_text(file.read_text().replace(f"key: '{MASK}'", "key: another"))
        shown = ask(fresh, "import", str(file), "-n").stdout
        assert "key: a secret → another secret\n    to: not given → ********" in shown
        file.write_text(file.read_text().replace("key: another", f"key: '{MASK}'"))
        assert "~ sends" in ask(fresh, "import", str(file)).stdout
        file.write_text(file.read_text().replace("to: grace", "to: alan"))
        assert 'to: "grace" → "alan"' in ask(fresh, "import", str(file), "-n").stdout
        [run] = [api.run_job("sends")]
        assert [line.text for line in api.follow(run.id)] == ["sent to grace"], "with the secret that it had"
        paused = "{reason: a file says so, until: 3d}"
        file.write_text(f"""
jobs:
- {{id: sends, task: send, args: {{key: '{MASK}'}}, schedule: {{kind: manual}}, paused: {paused}}}
- {{id: fresh, task: send, args: {{key: '{MASK}'}}, schedule: {{kind: manual}}}}
- {{id: later, task: hello, schedule: {{kind: cron, expression: '61 * * * *'}}}}
- {{id: gone, task: no_such_task, schedule: {{kind: manual}}}}
- {{id: typed, task: hello, args: {{times: many}}, schedule: {{kind: manual}}}}
- {{id: fine, task: hello, schedule: {{kind: interval, every: 1h}}}}
""")
        refused = ask(fresh, "import", str(file), "--prune", typed="n\n", status=1)
        assert "Remove 1 job?" in refused.stderr
        assert [job.id for job in api.jobs()] == ["declared", "other", "sends"]
        done = ask(fresh, "import", str(file), "--prune", "--yes", status=1)
        for words in ("line 4: args.key: This is a secret", "line 5: schedule.expression", "no task no_such_task"):
            assert words in done.stdout
        assert "typed: args.times" in done.stderr
        assert [job.id for job in api.jobs()] == ["declared", "fine", "sends"]
        assert (api.job("sends").state, api.job("sends").reason) == ("paused", "a file says so")
        again = ask(fresh, "import", str(file), "--prune", "--yes", status=1).stdout
        assert "1 to make, 2 as they are, 3 refused." in again, "the pause is not begun anew"
        file.write_text(
            "jobs:\n- {id: sends, task: send, args: {key: '" + MASK + "'}, schedule: {kind: manual}, paused: false}\n"
        )
        actions = json.loads(ask(fresh, "import", str(file), "--json").stdout)
        assert actions == [{"name": "sends", "action": "resume", "changes": [], "error": None}]
        assert api.job("sends").state == "active"
    assert "Line 1" in ask(fresh, "import", "-", typed="jobs: [", status=1).stderr
    assert "cannot be read" in ask(fresh, "import", str(tmp_path / "nothing.yaml"), status=1).stderr


def test_an_import_makes_channels_and_rules_those_of_the_file(
    fresh: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "told.yaml"
    with Client(fresh.url, TOKEN) as api:
        tell_somebody(api)
        masks = {one.name: one.url for one in api.channels()}
        file.write_text("""
channels:
- {name: ops-mail, url: 'mailto://cron:${PASSWORD}@example.org', most: 9}
- {name: chat, url: 'nonsense'}
alerts:
- {tag: finance, on: [failure], channels: [hook], failures: 2}
- {tag: finance, on: [failure], channels: [ops-mail]}
- {on: [success], channels: [nobody]}
- {id: other, on: [success]}
""")
        shown = ask(fresh, "import", str(file), "--prune", "--dry-run", status=1).stdout
        assert "most: 7 messages an hour → 9 messages an hour" in shown
        assert "line 4: url: Write an Apprise address" in shown
        assert "rule: tells hook when 3 runs in a row fail → tells ops-mail when a run fails for good" in shown
        assert "line 8: channels: There is no channel nobody." in shown
        assert "line 9: id: Only the rule for all jobs has one" in shown
        assert "- rule for all jobs" not in shown, "the file has one, though it is refused"
        assert "- channel hook" in shown
        assert {one.name: one.url for one in api.channels()} == masks
        monkeypatch.setenv("PASSWORD", SECRET)
        assert "url:" not in ask(fresh, "import", str(file), "-n", status=1).stdout.partition("✗")[0], "the same one"
        monkeypatch.setenv("PASSWORD", "another")
        asked = ask(fresh, "import", str(file), "--prune", typed="y\n", status=1)
        assert "Remove 1 channel?" in asked.stderr
        assert [(one.name, one.most, one.url == masks[one.name]) for one in api.channels()] == [("ops-mail", 9, False)]
        assert [(one.id, one.tag) for one in api.alerts() if one.id == "default" or one.tag] == [
            ("default", None),
            *[(one.id, "finance") for one in api.alerts() if one.tag],
        ]
        assert sorted(one.channels for one in api.alerts() if one.tag) == [["hook"], ["ops-mail"]]
        viewer = api.create_token("editor", name="pipeline").token
    alone = ["--url", fresh.url, "--token", viewer]
    left = CliRunner().invoke(command_line("export"), ["export", *alone])
    assert (left.exit_code, "channels" in left.stdout) == (0, False)
    assert "only an admin may see them" in left.stderr
    refused = CliRunner().invoke(command_line("import"), ["import", str(file), *alone])
    assert (refused.exit_code, refused.stdout.count("Your role does not allow this")) == (1, 6)


def test_a_crontab_becomes_jobs_and_a_second_import_changes_nothing(fresh: Server) -> None:
    first = ask(fresh, "import", "--crontab", str(DATA / "crontab"), "--tz", "Europe/Vienna")
    assert "line 29 is left out: It runs when the machine starts" in first.stderr
    assert "27 to make." in first.stdout
    with Client(fresh.url, TOKEN) as api:
        jobs = {job.id: job for job in api.jobs(task="shell")}
        assert jobs["restic"].args["environment"]["RESTIC_REPOSITORY"] == "/srv/restic repo"
        assert {job.schedule.timezone for job in jobs.values()} == {  # type: ignore[union-attr]
            "Europe/Vienna",
            "Europe/Berlin",
            "America/New_York",
        }
    again = ask(fresh, "import", "--crontab", str(DATA / "crontab"), "--tz", "Europe/Vienna")
    assert again.stdout == "27 as they are.\n"
    assert "15 to make." in ask(fresh, "import", "--system", str(DATA / "crontab-system"), "--dry-run").stdout


@pytest.mark.parametrize(
    ("paused", "wanted"),
    [
        (None, None),
        (False, None),
        (True, {}),
        ({"until": "2h"}, {"until": "2h"}),
        ({"until": "2001-01-01T00:00:00Z"}, None),  # it is over
    ],
)
def test_a_pause_is_made_where_the_file_says_so_and_it_is_not_over(paused: Any, wanted: Any) -> None:
    assert pause_wanted(paused, None, datetime(2026, 3, 2, tzinfo=UTC)) == wanted
