"""Errors as replies: problem details for programs, a toast within a page, else a page."""

from __future__ import annotations

import json
import logging
from typing import Any

from quart import Response, g, request
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cronapp.core.errors import CronAppError, InvalidInput, NotFound, NotSignedIn, StoreUnavailable
from cronapp.web.addresses import of_api
from cronapp.web.render import page, toast
from cronapp.web.shell import surroundings

log = logging.getLogger(__name__)

WORDS = {
    400: ("The request cannot be read", "Go back and try again. If it stays so, load the page anew."),
    405: (
        "Not done in this way",
        "This address can be looked at or written to, but not as it was asked. Go back and use the page’s own buttons.",
    ),
    408: ("That took too long", "The server waited for the rest of the request in vain. Try again."),
    413: (
        "Too large",
        "At most 2 MB can be sent at once. Make it shorter: large data belongs into a file that the task reads.",
    ),
    415: ("Not understood", "The server does not know this kind of content. Send a form, or JSON to the API."),
    431: (
        "Too much at once",
        "The browser sent more headers than the server reads. Delete the cookies of this site and sign in again.",
    ),
}
"""What the framework's errors mean here, and what to do. The API tells the framework's own words."""


async def told(error: CronAppError) -> ResponseReturnValue:
    """An error of ours."""
    detail = away(error) if isinstance(error, StoreUnavailable) else str(error)
    return reply(error.status, error.title, detail, error)


def away(error: StoreUnavailable) -> str:
    """Where the database is and what it answers is not for everybody; and who asks is not known while it is away."""
    return f"{error} What runs goes on; try again in a moment." if g.get("signed_in") else str(StoreUnavailable())


async def told_http(error: HTTPException) -> ResponseReturnValue:
    """An error of the web framework: an unknown address, a wrong method, a body that is too large."""
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code == 404:
        return await told(NotFound())
    words = (error.name, error.description or error.name)
    html, status, headers = reply(error.code, *(words if is_api() else WORDS.get(error.code, words)))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return html, status, headers


async def told_unexpected(error: Exception) -> ResponseReturnValue:
    """A fault of ours: the log has the details under the number that the user sees."""
    number = g.get("number", "")
    log.error("fault %s at %s %s", number, request.method, request.path, exc_info=error)
    detail = (
        f"This is a fault of Cron-App, not yours. The server's log has the details under {number}. What runs goes on."
    )
    return reply(500, "Something went wrong", detail)


async def told_plainly(error: CronAppError) -> ResponseReturnValue:
    """An error of ours, at a site that has no pages."""
    return f"{error}\n", error.status, {**headers_of(error.status, error), "Content-Type": "text/plain; charset=utf-8"}


def headers_of(status: int, error: CronAppError | None) -> dict[str, str]:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if error is not None and error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    return headers


def is_api() -> bool:
    return of_api(request.path)


def reply(
    status: int, title: str, detail: str, error: CronAppError | None = None
) -> tuple[Response | str, int, dict[str, str]]:
    headers = headers_of(status, error)
    if is_api():
        return problem(status, title, detail, error), status, headers
    if "HX-Request" in request.headers:
        if isinstance(error, NotSignedIn):
            headers["HX-Redirect"] = "/login"
        return str(toast(detail, tone="bad")), status, headers
    signed_in = g.get("signed_in", False)
    again = request.full_path.rstrip("?") if status >= 500 and request.method == "GET" else None
    html = page(
        "error",
        page="",
        stream=None,
        signed_in=signed_in,
        **surroundings(),
        status=status,
        title=title,
        detail=detail,
        again=again,
    )
    return html, status, headers


def problem(status: int, title: str, detail: str, error: CronAppError | None) -> Response:
    """Problem details as RFC 9457 has them."""
    from_error: dict[str, Any] = {"errors": error.errors} if isinstance(error, InvalidInput) else {}
    if from_error:
        detail = "Some fields need another look."
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **from_error}
    response = Response(json.dumps(body), content_type="application/problem+json")
    response.status_code = status
    return response
