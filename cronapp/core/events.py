"""What is told after a commit: ids only. The reader looks up the newest truth itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class JobChanged:
    """The job's definition or state changed; `gone` when it was removed."""

    job: str
    gone: bool = False
    created: bool = False


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run was opened, moved to another state, or made progress."""

    run: int
    job: str


@dataclass(frozen=True, slots=True)
class LogAppended:
    """The run's log now reaches `last_seq`."""

    run: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Whoever executes this run should stop it, for this reason."""

    run: int
    reason: str


@dataclass(frozen=True, slots=True)
class TasksLoaded:
    """The tasks file was read again."""


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """The limit of a group or a queue was set or taken away."""


@dataclass(frozen=True, slots=True)
class DrainChanged:
    """This server is emptied for a restart, or takes no slots since its clock is off, or it goes to work again."""


@dataclass(frozen=True, slots=True)
class SessionsChanged:
    """Somebody signed in or was signed out, or, with `seen`, was only seen again."""

    seen: bool = False


@dataclass(frozen=True, slots=True)
class TokensChanged:
    """An API token was made, used, renamed, revoked or forgotten."""

    token: int


@dataclass(frozen=True, slots=True)
class PeopleChanged:
    """An account was made, changed or removed."""


@dataclass(frozen=True, slots=True)
class SchedulerChanged:
    """The whole scheduler was paused or resumed."""


@dataclass(frozen=True, slots=True)
class ViewsChanged:
    """A saved view of a list was made, changed or removed."""

    page: str


@dataclass(frozen=True, slots=True)
class SecretsChanged:
    """A stored secret was put or removed."""


@dataclass(frozen=True, slots=True)
class AlertsChanged:
    """A channel or a rule of who is told was made, changed or removed."""


@dataclass(frozen=True, slots=True)
class DeliveriesChanged:
    """Something is to be told of this job, or was."""

    job: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """Something was written down in the audit."""


@dataclass(frozen=True, slots=True)
class LookAsked:
    """Whoever executes this run should look where its code is."""

    run: int


@dataclass(frozen=True, slots=True)
class LookTold:
    """What was seen in this run is written down."""

    run: int


@dataclass(frozen=True, slots=True)
class NodesChanged:
    """A node came, went, or is emptied."""


@dataclass(frozen=True, slots=True)
class Resync:
    """Events may have been lost: whoever keeps something looks again."""


Event = (
    JobChanged
    | RunChanged
    | LogAppended
    | CancelRequested
    | TasksLoaded
    | LimitsChanged
    | DrainChanged
    | SchedulerChanged
    | ViewsChanged
    | SessionsChanged
    | SecretsChanged
    | TokensChanged
    | Audited
    | PeopleChanged
    | AlertsChanged
    | DeliveriesChanged
    | NodesChanged
    | LookAsked
    | LookTold
    | Resync
)
KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        *(JobChanged, RunChanged, LogAppended, CancelRequested),
        *(TasksLoaded, LimitsChanged, DrainChanged, SchedulerChanged),
        ViewsChanged,
        SessionsChanged,
        SecretsChanged,
        TokensChanged,
        Audited,
        PeopleChanged,
        AlertsChanged,
        DeliveriesChanged,
        NodesChanged,
        LookAsked,
        LookTold,
        Resync,
    )
}


def to_json(event: Event) -> str:
    """One event as a compact line, small enough for a NOTIFY payload."""
    return json.dumps([type(event).__name__, asdict(event)], separators=(",", ":"))


def from_json(text: str) -> Event | None:
    """The reverse of `to_json`. What only a newer version tells is left out: fields, and None for a whole event. Raises
    `ValueError` or `TypeError` where it cannot be understood."""
    match json.loads(text):
        case [str(name), dict(fields)]:
            kind = KINDS.get(name)
            return kind(**{field: fields[field] for field in kind.__slots__ if field in fields}) if kind else None
    raise ValueError(text)
