"""The calendar files that blackouts name: found in one folder, read once for each version, asked by many jobs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

from cronapp.core.errors import CalendarUnreadable
from cronapp.service.occurrences import Events, NotUnderstood

MOST_BYTES = 5_000_000
MOST_FILES = 100

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading one version of a file. A refusal is kept too, so that it is not tried at each slot."""

    version: Version
    events: Events | None
    why: str = ""


class Calendars:
    """Answers which event of a calendar file covers a moment. May be asked from any thread."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where the files are; nothing outside of it is read."""
        self._folder = Path(os.path.realpath(folder))
        self._lock = Lock()
        self._readings: dict[Path, Reading] = {}

    def check(self, path: str) -> None:
        """Raises `CalendarUnreadable` unless the file can be used."""
        with self._lock:
            self._events(path)

    def end_of(self, path: str, moment: datetime, zone: ZoneInfo) -> tuple[datetime, str] | None:
        """The end (aware UTC) and the summary of the event that covers the moment; of several the last to end.

        Days, and times without a zone, are those of `zone`. Raises `CalendarUnreadable`.
        """
        with self._lock:
            events = self._events(path)
            try:
                found = events.at(moment, zone)
            except NotUnderstood as error:
                raise _mend(path, str(error)) from None
        return None if found is None else (found.end, found.summary)

    def _events(self, path: str) -> Events:
        file = self._inside(path)
        try:
            version = self._version(path, file)
            reading = self._readings.get(file)
            if reading is None or reading.version != version:
                reading = self._read(file, version)
        except (FileNotFoundError, NotADirectoryError):
            remedy = f"Put it into {self._folder}, or name another one."
            raise CalendarUnreadable(path, "there is no such file", remedy) from None
        except OSError as error:
            remedy = "See to it that the server may read it."
            raise CalendarUnreadable(path, (error.strerror or str(error)).lower(), remedy) from None
        if reading.events is None:
            raise _mend(path, reading.why)
        return reading.events

    def _inside(self, path: str) -> Path:
        """The file itself, behind all links."""
        here = f"Put the file into {self._folder} and write its path from there, as holidays.ics."
        if not path.lower().endswith(".ics"):
            raise CalendarUnreadable(path, "its name does not end with .ics", here)
        if not path.isprintable() or os.path.isabs(path):
            raise CalendarUnreadable(path, "it is no path inside the folder of the calendars", here)
        file = Path(os.path.realpath(self._folder / path))
        if not file.is_relative_to(self._folder):
            raise CalendarUnreadable(path, "it lies outside of the folder of the calendars", here)
        return file

    def _version(self, path: str, file: Path) -> Version:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise CalendarUnreadable(path, "it is no file", "Name a file that ends with .ics.")
        if found.st_size > MOST_BYTES:
            told = f"it has {found.st_size / 1e6:.1f} MB, and {MOST_BYTES // 1_000_000} MB are the most"
            raise CalendarUnreadable(path, told, "Export fewer years, or several smaller files.")
        return found.st_mtime_ns, found.st_size

    def _read(self, file: Path, version: Version) -> Reading:
        data = file.read_bytes()
        try:
            reading = Reading(version, Events(data))
        except NotUnderstood as error:
            reading = Reading(version, None, str(error))
        if len(self._readings) >= MOST_FILES:
            self._readings.clear()
        self._readings[file] = reading
        return reading


def _mend(path: str, why: str) -> CalendarUnreadable:
    return CalendarUnreadable(path, why, "Mend the file, or export it again as iCalendar (.ics).")
