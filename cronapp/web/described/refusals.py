"""What a call may be refused with: what follows from what it is, and what its handler names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cronapp.core.errors import (
    BadRequest,
    CronAppError,
    DeliveryNotFound,
    EditConflict,
    IdempotencyMismatch,
    InvalidInput,
    JobNotFound,
    NotAllowed,
    NoteNotFound,
    NotFound,
    NotSignedIn,
    RuleNotFound,
    RunNotFound,
    StoreUnavailable,
    TokenNotFound,
    TooManyCalls,
)
from cronapp.web.described.part import Call

NAMED: dict[str, type[CronAppError]] = {
    "job_id": JobNotFound,
    "run_id": RunNotFound,
    "note_id": NoteNotFound,
    "token_id": TokenNotFound,
    "rule_id": RuleNotFound,
    "delivery_id": DeliveryNotFound,
}
"""What is told where there is nothing of the name in an address."""
HEADED: dict[str, type[CronAppError]] = {"If-Match": EditConflict, "Idempotency-Key": IdempotencyMismatch}
HEADERS = {401: "WWW-Authenticate", 429: "Retry-After"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    title: str
    detail: str

    @classmethod
    def of(cls, error: type[CronAppError]) -> Refusal:
        bare = error.__new__(error)  # its words are its class's
        return cls(error.status, bare.title, str(bare))


LATE = Refusal(408, "Request Timeout", "The server waited for the rest of the request in vain. Try again.")
LARGE = Refusal(413, "Request Entity Too Large", "The data value transmitted exceeds the capacity limit.")
FAULT = Refusal(
    500, "Something went wrong", "This is a fault of Cron-App, not yours. The server's log has the details."
)


def refusals(call: Call, named: Iterable[str], *, known: bool) -> Iterator[Refusal]:
    """`named` are the parts of the address; `known`: only who is known may ask."""
    yield from (Refusal.of(BadRequest), FAULT)
    if known:
        yield from map(Refusal.of, (NotSignedIn, NotAllowed, TooManyCalls, StoreUnavailable))
    found = [NAMED[name] for name in named if name in NAMED]
    yield from map(Refusal.of, found or ([NotFound] if "backfill_id" in named else []))
    about = call.about
    if "takes" in about:
        yield from (LATE, LARGE)
    if "takes" in about or about.get("params"):
        yield Refusal.of(InvalidInput)
    yield from (Refusal.of(HEADED[one.name]) for one in about.get("params", ()) if one.name in HEADED)
    yield from map(Refusal.of, about.get("refuses", ()))
