"""The secrets of a run: looked up when it asks for them, and masked in how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cronapp.core.errors import SecretNotFound, SecretUnreadable
from cronapp.core.models import Outcome, RunError
from cronapp.core.traces import Frame, Problem
from cronapp.core.vault import Vault
from cronapp.engine.runlog import Cover
from cronapp.service.secrets import about


@dataclass(frozen=True, slots=True)
class Lookup:
    """Gives a run the secrets that it asks for, by their names. What it was given is masked from then on."""

    vault: Vault
    tokens: Mapping[str, str]  # the stored ones, encrypted, by their names
    variable: Callable[[str], str | None]
    cover: Cover

    def __call__(self, name: str) -> str:
        """A stored secret, or else a variable of the environment. For the task's own code, which can read that too."""
        value = self.variable(name) if name not in self.tokens else None
        if value is None:
            return self.stored(name)
        self.cover.add([value])
        return value

    def stored(self, name: str) -> str:
        """A stored secret; for arguments, which may be given by who must not read the environment. Raises
        `SecretNotFound` or `SecretUnreadable`."""
        token = self.tokens.get(name)
        if token is None:
            raise SecretNotFound(f'There is no stored secret "{name}". It may have been removed; add it in Settings.')
        try:
            value = self.vault.open(token, about(name))
        except SecretUnreadable as error:
            raise SecretUnreadable(f'The stored secret "{name}" cannot be read. {error}') from None
        self.cover.add([value])
        return value


def hidden(outcome: Outcome, cover: Cover) -> Outcome:
    """The outcome, with the run's secrets masked in it."""
    if not cover:
        return outcome
    return replace(
        outcome,
        reason=outcome.reason and cover(outcome.reason),
        result=cover.json(outcome.result),
        error=outcome.error and _error(outcome.error, cover),
    )


def _error(error: RunError, cover: Cover) -> RunError:
    problems = tuple(_problem(problem, cover) for problem in error.problems)
    return replace(error, message=cover(error.message), traceback=cover(error.traceback), problems=problems)


def _problem(problem: Problem, cover: Cover) -> Problem:
    frames = tuple(_frame(frame, cover) for frame in problem.frames)
    return replace(problem, message=cover(problem.message), frames=frames)


def _frame(frame: Frame, cover: Cover) -> Frame:
    return replace(frame, source=tuple(map(cover, frame.source)))
