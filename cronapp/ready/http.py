"""Asks a server by HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from time import perf_counter
from typing import Annotated, Any, Literal

import httpx
from pydantic import AfterValidator, Field, SecretStr

from cronapp import task
from cronapp.core.ready import lent
from cronapp.outward import PrivateAddress, asked

MOST = 2_000_000  # bytes of an answer
SHOWN = 20_000  # letters of it that are in the log and in the result
STANDARD = {"Accept-Encoding": "identity", "User-Agent": "Cron-App"}
PLACE = re.compile(r"\$\{(\w+)\}")
STATUSES = re.compile(r"[1-5]\d\d(\s*-\s*[1-5]\d\d)?")
MISSING = object()


class AnswerWrong(Exception):
    """There is no answer, or it is not as it was expected."""


def _url(text: str) -> str:
    if not re.match(r"https?://[^/\s]", text):
        raise ValueError("Write an address that begins with http:// or https://.")
    return text


def _statuses(text: str) -> str:
    if not all(STATUSES.fullmatch(part.strip()) for part in text.split(",")):
        raise ValueError("Write statuses and ranges of them, as 200-299, 404.")
    return text


@task
async def http(
    url: Annotated[str, AfterValidator(_url)],
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET",
    headers: dict[str, str] = {},
    body: Annotated[str, Field(json_schema_extra={"format": "multiline"})] = "",
    secrets: dict[str, SecretStr] = {},
    status: Annotated[str, AfterValidator(_statuses)] = "200-299",
    contains: str = "",
    values: dict[str, Any] = {},
    limit: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=30),
) -> dict[str, Any]:
    """Ask a server by HTTP, and fail if its answer is not as expected.

    `${NAME}` in the address, in a header or in the body stands for a secret of that name. Redirects are answers like
    others, and are not followed. Addresses of this machine and of private networks are refused, unless
    `CRONAPP_ALLOW_PRIVATE_HOOKS` is set.

    Args:
        url: Where to ask, as https://shop.example/health.
        method: What is asked for; GET only looks.
        headers: Sent along, as Authorization with Bearer ${TOKEN}.
        body: Sent as it is. What looks like JSON goes as application/json, unless a header says otherwise.
        secrets: Kept encrypted, and masked in what is shown of the answer.
        status: Statuses that are expected, as 200-299, 404.
        contains: A text that the answer must have in it.
        values: What an answer in JSON must say, by its place: data.0.state with "ready".
        limit: How long the whole of it may take.
    """
    hidden = {name: value.get_secret_value() for name, value in secrets.items()}
    # Not compressed: of what a small piece may become no limit would know in time.
    sent = {**STANDARD, **{name: _filled(value, hidden) for name, value in headers.items()}}
    if body and _is_json(body) and "content-type" not in {name.lower() for name in sent}:
        sent["Content-Type"] = "application/json"
    begun = perf_counter()
    answer, text = await _ask(method, _filled(url, hidden), sent, _filled(body, hidden), limit.total_seconds())
    seconds = round(perf_counter() - begun, 3)
    print(f"{method} {url}\n{answer.status_code} {answer.reason_phrase} after {seconds} s")
    print(text[:SHOWN] + (f"\n… {len(text) - SHOWN:,} letters more" if len(text) > SHOWN else ""))
    _check(answer.status_code, text, status, contains, values)
    return {"status": answer.status_code, "seconds": seconds, "answer": _shown(text)}


async def _ask(
    method: str, url: str, headers: Mapping[str, str], body: str, seconds: float
) -> tuple[httpx.Response, str]:
    known = lent()
    private = known is not None and known.private_hooks
    try:
        request = httpx.Request(method, url, headers=headers, content=body.encode() or None)
        async with asyncio.timeout(seconds), asked(request, private=private, seconds=seconds) as answer:
            return answer, await _read(answer)
    except PrivateAddress as error:
        raise AnswerWrong(str(error)) from None
    except (TimeoutError, httpx.TimeoutException):
        raise AnswerWrong(f"There was no whole answer within {seconds:g} s.") from None
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        raise AnswerWrong(f"The server cannot be asked: {str(error) or type(error).__name__}.") from None


async def _read(answer: httpx.Response) -> str:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MOST:
            raise AnswerWrong(f"The answer is longer than {MOST // 1_000_000} MB.")
    return content.decode(answer.charset_encoding or "utf-8", errors="replace")


def _filled(text: str, hidden: Mapping[str, str]) -> str:
    return PLACE.sub(lambda found: hidden.get(found[1], found[0]), text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _check(status: int, text: str, expected: str, contains: str, values: Mapping[str, Any]) -> None:
    if not any(_within(status, part) for part in expected.split(",")):
        words = HTTPStatus(status).phrase if status in set(HTTPStatus) else "an unknown status"
        raise AnswerWrong(f"The answer is {status} ({words}), and {expected.strip()} was expected.")
    if contains not in text:
        raise AnswerWrong(f"The answer has no {contains!r} in it.")
    if values:
        try:
            told = json.loads(text)
        except ValueError:
            raise AnswerWrong("The answer is no JSON, so it has no values.") from None
        for place, value in values.items():
            if (found := _at(told, place)) != value:
                what = "nothing" if found is MISSING else json.dumps(found, ensure_ascii=False)[:200]
                raise AnswerWrong(f"At {place} the answer says {what}, and {json.dumps(value)} was expected.")


def _within(status: int, part: str) -> bool:
    first, _, last = part.partition("-")
    return int(first) <= status <= int(last or first)


def _at(told: Any, place: str) -> Any:
    """`data.0.state` is the state of the first of the data."""
    for name in place.split("."):
        if isinstance(told, dict) and name in told:
            told = told[name]
        elif isinstance(told, list) and name.isdigit() and int(name) < len(told):
            told = told[int(name)]
        else:
            return MISSING
    return told


def _shown(text: str) -> Any:
    """What the result holds of the answer: JSON as such, all else as a text."""
    if len(text) > SHOWN:
        return text[:SHOWN]
    try:
        return json.loads(text)
    except ValueError:
        return text
