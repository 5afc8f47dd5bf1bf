"""What `@task(…)` can say: each option is read at once, and refused with its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic_core import PydanticSerializationError, to_jsonable_python

from cronapp.core.durations import parse_duration
from cronapp.core.errors import InvalidInput
from cronapp.core.models import After, Backoff, Json, Misfire, Overlap, Retry, Schedule, Unclocked
from cronapp.core.registry.modules import LOADED_AS
from cronapp.core.spec import notify_of, parse_fields, rule_to_json
from cronapp.core.validation import suggestion

RunIn = Literal["loop", "thread", "process"]
ATTRIBUTE = "__cronapp__"
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What `@task(…)` said. None: nothing, so the default of jobs applies."""

    name: str | None = None
    schedule: tuple[Schedule, ...] = ()  # none: the code declares no job
    timezone: str | None = None
    args: Json = field(default_factory=dict)
    timeout: float | None = None
    retry: Retry | None = None
    run_in: RunIn | None = None
    queue: str | None = None
    overlap: Overlap | None = None
    rules: Json = field(default_factory=dict)  # further fields of the declared job
    tags: tuple[str, ...] = ()
    job_id: str | None = None
    description: str | None = None
    zoned: tuple[bool, ...] = ()  # for each schedule: whether the code named its zone
    module: str = ""  # where the decorator was written

    def schedules(self, timezone: str) -> tuple[Schedule, ...]:
        """The declared schedules; `timezone` is for those to which the code gave none."""
        return tuple(
            schedule if named or isinstance(schedule, Unclocked) else replace(schedule, timezone=timezone)
            for schedule, named in zip(self.schedule, self.zoned, strict=True)
        )


def place_of(function: Callable[..., Any], run_in: RunIn | None) -> RunIn:
    """Where the function runs: as asked, if it can run there."""
    runs_on_loop = inspect.iscoroutinefunction(function)
    if run_in == "loop" and not runs_on_loop:
        raise ValueError('run_in="loop" needs an async def: a plain def would block the event loop.')
    if run_in == "thread" and runs_on_loop:
        raise ValueError('An async def runs on the loop or, with run_in="process", in a process; not in a thread.')
    return run_in or ("loop" if runs_on_loop else "thread")


def timeout_of(given: float | str | timedelta | None) -> float | None:
    if given is None:
        return None
    value = given.total_seconds() if isinstance(given, timedelta) else given
    in_words("timeout", parse_duration, value)
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("timeout: it must be more than 0 seconds.")
    return seconds


def rules_of(**given: Any) -> Json:
    """Further fields of the declared job, as JSON."""
    fields = {name: as_json(value) for name, value in given.items() if value is not None and value != ()}
    try:
        read = parse_fields(fields)
    except InvalidInput as error:
        raise ValueError(str(error)) from None
    if "notify" in fields:
        fields["notify"] = [rule_to_json(rule) for rule in notify_of(read.notify)]
    return fields


def as_json(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
        case Misfire() | After():
            return asdict(value)
    return value


def condition_of(given: Callable[..., Any] | str | None) -> str | None:
    """The name of the task that decides; it may be given as its function."""
    if not callable(given):
        return named("condition", given)
    options = getattr(given, ATTRIBUTE, None)
    return (options and options.name) or given.__name__


ExceptionLike = str | type[BaseException]


def names_of(given: ExceptionLike | Sequence[ExceptionLike]) -> tuple[str, ...]:
    """Exceptions by their names, as `Retry.on` has them; a class stands for itself and what is derived from it."""
    each = (given,) if isinstance(given, str | type) else tuple(given)
    return tuple(one if isinstance(one, str) else exception_name(one) for one in each)


def exception_name(kind: type[BaseException]) -> str:
    """`ValueError`, or with its module: `shop.errors.Busy`. What a tasks file defines goes by its own name."""
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise TypeError(f"retry_on: exceptions or their names are expected, not {kind!r}.")
    own = kind.__module__ == "builtins" or kind.__module__.startswith(LOADED_AS)
    return kind.__qualname__ if own else f"{kind.__module__}.{kind.__qualname__}"


def after_of(given: After | str | Sequence[str] | None) -> Json | None:
    """The jobs that come before: their ids, or an `After` that says more."""
    if given is None or isinstance(given, After):
        return None if given is None else asdict(given)
    return {"jobs": [given] if isinstance(given, str) else list(given)}


def retry_of(given: int | Retry | None, on: ExceptionLike | Sequence[ExceptionLike] = ()) -> Retry | None:
    names = names_of(on)
    if names and given is None:
        raise ValueError("retry_on: say with retries= how often it is tried again.")
    rule = rule_of(given)
    return replace(rule, on=names) if rule and names else rule


def rule_of(given: int | Retry | None) -> Retry | None:
    if given is None:
        return None
    if isinstance(given, Retry):  # written in Python, so nobody has looked at its fields yet
        backoff = Backoff(one_of("backoff", given.backoff, tuple(Backoff)))
        return replace(given, backoff=backoff, on=names_of(given.on))
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"retries: a whole number or a Retry is expected, not {given!r}.")
    if given < 0:
        raise ValueError(f"retries: it must be 0 or more, not {given}.")
    return Retry(max_attempts=given + 1)


def one_of(option: str, given: Any, allowed: Sequence[str]) -> Any:
    if given is not None and given not in allowed:
        listed = ", ".join(f'"{value}"' for value in allowed)
        raise ValueError(f"{option}: one of {listed} is expected, not {given!r}.{suggestion(str(given), allowed)}")
    return given


def named(option: str, given: str | None) -> str | None:
    if given is not None and not (isinstance(given, str) and NAME.fullmatch(given)):
        raise ValueError(f"{option}: 1 to 100 letters, digits, '-', '_' and '.' are expected, not {given!r}.")
    return given


def tags_of(given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(tag, str) for tag in given):
        raise TypeError(f'tags: a list of texts is expected, such as ("finance", "daily"), not {given!r}.')
    return tuple(given)


def json_args(given: Mapping[str, Any]) -> Json:
    if not isinstance(given, Mapping):
        raise TypeError(f'args: an object is expected, such as {{"day": "2026-01-31"}}, not {given!r}.')
    try:
        plain: Json = to_jsonable_python(dict(given))
    except PydanticSerializationError as error:
        raise TypeError(f"args: JSON cannot hold them: {error}") from None
    return plain


def in_words(option: str, reader: Callable[[Any], object], value: Any) -> None:
    """Let the reader look at the value; what it refuses is a ValueError that names the option."""
    try:
        reader(value)
    except InvalidInput as error:
        raise ValueError(f"{option} {value!r}: {' '.join(error.errors.values())}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{option} {value!r}: {error}") from None
