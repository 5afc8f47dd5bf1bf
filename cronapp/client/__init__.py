"""A server's API from Python: `Client` waits for each answer, `AsyncClient` is awaited; both have the same calls.

    with Client("http://127.0.0.1:5000", token) as cron:
        run = cron.run_job("nightly-report", {"day": "2026-01-31"})
        for line in cron.follow(run.id):
            print(line.text)

Without an address and a token they take `$CRONAPP_URL` and `$CRONAPP_TOKEN`. Answers are models of `cronapp.wire`.
"""

from __future__ import annotations

from cronapp.client.alerts import AlertCalls
from cronapp.client.carrying import Awaiting, Blocking
from cronapp.client.errors import (
    ApiError,
    ClientError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotReached,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    VersionConflict,
)
from cronapp.client.events import Event
from cronapp.client.house import ServerCalls
from cronapp.client.jobs import JobCalls
from cronapp.client.people import PeopleCalls
from cronapp.client.runs import RunCalls


class Calls(JobCalls, RunCalls, AlertCalls, ServerCalls, PeopleCalls):
    """Every call of the API."""


class Client(Calls, Blocking):
    """One server; each call waits for its answer, and lists are gone through with `for`."""


class AsyncClient(Calls, Awaiting):
    """One server; each call is awaited, and lists are gone through with `async for`."""


__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Conflict",
    "Event",
    "Forbidden",
    "Invalid",
    "NotFound",
    "NotReached",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "VersionConflict",
]
