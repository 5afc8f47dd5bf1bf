"""What a request asks for: its body, its page of a list, its moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from quart import request

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.plain_json import read_object
from cronapp.core.spec import FAR, YEARS
from cronapp.core.spec.shapes import Moment
from cronapp.core.until import HOW, parse_until
from cronapp.core.validation import explain
from cronapp.core.zones import zone
from cronapp.store.idempotency import Once
from cronapp.web.addresses import whole
from cronapp.web.auth import who
from cronapp.web.described.part import Param
from cronapp.web.site import parts

MOST = 500  # items in one answer
_moment: TypeAdapter[datetime] = TypeAdapter(Moment)

LIMIT = Param("limit", "How many are told at most.", Annotated[int, Field(ge=1, le=MOST, default=50)])
AFTER_NAME = Param("cursor", "`next` of the page before this one.")
CURSOR = Param("cursor", "`next` of the page before this one.", Annotated[int, Field(ge=0, lt=2**63)])
OR_NONE = datetime | Literal[""]
SINCE = Param("since", "Not before this moment; without an offset it is UTC.", OR_NONE)
UNTIL = Param("until", "Not after this moment.", OR_NONE)
IF_MATCH = Param("If-Match", "The `ETag` of the version that is meant, lest another edit be lost.", place="header")
DRY_RUN = Param("dry_run", "`1`: nothing is changed; the answer tells what would become of it.")
ONCE = Param(
    "Idempotency-Key",
    "The same request sent again with the same key within a day makes nothing new, and is answered the same.",
    Annotated[str, Field(max_length=200)],
    place="header",
)


async def body(*, needed: bool = True) -> Json:
    """The JSON object that was sent; an empty one where nothing is needed and nothing was sent."""
    raw = await sent()
    if not raw and not needed:
        return {}
    return read_object(raw)


async def only(taken: type[BaseModel]) -> Json:
    """The JSON object that was sent, if it has no other fields than these."""
    data, names = await body(), fields_of(taken)
    if unknown := sorted(data.keys() - set(names)):
        raise InvalidInput({name: f"There is no such field. There are {', '.join(names)}." for name in unknown})
    return data


def fields_of(taken: type[BaseModel]) -> list[str]:
    """As they are called in JSON."""
    return [str(field.validation_alias or name) for name, field in taken.model_fields.items()]


async def sent() -> bytes:
    data = await request.get_data(as_text=False)
    assert isinstance(data, bytes)
    return data


def limit() -> int:
    """How many items are wanted: 50, or `limit` up to 500."""
    wanted = whole(request.args.get("limit", "50"))
    if wanted is None or wanted > MOST:
        raise InvalidInput.of("limit", f"Write a whole number from 1 to {MOST}.")
    return wanted


def number(name: str) -> int | None:
    """A whole number of the query, if it is there."""
    text = request.args.get(name)
    if text is None or text == "0":
        return None
    value = whole(text)
    if value is None:
        raise InvalidInput.of(name, "Write a whole number.")
    return value


def cursor_text() -> str | None:
    """The cursor of a list that goes on after a name."""
    return request.args.get("cursor") or None


def moment(name: str) -> datetime | None:
    """A moment of the query, if it is there; without an offset it is UTC."""
    text = request.args.get(name)
    return parse_moment(text, name) if text else None


def parse_moment(value: Any, name: str) -> datetime:
    try:
        at = _moment.validate_python(value)
    except ValidationError as error:
        raise InvalidInput(explain(error, name)) from None
    if at.year not in YEARS:
        raise InvalidInput.of(name, FAR)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def reason_of(sent: Json) -> str | None:
    """Why something is paused."""
    reason = sent.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise InvalidInput.of("reason", "The reason must be a text.")
    return reason


def flag_of(sent: Json, name: str) -> bool:
    """Whether something is wanted that is not, where nothing is said of it."""
    wanted = sent.get(name, False)
    if not isinstance(wanted, bool):
        raise InvalidInput.of(name, "Write true or false.")
    return wanted


def text_of(sent: Json, name: str) -> str | None:
    """A text that may be left out."""
    text = sent.get(name)
    if text is not None and not isinstance(text, str):
        raise InvalidInput.of(name, "This must be a text.")
    return text


def until_of(sent: Json, now: datetime) -> datetime | None:
    """When a pause ends: a moment, or for how long, as `2h`. Without an offset a moment is UTC."""
    until = sent.get("until")
    if until is None:
        return None
    if not isinstance(until, str):
        raise InvalidInput.of("until", f"The end must be a text. {HOW}")
    try:
        return parse_until(until, now, zone("UTC"))
    except ValueError as error:
        raise InvalidInput.of("until", str(error)) from None


async def once() -> Once | None:
    """The client's `Idempotency-Key`, with a fingerprint of its request."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        return None
    if len(key) > 200:
        raise InvalidInput.of("Idempotency-Key", "A key has at most 200 characters.")
    request_sent = f"{request.method} {request.path}\n".encode() + await sent()
    return Once(f"{who()}\n{key}", parts().tasks.vault.fingerprint(request_sent))  # of each client its own


def expected_version() -> int | None:
    """The version that `If-Match` names; None: any."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    return whole(header.strip().removeprefix("W/").strip('"')) or -1  # -1: no version, so it cannot match
