"""A crontab: what each of its lines runs, when, and with what around it. Read as cron reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from cronapp.core.cron import parse
from cronapp.core.errors import InvalidInput
from cronapp.core.ids import free_id, suggested_id
from cronapp.core.models import Json
from cronapp.core.zones import zone

SETTING = re.compile(r"""\s*(?P<name>"[^"]*"|'[^']*'|[^\s='"]+)\s*=\s*(?P<value>.*?)\s*""")
FIELDS = 5
SHELL, TASK = "/bin/sh", "shell"
OF_CRON = {
    "SHELL",
    "HOME",
    "MAILTO",
    "MAILFROM",
    "CRON_TZ",
    "CONTENT_TYPE",
    "CONTENT_TRANSFER_ENCODING",
    "RANDOM_DELAY",
}
"""Variables that cron itself heeds."""
WORDS = {
    "if",
    "then",
    "test",
    "cd",
    "env",
    "sudo",
    "nice",
    "ionice",
    "exec",
    "command",
    "timeout",
    "flock",
    "true",
    "date",
}
"""At the beginning of a command they say little of what it is for."""
PROGRAM = re.compile(r"[A-Za-z0-9_~$./{}-]*[A-Za-z][A-Za-z0-9_.-]*")
LONGEST = 60  # letters of an id that is made of a command


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a crontab that runs something."""

    number: int
    schedule: str
    command: str
    input: str | None = None  # what the command reads, after the first percent sign
    user: str | None = None  # in a crontab of the system
    environment: Mapping[str, str] = field(default_factory=dict)
    shell: str = SHELL
    home: str = ""
    timezone: str = ""  # empty: that of the machine
    comment: str = ""  # what stands above it


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that becomes no job, and why."""

    number: int
    text: str


def read_crontab(text: str, *, system: bool = False) -> tuple[list[Line], list[Problem]]:
    """The lines of a crontab; with `system` each has a user before the command, as in /etc/crontab."""
    lines: list[Line] = []
    problems: list[Problem] = []
    around: dict[str, str] = {}
    comments: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            comments.append(line.lstrip("#").strip())
        elif not line:
            comments = []
        elif setting := setting_of(line):
            around[setting[0]] = setting[1]
            comments = []
        else:
            try:
                lines.append(line_of(number, line, around, comments, system))
            except InvalidInput as error:
                problems.append(Problem(number, " ".join(error.errors.values())))
            comments = []
    return lines, problems


def setting_of(line: str) -> tuple[str, str] | None:
    """`NAME=VALUE`, with quotation marks around either; None: the line is none."""
    found = SETTING.fullmatch(line)
    if not found or line.startswith("@") or not re.match(r"[\"'A-Za-z_]", line):
        return None
    return bare(found["name"]), bare(found["value"])


def bare(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'" else text


def line_of(number: int, line: str, around: Mapping[str, str], comments: list[str], system: bool) -> Line:
    schedule, rest = split_schedule(line)
    user = None
    if system:
        user, *others = rest.split(None, 1)
        rest = others[0] if others else ""
    if not rest:
        raise InvalidInput.of("command", "There is no command.")
    if schedule == "@reboot":
        raise InvalidInput.of("schedule", "It runs when the machine starts, and no schedule says that.")
    parse(schedule)
    where = around.get("CRON_TZ", "")
    if where:
        zone(where)
    command, given = split_input(rest)
    return Line(
        number=number,
        schedule=schedule,
        command=command,
        input=given,
        user=user,
        environment={name: value for name, value in around.items() if name not in OF_CRON},
        shell=around.get("SHELL") or SHELL,  # nosec B604 # its name: nothing is run here
        home=around.get("HOME", ""),
        timezone=where,
        comment="\n".join(comments).strip(),
    )


def split_schedule(line: str) -> tuple[str, str]:
    if line.startswith("@"):
        name, *rest = line.split(None, 1)
        return name.lower(), rest[0] if rest else ""
    parts = line.removeprefix("-").split(None, FIELDS)  # a minus asks some crons not to write a log
    if len(parts) <= FIELDS:
        raise InvalidInput.of("schedule", "Five fields are expected, and a command.")
    return " ".join(parts[:FIELDS]), parts[FIELDS]


def split_input(command: str) -> tuple[str, str | None]:
    r"""What stands before the first `%`, and after it, where each further one is a new line; `\%` is a percent sign."""
    first, *rest = re.split(r"(?<!\\)%", command)
    lines = [part.replace("\\%", "%") for part in (first, *rest)]
    given = "\n".join(lines[1:])
    return lines[0].strip(), (given if given.endswith("\n") else f"{given}\n") if rest else None


# -- as jobs ----------------------------------------------------------------------------------------------------------


def jobs_of(lines: Iterable[Line], present: Mapping[str, Json] | None = None, timezone: str = "") -> Iterator[Json]:
    """Each line as a job of the shell task, which does as cron does: runs meet, and what was missed is not run.

    `present` are the arguments of the jobs that are there, by their ids: a line with the same command is that job, and
    no other job is touched.
    """
    here = {job_id: args.get("command") for job_id, args in (present or {}).items()}
    taken = set(here)
    for line in lines:
        job = job_of(line, "", timezone)
        known = next((one for one, command in here.items() if command == job["args"]["command"]), None)
        job_id = known or free_id(suggested_id(program_of(line.command))[:LONGEST], taken)
        here.pop(job_id, None)
        taken.add(job_id)
        yield {**job, "id": job_id}


def job_of(line: Line, job_id: str, timezone: str) -> Json:
    where = line.timezone or timezone
    args: Json = {"command": [line.shell, "-c", line.command]}
    if line.home:
        args["folder"] = line.home
    if line.environment:
        args["environment"] = dict(line.environment)
    if line.input is not None:
        args["input"] = line.input
    zoned = {"timezone": where} if where else {}
    user = f"It ran as {line.user}." if line.user else ""
    job = {
        "id": job_id,
        "task": TASK,
        "args": args,
        "schedule": {"kind": "cron", "expression": line.schedule, **zoned},
        "overlap": "allow",
        "misfire": {"policy": "skip"},
        "description": "\n".join(text for text in (line.comment, user) if text)[:2000],
    }
    return {name: value for name, value in job.items() if value != "" or name == "id"}


def program_of(command: str) -> str:
    """What a command is called by: the first program in it that says something."""
    for word in re.split(r"[\s;&|()<>'\"\[\]]+", command):
        name = PurePosixPath(word).name
        option = word.startswith("-") or "=" in word or (word.startswith("$") and "/" not in word)
        if option or name in WORDS or not PROGRAM.fullmatch(word):
            continue
        return name.rsplit(".", 1)[0] if name.endswith((".sh", ".py", ".pl", ".php")) else name
    return "command"
