"""A job written as Python declares the same job: what is told is loaded again as a tasks file."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cronapp.core.declaration import declaration
from cronapp.core.declared import declared
from cronapp.core.models import JobSpec
from cronapp.core.registry import Task, load
from cronapp.core.spec import parse_spec, sparse
from cronapp.core.writing import curl_text, json_text, yaml_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CRON = {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"}
FUNCTION = "def nightly_report(**any): ...\n"
WHOLE: dict[str, Any] = {
    "schedule": [CRON, {"kind": "interval", "every": "15m", "timezone": "Europe/Berlin"}, {"kind": "manual"}],
    "args": {
        "text": 'It\'s "so"\n\\ done\t\u2028\U0001f600',
        "nothing": None,
        "yes": True,
        "some": [1, 2.5, {"deep": ["a" * 60, "b" * 60]}],
        "empty": [{}, []],
    },
    "starts_at": "2026-04-01T00:00:00Z",
    "ends_at": "2027-04-01T00:00:00.250Z",
    "max_runs": 10,
    "jitter": 90,
    "blackouts": ["22:00-06:00 mon-fri", "2026-12-24..2027-01-02"],
    "condition": "may_run",
    "overlap": "queue",
    "max_running": 3,
    "misfire": {"policy": "all", "grace": 120},
    "timeout": 600.5,
    "retry": {"max_attempts": 4, "delay": 2.5, "backoff": "fixed", "max_delay": 30, "on": ["ValueError", "lost"]},
    "after": {"jobs": ["extract", "load"], "when": "any", "mode": "each"},
    "group": "mails",
    "pause_after_failures": 5,
    "notify": [
        {"on": ["failure", "slow"], "channels": ["ops"], "failures": 3, "remind": 3600, "instead": True},
        {"ping": {"start": "https://example.org/start"}},
    ],
    "queue": "mail",
    "labels": ["gpu", "zone=eu"],
    "priority": -3,
    "tags": ["finance", 'night "ly"'],
    "description": "Two\nlines.",
}
TIMES = [
    [CRON],
    [{"kind": "cron", "expression": "@daily", "timezone": "UTC"}, CRON],
    [{"kind": "interval", "every": 90, "anchor": "2026-01-01T00:00:00Z", "timezone": "Asia/Tokyo"}],
    [{"kind": "once", "at": "2026-05-01T10:00:00Z", "timezone": "Asia/Tokyo"}],
    [{"kind": "once", "at": "2026-05-01T10:00:00Z", "timezone": "Asia/Tokyo"}, CRON],
    [{"kind": "manual"}],
    [{"kind": "manual"}, {"kind": "dependency"}],
    [{"kind": "dependency"}],
    [{"kind": "cron", "expression": f"{n} * * * *", "timezone": "UTC"} for n in range(20)],
]
SINGLE = [{name: value} for name, value in WHOLE.items() if name != "schedule"]
ODD: list[dict[str, Any]] = [
    {"overlap": "allow"},
    {"overlap": "allow", "max_running": 1},
    {"overlap": "allow", "max_running": 7},
    {"retry": {"max_attempts": 3}},
    {"retry": {"delay": 5}},
    {"misfire": {"policy": "skip"}},
    {"after": {"jobs": ["extract"]}},
    {"after": {"jobs": ["extract"], "when": "failure"}},
    {"id": "other.name"},
    {"timeout": 1 / 3},
    {"timeout": 90},
]


def spec_of(**fields: Any) -> JobSpec:
    needs = {"after": {"jobs": ["extract"]}} if {"kind": "dependency"} in fields.get("schedule", ()) else {}
    told = {"id": "nightly-report", "task": "nightly_report", "schedule": [CRON], **needs, **fields}
    return parse_spec(told, now=NOW, timezone="America/New_York")


SPECS = [spec_of(**WHOLE), *(spec_of(schedule=one) for one in TIMES), *(spec_of(**one) for one in SINGLE + ODD)]


def loaded(folder: Path, text: str) -> Task:
    (folder / "tasks.py").write_text(text)
    registry = load([str(folder / "tasks.py")])
    assert not registry.errors, f"{registry.errors[0].error}\n{text}"
    return registry.get("nightly_report")


@pytest.mark.parametrize("spec", SPECS)
def test_the_decorator_declares_the_same_job(tmp_path: Path, spec: JobSpec) -> None:
    task = loaded(tmp_path, declaration(spec, None) + FUNCTION)
    data = declared(task, "America/New_York")
    assert parse_spec(data, now=NOW, timezone="America/New_York") == spec
    assert declaration(spec, task) == declaration(spec, None)


@pytest.mark.parametrize("spec", SPECS)
def test_without_its_defaults_and_as_yaml_it_is_the_same_job(spec: JobSpec) -> None:
    assert parse_spec(sparse(spec), now=NOW, timezone="America/New_York") == spec
    twice = yaml.safe_load(yaml_text(spec, spec))["jobs"]
    assert [parse_spec(one, now=NOW, timezone="America/New_York") for one in twice] == [spec, spec]


def test_what_is_at_its_default_is_not_said(tmp_path: Path) -> None:
    spec = spec_of()
    assert sparse(spec) == {"id": "nightly-report", "task": "nightly_report", "schedule": CRON}
    assert declaration(spec, None) == (
        'from cronapp import task\n\n\n@task(\n    schedule="0 3 * * mon-fri",\n    timezone="Europe/Berlin",\n)\n'
    )


def test_what_the_code_says_of_the_task_itself_stays(tmp_path: Path) -> None:
    first = "from cronapp import task\n@task(name='nightly_report', run_in='process')\ndef other(): ...\n"
    text = declaration(spec_of(timeout=90), loaded(tmp_path, first)) + "def other(): ...\n"
    assert 'timeout="1m30s"' in text
    again = loaded(tmp_path, text)
    assert (again.name, again.run_in) == ("nightly_report", "process")


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
def test_a_shell_hands_curl_the_job_as_it_is(tmp_path: Path) -> None:
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > told\ncat > body\n')
    curl.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CRONAPP_URL": "http://cron.example", "CRONAPP_TOKEN": "t k"}
    subprocess.run(["sh", "-c", curl_text(SPECS[0])], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "body").read_text() == json_text(SPECS[0]) + "\n"
    told = (tmp_path / "told").read_text().splitlines()
    assert told[0] == "http://cron.example/api/v1/jobs"
    assert "Authorization: Bearer t k" in told
