"""What a server may answer instead: its problem details, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from cronapp.core.errors import CronAppError


class ClientError(CronAppError):
    """The server was asked, and this went wrong."""


class NotReached(ClientError):
    """The server cannot be reached. Is it running, and is its address right?"""

    status = 503


class ApiError(ClientError):
    """The server answered that it will not: `status`, `title`, `detail`, and `errors` by field."""

    def __init__(self, status: int, title: str, detail: str, errors: Mapping[str, str] | None = None) -> None:
        self.errors = dict(errors or {})
        super().__init__(" ".join(f"{name}: {text}" for name, text in self.errors.items()) or detail or title)
        self.status = status
        self.problem = title
        self.detail = detail

    @property
    def title(self) -> str:
        """What kind of problem it is, in a few words."""
        return self.problem


class Unauthorized(ApiError):
    """401: there is no token, or it is not good (any more)."""


class Forbidden(ApiError):
    """403: the token's role may not do that."""


class NotFound(ApiError):
    """404: there is no such thing, or it is not among what the token may see."""


class Conflict(ApiError):
    """409: it does not go together with how things are."""


class VersionConflict(ApiError):
    """412: somebody else changed the job since that version."""


class Invalid(ApiError):
    """422: fields are wrong; `errors` has a sentence for each."""


class TooManyRequests(ApiError):
    """429: too many calls came at once, for longer than a client waits."""


class Unavailable(ApiError):
    """503: the server cannot do that at present."""


KINDS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: VersionConflict,
    422: Invalid,
    429: TooManyRequests,
    503: Unavailable,
}


def refusal(reply: httpx.Response) -> ClientError:
    """What an answer says that is an error."""
    try:
        told: Any = reply.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or "status" not in told:
        return NotReached(
            f"{reply.url} answers {reply.status_code}, but not as Cron-App does. Is the server's address right?"
        )
    kind = KINDS.get(reply.status_code, ApiError)
    return kind(reply.status_code, str(told.get("title", "")), str(told.get("detail", "")), told.get("errors"))
