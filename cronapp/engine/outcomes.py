"""How a run ended, in the words that all three ways of executing share."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

from pydantic_core import to_jsonable_python

from cronapp.core.durations import duration_words
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Outcome, Run, RunError, RunState
from cronapp.engine.capture import ProcessExit
from cronapp.engine.frames import LOADED, message_of, problems_in, type_name
from cronapp.engine.reprs import short_repr
from cronapp.engine.runlog import RunLog, clean, size_in_words
from cronapp.engine.stacks import own_frame

MAX_RESULT = 2**20
MAX_MESSAGE = 10_000
MAX_TRACEBACK = 65536


DIED = "ProcessDied"
CANCELLED = type_name(asyncio.CancelledError)
REASONS = {
    type_name(SystemExit): "The task called sys.exit. It should return, or raise an exception if it failed.",
    type_name(
        ProcessExit
    ): "The task called os._exit, which would have ended the server. It should return, or raise an "
    'exception if it failed; with run_in="process" it may end its own process.',
    CANCELLED: "The task cancelled itself.",
}


WORDS = {RunState.CANCELLED: "was cancelled", RunState.LOST: "was lost", RunState.SKIPPED: "was skipped"}
MOST_TOLD = 300  # letters of why


def told(run: Run, outcome: Outcome, duration: float) -> str:
    """How a run ended, on one line, for the server's log."""
    error, state = outcome.error, outcome.state
    why = f"{error.type}: {error.message}" if error else outcome.reason or ""
    words = f"run #{run.id} of {run.job} {WORDS.get(state, state.replace('_', ' '))} after {duration_words(duration)}"
    return f"{words}: {first_line(why)}" if why else words


def first_line(text: str) -> str:
    line, *more = text.strip().split("\n", 1)
    return f"{line[:MOST_TOLD]} …" if more or len(line) > MOST_TOLD else line


def invalid_arguments(problem: InvalidInput) -> Outcome:
    error = RunError(type="InvalidArguments", message=str(problem), traceback="")
    return Outcome(state=RunState.FAILED, reason=f"The job's arguments do not fit its task: {problem}", error=error)


def failed(error: RunError) -> Outcome:
    return Outcome(state=RunState.FAILED, reason=REASONS.get(error.type), error=error)


def succeeded(result: Any, log: RunLog) -> Outcome:
    value, remark = jsonable(result)
    if remark:
        log.system(remark)
    return Outcome(state=RunState.SUCCEEDED, result=value)


def jsonable(result: Any) -> tuple[Any, str | None]:
    """The result as JSON can hold it; or its `repr`, and a sentence why."""
    if result is None:
        return None, None
    try:
        value = to_jsonable_python(result, inf_nan_mode="null")
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except Exception:  # whatever a user's serializer raises
        return clean(short_repr(result)), f"JSON cannot hold this {type(result).__name__}, so the result is its repr."
    if size > MAX_RESULT:
        taken, limit = size_in_words(size), size_in_words(MAX_RESULT)
        remark = f"As JSON the result takes {taken}, and the limit is {limit}: only the beginning of its repr is kept."
        return clean(short_repr(result)), remark
    return value, None


def run_error(problem: BaseException) -> RunError:
    """An exception as the run's page shows it. Never raises, whatever the exception's own methods do."""
    name = type_name(type(problem))
    message = message_of(problem)
    try:
        text = "".join(without_own_frames(traceback.TracebackException.from_exception(problem)).format())
    except BaseException:
        text = f"{name}: {message}\n"
    return RunError(
        type=name,
        message=clean(message[:MAX_MESSAGE]),
        traceback=clean(cut_in_the_middle(LOADED.sub("", text))),
        kinds=tuple(type_name(kind) for kind in type(problem).__mro__[:-1]),
        problems=problems_in(problem, name, message),
    )


def without_own_frames(problem: traceback.TracebackException) -> traceback.TracebackException:
    """The same exception, its causes and its group's members, with the user's frames only."""
    waiting, seen = [problem], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.stack[:] = [frame for frame in one.stack if not own_frame(frame.filename)]
        waiting += [linked for linked in (one.__cause__, one.__context__, *(one.exceptions or ())) if linked]
    return problem


def cut_in_the_middle(text: str, limit: int = MAX_TRACEBACK) -> str:
    """The beginning and the end, which say most."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 40
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"
