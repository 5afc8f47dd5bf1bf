"""Where messages go: a name for an address, and how much it may be told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.spec.shapes import CHANNEL, NotifyUrl, Seconds, Whole
from cronapp.core.validation import explain
from cronapp.core.zones import resolve, zone

USUAL_MOST = 20  # messages an hour
SINGLE = 5  # that wait at once and are told one by one; more are told as one
AGAIN = timedelta(minutes=15)  # until it is looked again, where an end is not clear
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
RESERVED = re.compile(r"settings-[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours of the day, in a zone, in which nothing is sent."""

    start: str
    end: str
    timezone: str

    def over(self, now: datetime) -> datetime | None:
        """When the quiet hours end that hold now; None: none do."""
        where = zone(self.timezone)
        local = now.astimezone(where)
        start, end = (time.fromisoformat(text) for text in (self.start, self.end))
        clock = local.time().replace(tzinfo=None)
        inside = start <= clock < end if start < end else clock >= start or clock < end
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if start >= end and clock >= start else 0)
        over = resolve(datetime.combine(day, end), where)
        return over if over and over > now else now.astimezone(UTC) + AGAIN  # the clocks were set back

    def words(self) -> str:
        return f"{self.start} to {self.end}, {self.timezone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A named address. Of the address only what may be shown is here."""

    name: str
    kind: Literal["apprise", "hook"]
    shown: str
    quiet: Quiet | None = None
    digest: float = 0  # seconds in which what comes is gathered into one message
    most: int = USUAL_MOST  # messages an hour; what is beyond is told as one later
    place: int | None = None  # of its address in the setting NOTIFY; None: people made it
    at: datetime
    by: str

    @property
    def groups(self) -> bool:
        """Whether several things are told in one message. A program wants each for itself."""
        return self.kind == "apprise"


class QuietInput(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="until")]
    timezone: str = "UTC"


class ChannelInput(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["apprise", "hook"] = "apprise"
    url: NotifyUrl | None = None
    quiet: QuietInput | None = None
    digest: Annotated[Seconds, Field(le=86400)] = 0
    most: Annotated[Whole, Field(ge=1, le=1000)] = USUAL_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGiven:
    """A channel as it is to be stored. `url` is None where the old one stays."""

    kind: Literal["apprise", "hook"]
    url: str | None
    quiet: Quiet | None
    digest: float
    most: int


def parse_channel(name: str, data: Mapping[str, Any], *, new: bool) -> ChannelGiven:
    """Checks what is said of a channel; raises `InvalidInput` with every wrong field. An edit may leave the address
    out."""
    errors: dict[str, str] = {}
    if not re.fullmatch(CHANNEL, name):
        errors["name"] = "Use 1 to 100 letters, digits, dots, hyphens and underscores, as in ops-mail."
    elif RESERVED.fullmatch(name):
        errors["name"] = "Such names are those of the setting NOTIFY. Choose another one."
    try:
        given = ChannelInput.model_validate(data)
    except ValidationError as error:
        raise InvalidInput({**errors, **explain(error, value=data, fields=ChannelInput.model_fields)}) from None
    if given.url is None and new:
        errors["url"] = "Write the address that this channel is for."
    if given.kind == "hook":
        if given.url is not None and not given.url.lower().startswith(("https://", "http://")):
            errors["url"] = "A web hook is called at an address of the web, such as https://example.org/hooks/cron."
        if given.quiet or given.digest:
            errors["quiet" if given.quiet else "digest"] = (
                "A web hook gets each thing at once: programs need no quiet hours and no digest. Leave this out."
            )
    quiet = quiet_of(given.quiet, errors) if given.quiet else None
    if errors:
        raise InvalidInput(errors)
    return ChannelGiven(kind=given.kind, url=given.url, quiet=quiet, digest=given.digest, most=given.most)


def quiet_of(given: QuietInput, errors: dict[str, str]) -> Quiet | None:
    for name, text in (("from", given.start), ("until", given.end)):
        if not CLOCK.fullmatch(text):
            errors[f"quiet.{name}"] = "Write a time of day, such as 22:00."
    if given.start == given.end and not errors:
        errors["quiet.until"] = "Quiet hours end at another time than they begin."
    try:
        where = zone(given.timezone)
    except InvalidInput as error:
        errors["quiet.timezone"] = error.errors["timezone"]
        return None
    return Quiet(start=given.start, end=given.end, timezone=where.key)


def quiet_json(quiet: Quiet | None) -> Json | None:
    return {"from": quiet.start, "until": quiet.end, "timezone": quiet.timezone} if quiet else None
