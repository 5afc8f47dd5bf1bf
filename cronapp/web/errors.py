"""Errors as replies: problem details for programs, a toast within a page, else a page."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any

from quart import Response, g, request
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cronapp.core.errors import CronAppError, InvalidInput, NotFound, NotSignedIn
from cronapp.web.render import page, toast

log = logging.getLogger(__name__)


async def told(error: CronAppError) -> ResponseReturnValue:
    """An error of ours."""
    return reply(error.status, error.title, str(error), error)


async def told_http(error: HTTPException) -> ResponseReturnValue:
    """An error of the web framework: an unknown address, a wrong method, a body that is too large."""
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code == 404:
        return await told(NotFound())
    html, status, headers = reply(error.code, error.name, error.description or error.name)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return html, status, headers


async def told_unexpected(error: Exception) -> ResponseReturnValue:
    """A fault of ours: the log has the details under the number that the user sees."""
    number = secrets.token_hex(4)
    log.error("fault %s at %s %s", number, request.method, request.path, exc_info=error)
    return reply(500, "Something went wrong", f"The server's log has the details under {number}.")


def reply(
    status: int, title: str, detail: str, error: CronAppError | None = None
) -> tuple[Response | str, int, dict[str, str]]:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if request.path.startswith("/api/"):
        return problem(status, title, detail, error), status, headers
    if "HX-Request" in request.headers:
        if isinstance(error, NotSignedIn):
            headers["HX-Redirect"] = "/login"
        return str(toast(detail, tone="bad")), status, headers
    signed_in = g.get("signed_in", False)
    html = page(
        "error",
        page="",
        stream=None,
        signed_in=signed_in,
        job_count=None,
        status=status,
        title=title,
        detail=detail,
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
