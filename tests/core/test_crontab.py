"""A crontab is read as cron reads it: 43 lines as people and packages have them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from cronapp.core.crontab import jobs_of, read_crontab
from cronapp.core.spec import parse_spec, trigger_for

DATA = Path(__file__).resolve().parents[1] / "data"
NOW = datetime(2026, 10, 24, 21, 30, tzinfo=UTC)  # hours before Berlin sets its clocks back
NICKNAMES = {"@hourly": "0 * * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}


def read(name: str) -> tuple[list[dict[str, Any]], list[int]]:
    lines, problems = read_crontab((DATA / name).read_text(), system=name.endswith("system"))
    return list(jobs_of(lines)), [one.number for one in problems]


PEOPLE, LEFT_OUT = read("crontab")
SYSTEM, _ = read("crontab-system")
JOBS = {job["id"]: job for job in (*PEOPLE, *SYSTEM)}


def test_each_line_becomes_a_job_but_what_runs_at_boot() -> None:
    assert len(PEOPLE) + len(SYSTEM) >= 40
    assert len(LEFT_OUT) == 1
    assert len({job["id"] for job in PEOPLE}) == len(PEOPLE)
    assert {"daily.job", "mail", "tar", "borg", "certbot", "checkarray", "acme"} <= JOBS.keys()


@pytest.mark.parametrize("job", [*PEOPLE, *SYSTEM], ids=lambda job: job["id"])
def test_its_next_slots_are_those_of_cron(job: dict[str, Any]) -> None:
    spec = parse_spec(job, now=NOW)
    [schedule] = spec.schedule
    told: Any = schedule
    zone = ZoneInfo(told.timezone)
    expression = NICKNAMES.get(told.expression, told.expression)
    expected = [at.astimezone(UTC) for at in islice(CronSim(expression, NOW.astimezone(zone)), 100)]
    found, moment = [], NOW
    for _ in expected:
        moment = trigger_for(spec).next_after(moment) or NOW
        found.append(moment)
    assert found == expected


def test_what_stands_around_a_line_comes_along() -> None:
    annoy = JOBS["mail"]
    assert annoy["args"]["command"] == ["/bin/bash", "-c", 'mail -s "It\'s 10pm" joe']
    assert annoy["args"]["input"] == "Joe,\n\nWhere are your kids?\n"
    assert annoy["description"] == "run at 10 pm on weekdays, annoy Joe"
    backup = JOBS["restic"]
    assert backup["args"]["environment"] == {"RESTIC_REPOSITORY": "/srv/restic repo", "TZ": "Europe/Berlin"}
    assert backup["schedule"] == {"kind": "cron", "expression": "30 2 * * mon-sat", "timezone": "Europe/Berlin"}
    assert JOBS["borg"]["schedule"]["timezone"] == "America/New_York"
    [second] = [job for job in PEOPLE if job["args"]["command"][2].endswith('"2nd Saturday"')]
    assert "$(date +%u)" in second["args"]["command"][2], "a percent sign that was escaped"
    assert "timezone" not in JOBS["tar"]["schedule"], "the server's own"
    assert (backup["overlap"], backup["misfire"]) == ("allow", {"policy": "skip"}), "as cron does"
    assert JOBS["certbot"]["description"] == "It ran as root."
    assert JOBS["munin-cron"]["description"] == "It ran as munin."
    assert JOBS["certbot"]["args"]["environment"]["PATH"].startswith("/usr/local/sbin:")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("61 * * * * x", "Minute"),
        ("* * * * *", "and a command"),
        ("@daily", "There is no command"),
        ("@fortnightly x", "no nickname"),
        ("CRON_TZ=Berlin\n0 3 * * * x", "Europe/Berlin"),
        ("0 0 30 2 * x", "never run"),
        ("* * * * * root", "There is no command"),
    ],
)
def test_a_line_that_cannot_be_is_left_out_with_the_reason(text: str, words: str) -> None:
    lines, [problem] = read_crontab(text, system=text.endswith("root"))
    assert lines == []
    assert words in problem.text
    assert problem.number == len(text.splitlines())
