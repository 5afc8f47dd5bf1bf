"""`jobs.yaml` beside a tasks file: jobs that the code declares without a decorator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cronapp.core.book import read_book
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.references import Look, filled_in
from cronapp.core.registry.loading import LoadError
from cronapp.core.registry.sources import homes_of

BOOK = "jobs.yaml"


def book_files(sources: Sequence[str]) -> list[Path]:
    """Where such a file may lie."""
    return sorted({home / BOOK for home in homes_of(sources)})


def declared_in_files(sources: Sequence[str], look: Look) -> tuple[list[Json], list[LoadError]]:
    """The jobs that these files declare, and which files, or jobs of them, cannot be used. `look` has the addresses
    that are not in a file."""
    jobs: dict[str, Json] = {}
    errors: list[LoadError] = []
    for path in book_files(sources):
        try:
            book = read_book(path.read_text("utf-8"), BOOK)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            errors.append(LoadError(str(path), f"It cannot be read: {error}", "", str(path)))
            continue
        except InvalidInput as error:
            errors.append(LoadError(str(path), " ".join(error.errors.values()), "", str(path)))
            continue
        for job in book.jobs:
            try:
                told = filled_in({name: value for name, value in job.items() if name != "paused"}, look)
            except InvalidInput as error:
                errors.append(unfilled(path, job["id"], error, (book.lines or {}).get(job["id"], 0)))
            else:
                jobs.setdefault(job["id"], told)
    return list(jobs.values()), errors


def unfilled(path: Path, job: str, error: InvalidInput, line: int) -> LoadError:
    """Of one job, which stays as it is."""
    words = " ".join(f"{field}: {text}" for field, text in error.errors.items())
    return LoadError(str(path), f"Line {line}: The job {job}: {words}", "", str(path))
