"""The ids of jobs: what is wrong with one, and which one suits a task."""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST = 100
ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,100}")
RESERVED_IDS = {".", "..", "new"}  # they would be other addresses under /jobs/
_NAMED = {" ": "a space", "\t": "a tab"}


def id_problem(text: str) -> str | None:
    """Why this cannot be a job's id, in a sentence; None when it can."""
    if not text:
        return "A job needs an id, as nightly-report."
    if text in RESERVED_IDS:
        return "This id is reserved. Choose another one."
    strange = list(dict.fromkeys(re.findall(r"[^A-Za-z0-9._-]", text)))
    if strange:
        told = [_NAMED.get(one, one) for one in strange[:3]]
        verb = "cannot be part of an id" if len(strange) < 4 else "and others cannot be part of an id"
        return f"{_listed(told)} {verb}. Use letters, digits, dots, hyphens and underscores."
    if len(text) > LONGEST:
        return f"An id has at most {LONGEST} characters; this one has {len(text)}."
    return None


def suggested_id(task: str) -> str:
    """An id that suits a task of that name: `nightly_report` → `nightly-report`."""
    text = re.sub(r"[^A-Za-z0-9.-]+", "-", task).strip("-.")[:LONGEST]
    return text if text and text not in RESERVED_IDS else "job"


def free_id(wanted: str, taken: Collection[str]) -> str:
    """The wanted id, or with the least number after it that nobody has: `nightly-report-2`."""
    number, free = 2, wanted
    while free in taken:
        end = f"-{number}"
        free, number = f"{wanted[: LONGEST - len(end)]}{end}", number + 1
    return free


def _listed(parts: list[str]) -> str:
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return text[0].upper() + text[1:]
