"""The event stream: read, and made anew where it is lost."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from cronapp import wire
from cronapp.client.errors import ClientError, NotReached, TooManyRequests, Unavailable, refusal
from cronapp.client.steps import Ask, Flow, Give, Hear, Listen, Opened, Wait
from cronapp.wire.events import EVENTS, Told

SOON, LATER, SLOWER = 0.2, 5.0, 1.6
"""Seconds until a stream that was lost is asked for anew: at first, at most, and by how much they grow."""
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `kind` is `job`, `job_removed`, `run`, `line`, `reset` or `ready`, which the model of its `data`
    tells too; who keeps the `place` of the last one goes on there another time."""

    kind: str
    data: Told
    place: str


def told(
    topics: str | Sequence[str], place: str | None, *, follow: bool = True, patience: float = PATIENCE
) -> Flow[Event]:
    """Events, over as many connections as it takes."""
    named = topics if isinstance(topics, str) else ",".join(topics)
    known, ready, pause, waited = False, False, SOON, 0.0
    while True:
        answer: Opened | NotReached = yield Listen(asked(named, place, follow=follow))
        if isinstance(answer, Opened) and answer.reply.is_success:
            known, messages = True, Messages()
            while (data := (yield Hear(answer.rest))) is not None:
                pause, waited = SOON, 0.0
                for message in messages.read(data):
                    place = message.id or place
                    if message.event in EVENTS:
                        ready = ready or message.event == "ready"
                        yield Give(Event(message.event, read(message), message.id))
            if ready and not follow:
                return
            wait = pause
        else:
            wait = wait_after(answer, pause, known=known)
        if waited >= patience:
            raise lost(answer)
        yield Wait(wait)
        pause, waited = min(pause * SLOWER, LATER), waited + wait


def asked(topics: str, place: str | None, *, follow: bool) -> Ask[None]:
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": place} if place else {})}
    query = {"topics": topics, **({} if follow else {"follow": "0"})}
    return Ask("GET", "/events", lambda reply: None, query, headers=headers)


def wait_after(answer: Opened | NotReached, pause: float, *, known: bool) -> float:
    """After how many seconds it is worth trying again; raises what that would not help with. A server that was never
    there is not waited for."""
    error = lost(answer)
    if isinstance(error, TooManyRequests | Unavailable) and isinstance(answer, Opened):
        after = answer.reply.headers.get("Retry-After", "")
        return float(after) if after.isdigit() else pause
    if isinstance(error, NotReached) and known:
        return pause
    raise error


def lost(answer: Opened | NotReached) -> ClientError:
    if isinstance(answer, NotReached):
        return answer
    if answer.reply.is_success:
        return NotReached(f"{answer.reply.url} ends its stream as soon as it begins.")
    return refusal(answer.reply)


def read(message: Message) -> Told:
    try:
        return EVENTS[message.event].model_validate_json(message.data)
    except ValidationError as error:
        raise NotReached(f"An event is otherwise than this client understands: {error}") from error


def followed(run: int, after: int, seen: Callable[[wire.Run], None] | None) -> Flow[wire.LogLine]:
    """The lines of a run, until its end, which comes after the last of them."""
    events = told(f"run:{run}@{after}" if after else f"run:{run}", None)
    answer = None
    while True:
        step = events.send(answer)
        if not isinstance(step, Give):
            answer = yield step
            continue
        answer = None
        match step.item.data:
            case wire.RunLine() as line:
                yield Give(line.line)
            case wire.Run() as now:
                if seen:
                    seen(now)
                if now.state.ended:
                    return


# -- server-sent events -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Message:
    event: str = ""
    data: str = ""
    id: str = ""


class Messages:
    """Takes bytes as they come apart into messages. What has no data only brings the place forward."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._message = Message()

    def read(self, data: bytes) -> Iterator[Message]:
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            if line.rstrip("\r"):
                self._take(line.rstrip("\r"))
            else:
                message, self._message = self._message, Message()
                yield message

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._message.event = value
            case "data":
                self._message.data += f"\n{value}" if self._message.data else value
            case "id":
                self._message.id = value
