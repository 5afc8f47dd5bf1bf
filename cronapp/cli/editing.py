"""`cronapp jobs edit ID` without options: the job as YAML in an editor, again and again until it can be saved."""

from __future__ import annotations

import shlex
import shutil
import subprocess  # nosec B404 # the editor that its user chose
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from cronapp.cli.plan import spec_of
from cronapp.cli.remote import REFUSED
from cronapp.client import ApiError, Client, Invalid, VersionConflict
from cronapp.config import named_value
from cronapp.core.book import entry, entry_text, read_entry
from cronapp.core.changes import changes, label_of
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.wire import Job

ABOUT = """The job {job}, version {version}. Save it and close the editor to change the job; an empty file changes none.
What is at its default is not here; the fields are those of the API. A secret is ********, and stays as it is."""
SAVED = "Somebody else saved the job meanwhile, as version {version}. Look at it once more, and save."
FILE = "the file"
EDITORS = ("sensible-editor", "editor", "nano", "vi", "notepad")
"""Looked for where neither $VISUAL nor $EDITOR says one."""


def can_open() -> bool:
    """Whether there is an editor, or somebody at a terminal who has one."""
    return bool(named_value("VISUAL") or named_value("EDITOR")) or sys.stdin.isatty()


def edited(server: Client, old: Job) -> Job | None:
    """The job as it was saved in the editor; None: nothing was changed."""
    shown = sheet(old, entry(spec_of(old)))
    first, wrong = said(shown), False
    while True:
        text = opened(shown, first)
        if not said(text).strip() or said(text) == first:
            return None
        if wrong and text == shown:
            raise kept(text, "It is as it was, and nothing is changed.")
        try:
            return server.replace_job(old.id, typed(text, old), version=old.version)
        except InvalidInput as error:
            shown, wrong = noted(text, error.errors.values()), True
        except Invalid as error:
            shown, wrong = noted(text, [f"{name}: {words}" for name, words in error.errors.items()]), True
        except VersionConflict:
            now = server.job(old.id)
            shown, wrong, old = merged(typed(text, old), old, now), False, now
        except ApiError as error:
            raise kept(text, str(error)) from None


def opened(text: str, first: str) -> str:
    """The text as it is when the editor is closed; `first` is what stood there before anybody wrote."""
    with tempfile.TemporaryDirectory(prefix="cronapp-edit-") as folder:
        file = Path(folder, "job.yaml")
        file.write_text(text, "utf-8")
        try:
            status = subprocess.call([*editor(), str(file)])  # nosec B603 # no shell, and their own choice
        except OSError as error:
            raise kept(text, f"The editor cannot be opened: {error.strerror}. Set $EDITOR.", first) from None
        text = file.read_text("utf-8", "replace")
    if status:
        raise kept(text, f"The editor ended with status {status}, and nothing is changed.", first)
    return text


def editor() -> list[str]:
    if said := named_value("VISUAL") or named_value("EDITOR"):
        return shlex.split(said)
    return [next(filter(shutil.which, EDITORS), EDITORS[-2])]


def sheet(job: Job, data: Json, notes: Iterable[str] = ()) -> str:
    about = ABOUT.format(job=job.id, version=job.version).splitlines()
    return f"{commented([*notes, *about])}\n{entry_text(data)}"


def said(text: str) -> str:
    """Without the comments above it."""
    lines = text.replace("\r\n", "\n").split("\n")
    while lines and (lines[0].startswith("#") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)


def noted(text: str, notes: Iterable[str]) -> str:
    """What was typed, below what is wrong with it."""
    return f"{commented(notes)}\n{said(text)}"


def commented(notes: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for note in notes for line in note.splitlines())


def typed(text: str, old: Job) -> Json:
    """Raises `InvalidInput`."""
    data = read_entry(text, FILE)
    if data.get("id") != old.id:
        raise InvalidInput.of("id", f"id: A job keeps its id, {old.id}. Make another job for another one.")
    return data


def merged(mine: Json, old: Job, now: Job) -> str:
    """What they changed and I did not is taken over; what both changed is as I have it, and told."""
    base, theirs = entry(spec_of(old)), entry(spec_of(now))
    fields = dict.fromkeys((*theirs, *mine))
    changed = {name for name in fields if mine.get(name) != base.get(name)}
    data = {name: (mine if name in changed else theirs).get(name) for name in fields}
    sides = [theirs if name not in changed else mine for name in fields]
    data = {name: data[name] for name, side in zip(fields, sides, strict=True) if name in side}
    return sheet(now, data, [SAVED.format(version=now.version), *told(old, now, changed)])


def told(old: Job, now: Job, mine: set[str]) -> Iterator[str]:
    for one in changes(spec_of(old), spec_of(now)):
        both = one.field.partition(".")[0] in mine
        how = "you changed it too, and yours stands below" if both else "taken over"
        yield f"{label_of(one.field)}: {one.old} → {one.new}; {how}"


def kept(text: str, why: str, first: str = "") -> typer.Exit:
    """The words on why it ended; what was typed is not lost."""
    if said(text) == first:
        typer.echo(f"cronapp: {why}", err=True)
        return typer.Exit(REFUSED)
    with tempfile.NamedTemporaryFile(
        "w", prefix="cronapp-edit-", suffix=".yaml", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    typer.echo(f"cronapp: {why} What you wrote is in {file.name}.", err=True)
    return typer.Exit(REFUSED)
