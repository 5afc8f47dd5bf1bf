"""The three ways in which something is told: by Apprise, by a signed web hook, by a ping."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime

from cronapp.core.addressing import secrets_in, without
from cronapp.core.alert_texts import Message, first_line
from cronapp.core.models import Json
from cronapp.core.outward import refusal
from cronapp.notify.guard import Refused, guarded
from cronapp.notify.post import Answer, NotSent, call
from cronapp.service.addresses import about, service_for

LIMIT = 30.0  # seconds for a message of Apprise
MAIL = re.compile(r"\((?P<code>[45]\d\d), b(?P<quote>['\"])(?P<words>.*?)(?P=quote)[,)]")
ANSWERED = len("The server answered ")
SIGNATURE, EVENT, ID = "X-Cronapp-Signature", "X-Cronapp-Event", "X-Cronapp-Delivery"


class Carriers:
    """`private`: whether addresses of private networks may be called."""

    def __init__(self, *, private: bool, threads: int = 8) -> None:
        self.private = private
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cronapp-notify")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def apprise(self, url: str, message: Message) -> None:
        """Raises `Refused` or `NotSent`, whose words have nothing of the address in them that is secret."""
        work = copy_context().run
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LIMIT + 5):
                await loop.run_in_executor(self._threads, work, self._apprise, url, message)
        except TimeoutError:
            raise NotSent(f"It was not sent within {LIMIT:g} seconds.") from None

    def _apprise(self, url: str, message: Message) -> None:
        with guarded(private=self.private) as guard, about(url) as causes:
            sender = service_for(url)
            if sender is None:
                raise Refused("Apprise does not know such an address.")
            result = sender.notify(
                title=message.title, body=message.body, notify_type=message.mood, body_format="text", timeout=LIMIT
            )
            said = [entry.message for entry in result.logs()]
        if guard.refused:
            raise Refused(refusal(guard.refused[0]))
        if not result:
            answers = [answer for cause in causes for answer in mail_answers(cause)]
            lines = [*said[:3], *(answers or causes[:1])]
            told = without(" ".join(map(sentence, lines)) or "Apprise could not send it.", secrets_in(url))
            raise Refused(told) if any(answer[ANSWERED] == "5" for answer in answers) else NotSent(told)

    async def hook(self, url: str, secret: str, delivery: int, event: str, data: Json, now: datetime) -> None:
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(secret, body, now),
            EVENT: event,
            ID: str(delivery),
        }
        taken(await self._call("POST", url, body=body, headers=headers))

    async def ping(self, url: str) -> None:
        taken(await self._call("GET", url))

    async def _call(self, method: str, url: str, *, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        try:
            return await call(method, url, private=self.private, body=body, headers=headers)
        except NotSent as error:
            raise NotSent(without(str(error), secrets_in(url))) from None


def mail_answers(cause: str) -> list[str]:
    """What a mail server answered, as `smtplib` tells it: `(550, b'5.1.1 No such user')`. One that begins with 5 is for
    good: to try it again would bother the server, and tell those twice who got it."""
    found = MAIL.finditer(cause)
    return [f"The server answered {one['code']} {one['words']}".replace("\\n", " ") for one in found]


def sentence(text: str) -> str:
    line = first_line(text)
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."


def signature(secret: str, body: bytes, now: datetime) -> str:
    """`t=1772409600,v1=…`: over the moment, a dot and the body, so that an old one is not taken for a new one."""
    moment = int(now.timestamp())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def taken(answer: Answer) -> None:
    """Raises `NotSent` unless who was called says that all is well."""
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise Refused(
            f"It answered {answer.status}, which leads elsewhere. That is not followed: write the last address."
        )
    if answer.status == 410:
        raise Refused("It answered 410: this address is gone for good.")
    raise NotSent(f"It answered {answer.status}.")
