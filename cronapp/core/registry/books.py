"""`jobs.yaml` beside a tasks file: jobs that the code declares without a decorator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cronapp.core.book import read_book
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.registry.loading import LoadError
from cronapp.core.registry.sources import homes_of

BOOK = "jobs.yaml"


def book_files(sources: Sequence[str]) -> list[Path]:
    """Where such a file may lie."""
    return sorted({home / BOOK for home in homes_of(sources)})


def declared_in_files(sources: Sequence[str]) -> tuple[list[Json], list[LoadError]]:
    """The jobs that these files declare, and which files cannot be used."""
    jobs: dict[str, Json] = {}
    errors: list[LoadError] = []
    for path in book_files(sources):
        try:
            for job in read_book(path.read_text("utf-8"), BOOK).jobs:
                jobs.setdefault(job["id"], {name: value for name, value in job.items() if name != "paused"})
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            errors.append(LoadError(str(path), f"It cannot be read: {error}", "", str(path)))
        except InvalidInput as error:
            errors.append(LoadError(str(path), " ".join(error.errors.values()), "", str(path)))
    return list(jobs.values()), errors
