"""A secret argument that found its way into an exception is not shown with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cronapp.core.models import Json, Outcome
from cronapp.core.registry import Task
from cronapp.core.signature import MASK
from cronapp.core.traces import Frame, Problem

SHORTEST = 4  # letters; a shorter secret would also hide what has nothing to do with it


def hidden(outcome: Outcome, task: Task, args: Json) -> Outcome:
    """The outcome, with the values of secret arguments masked in its error."""
    shown = task.signature.masked(args)
    secrets = {text for name, value in args.items() if shown[name] == MASK for text in texts(value)}
    if outcome.error is None or not secrets:
        return outcome
    cover = Cover(sorted(secrets, key=len, reverse=True))
    error = outcome.error
    covered = replace(
        error,
        message=cover(error.message),
        traceback=cover(error.traceback),
        problems=tuple(map(cover.problem, error.problems)),
    )
    return replace(outcome, error=covered)


def texts(value: Any) -> Iterator[str]:
    """The texts in a JSON value that are long enough to be told from others."""
    match value:
        case str() if len(value) >= SHORTEST:
            yield value
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)


class Cover:
    def __init__(self, secrets: list[str]) -> None:
        self._secrets = secrets

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def problem(self, problem: Problem) -> Problem:
        return replace(problem, message=self(problem.message), frames=tuple(map(self.frame, problem.frames)))

    def frame(self, frame: Frame) -> Frame:
        return replace(frame, source=tuple(map(self, frame.source)))
