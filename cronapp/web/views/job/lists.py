"""The pages of a job's runs and of its changes; the job may be removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cronapp.core.changes import FieldChange
from cronapp.core.history import ChangeKind, JobChange
from cronapp.core.models import JobSpec, Json, RunState
from cronapp.web.site import Parts

RUNS_SHOWN = 25  # on a page
CHANGES_SHOWN = 30
FIRSTS = (ChangeKind.BASELINE, ChangeKind.CREATED)


def state_in(query: Mapping[str, str]) -> str:
    """The state to which an address narrows the runs; "" where it names none that there is."""
    word = query.get("state", "")
    return word if word in {state.value for state in RunState} else ""


async def run_list(house: Parts, key: int, state: str, before: int | None) -> dict[str, Any]:
    runs, following = await house.runs.of_key(key, state=state, before=before, limit=RUNS_SHOWN)
    return {
        "runs": runs,
        "next": following and str(following),
        "first": before is None,
        "filters": {"state": state},
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as the page tells it."""

    change: JobChange
    fields: list[FieldChange]
    restorable: bool

    @property
    def forgotten(self) -> bool:
        """Whether the version before it is not kept any more."""
        change = self.change
        return change.spec is not None and change.before is None and change.kind not in FIRSTS


async def change_list(
    house: Parts, job_id: str, before: int | None, *, spec: JobSpec | None = None, fits: Json | None = None
) -> dict[str, Any]:
    """`spec` is the job as it is now; None: it is removed, and no version can be restored."""
    changes, following = await house.history.page(job_id, before=before, limit=CHANGES_SHOWN)
    mask = house.history.mask(fits)
    return {
        "entries": [Entry(one, one.fields(mask), bool(spec) and one.spec not in (None, spec)) for one in changes],
        "first": before is None,
        "next": following and str(following),
    }
