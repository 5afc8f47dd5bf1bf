"""Executing one attempt: one call, three ways to stop.

`execute` checks the arguments, starts the task on the loop, in a thread or in a process, and waits for its end. When a
stop is requested, it asks the task to end, and after the grace time it does what that way allows: a process is killed;
a coroutine or a thread that goes on cannot be, so the run ends in the books and its log says so.
"""

from __future__ import annotations

import asyncio
import codecs
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, suppress
from contextvars import Context, ContextVar, copy_context
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from cronapp.core.current import CURRENT, CurrentRun, RunCancelled
from cronapp.core.durations import duration_words
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json, LogStream, Outcome, Progress, RunError, RunState
from cronapp.core.registry import Task
from cronapp.engine import capture, child
from cronapp.engine.child import jsonable, run_error, user_stack
from cronapp.engine.runlog import RunLog

GRACE = 10.0
PIPES_GRACE = 1.0  # for output still on its way when the child has ended
REAPING = 5.0  # for a killed process to be gone
MAX_MESSAGE = 16 * 2**20
STREAMS = {1: LogStream.STDOUT, 2: LogStream.STDERR}
REPORT = -1

DIED = "ProcessDied"
CANCELLED = "asyncio.exceptions.CancelledError"
STOPPING = {DIED, CANCELLED, f"{RunCancelled.__module__}.{RunCancelled.__qualname__}"}
"""How a task that was asked to stop ends; anything else is a problem of its own."""

REASONS = {
    "SystemExit": "The task called sys.exit. It should return, or raise an exception if it failed.",
    CANCELLED: "The task cancelled itself.",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Attempt:
    """One attempt to be executed. `timeout` and `grace` are seconds; `on_progress` is called on the loop."""

    id: int
    job: str
    attempt: int
    slot: datetime | None
    task: Task
    args: Json
    log: RunLog
    on_progress: Callable[[Progress], None]
    timeout: float | None = None
    grace: float = GRACE  # between asking the task to stop and forcing it


class StopRequest:
    """Asks one attempt to stop. The first request wins. To be used on the loop."""

    def __init__(self) -> None:
        self.state: RunState | None = None
        self.reason: str | None = None
        self._requested = asyncio.Event()

    def request(self, state: RunState, reason: str) -> None:
        """Stop it; the attempt then ends in this state (`cancelled` or `timed_out`) and for this reason."""
        if self.state is None:
            self.state, self.reason = state, reason
            self._requested.set()

    async def wait(self) -> None:
        await self._requested.wait()

    def outcome(self, problem: RunError | None = None, remark: str | None = None) -> Outcome:
        """The end of a stopped attempt."""
        reason = " ".join(part for part in (self.reason, remark) if part) or None
        return Outcome(state=self.state or RunState.CANCELLED, reason=reason, error=problem)


class Call(Protocol):
    """A task under way, in one of the three ways."""

    ended: asyncio.Future[Outcome]

    async def start(self) -> None: ...

    def ask(self) -> None:
        """Ask the task to stop."""

    def kill(self) -> bool:
        """End it by force. False: this way has no force, and the task goes on."""

    def left(self) -> str:
        """What the run's page says about a task that goes on."""


async def execute(attempt: Attempt, stop: StopRequest) -> Outcome:
    """Carry out the attempt. Never raises, except for its own cancellation, which ends the task too.

    The log stays open: take its last lines when this has returned, then close it.
    """
    try:
        kwargs = attempt.task.signature.check(attempt.args)
    except InvalidInput as problem:
        return invalid_arguments(problem)
    except Exception as problem:  # a type of the user's that refuses in its own way
        return failed(run_error(problem))
    call = CALLS[attempt.task.run_in](attempt, kwargs)
    timer = asyncio.get_running_loop().call_later(attempt.timeout, time_out, attempt, stop) if attempt.timeout else None
    try:
        if stop.state is None:
            await call.start()
            await first(call.ended, stop)
            return call.ended.result() if call.ended.done() else await stopped(attempt, stop, call)
        return stop.outcome()
    except Exception as problem:  # no thread or no process is to be had
        return failed(run_error(problem))
    except asyncio.CancelledError:
        call.ask()
        if call.kill():
            await asyncio.wait({call.ended}, timeout=REAPING)
        raise
    finally:
        if timer:
            timer.cancel()


def time_out(attempt: Attempt, stop: StopRequest) -> None:
    stop.request(RunState.TIMED_OUT, f"It ran longer than its timeout of {duration_words(attempt.timeout or 0)}.")


async def first(ended: asyncio.Future[Outcome], stop: StopRequest) -> None:
    """Wait for the end or for a request to stop, whichever is first."""
    request: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    waited: set[asyncio.Future[Any]] = {ended, request}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        request.cancel()


async def stopped(attempt: Attempt, stop: StopRequest, call: Call) -> Outcome:
    """Ask, wait, force; the outcome is what was requested, however the task took it."""
    call.ask()
    await asyncio.wait({call.ended}, timeout=attempt.grace)
    if not call.ended.done():
        if not call.kill():
            remark = call.left()
            attempt.log.system(remark)
            return stop.outcome(remark=remark)
        attempt.log.system(
            f"It did not end within {duration_words(attempt.grace)} after it was asked to, so it was killed."
        )
        await asyncio.wait({call.ended}, timeout=REAPING)
    error = call.ended.result().error if call.ended.done() else None
    return stop.outcome(None if error is None or error.type in STOPPING else error)


# -- outcomes -------------------------------------------------------------------------------------------------------


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


def settle(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)


# -- what a task sees of its run ------------------------------------------------------------------------------------


class ProgressRelay:
    """Brings progress from any thread to the loop. Only the newest counts, so a busy task floods nothing."""

    def __init__(self, deliver: Callable[[Progress], None]) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._newest: Progress | None = None
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            first, self._newest = self._newest is None, progress
        if first:
            with suppress(RuntimeError):  # a leaked thread may report when the loop is closed
                self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        with self._lock:
            progress, self._newest = self._newest, None
        if progress is not None:
            self._deliver(progress)


def current(attempt: Attempt) -> CurrentRun:
    return CurrentRun(
        id=attempt.id,
        job=attempt.job,
        task=attempt.task.name,
        attempt=attempt.attempt,
        slot=attempt.slot,
        report=ProgressRelay(attempt.on_progress),
    )


def context_of(attempt: Attempt, run: CurrentRun) -> Context:
    """A context in which output, progress and `current_run()` belong to this attempt."""
    context = copy_context()
    context.run(capture.LOG.set, attempt.log)
    context.run(CURRENT.set, run)
    return context


# -- on the loop ----------------------------------------------------------------------------------------------------

_ATTEMPT: ContextVar[Attempt | None] = ContextVar("cronapp_attempt", default=None)
_attempts: WeakKeyDictionary[asyncio.Task[Any], Attempt] = WeakKeyDictionary()


def attempt_on(loop: asyncio.AbstractEventLoop) -> Attempt | None:
    """The attempt whose coroutine the loop executes at this moment. May be called from another thread."""
    task = asyncio.current_task(loop)
    return _attempts.get(task) if task else None


class ExitedError(Exception):
    """A task of a run's own called sys.exit; see its cause."""


class Guarded(Coroutine[Any, Any, Any]):
    """A coroutine whose SystemExit ends itself. In a plain asyncio task it would end the loop, and the server."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *problem: Any) -> Any:
        return self._step(self._coroutine.throw, *problem)

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return step(*arguments)
        except (SystemExit, KeyboardInterrupt) as problem:
            raise ExitedError(f"{type(problem).__name__}: {problem}") from problem

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # asyncio shows a task by its coroutine's code and frame


def create_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """The loop's task factory: what a run starts belongs to it, and cannot end the server."""
    context: Context | None = options.get("context")
    attempt = context.get(_ATTEMPT) if context else _ATTEMPT.get()
    if attempt is None:
        return asyncio.Task(coroutine, loop=loop, **options)
    guarded = Guarded(coroutine) if asyncio.iscoroutine(coroutine) else coroutine
    task: asyncio.Task[Any] = asyncio.Task(guarded, loop=loop, **options)
    _attempts[task] = attempt
    return task


class LoopCall:
    """A coroutine as an asyncio task of its own. It is asked to stop by cancelling it; there is no force."""

    def __init__(self, attempt: Attempt, kwargs: Json) -> None:
        self.ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._attempt = attempt
        self._kwargs = kwargs
        self._run = current(attempt)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        context = context_of(self._attempt, self._run)
        context.run(_ATTEMPT.set, self._attempt)
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(create_task)
        self._task = loop.create_task(self._execute(), name=f"run {self._attempt.id}", context=context)
        # A task that is cancelled before its first step never gets into its own `try`.
        self._task.add_done_callback(lambda _: settle(self.ended, failed(run_error(asyncio.CancelledError()))))

    async def _execute(self) -> None:
        task = self._attempt.task
        try:
            result = task.signature.call(task.function, self._kwargs)
            if inspect.isawaitable(result):
                result = await result
            outcome = succeeded(result, self._attempt.log)
        except ExitedError as problem:
            outcome = failed(run_error(problem.__cause__ or problem))
        except BaseException as problem:
            outcome = failed(run_error(problem))
        settle(self.ended, outcome)

    def ask(self) -> None:
        self._run.stop.set()
        if self._task:
            self._task.cancel()

    def kill(self) -> bool:
        return False

    def left(self) -> str:
        return "The coroutine ignored the cancellation and still runs."


# -- in a thread ----------------------------------------------------------------------------------------------------

_leaked: WeakSet[threading.Thread] = WeakSet()


def leaked_threads() -> int:
    """How many threads of runs that ended in the books still work."""
    return sum(thread.is_alive() for thread in list(_leaked))


class ThreadCall:
    """A thread of its own, not one of a pool: one that never ends then takes nobody's place.

    It is asked to stop by an event, which `progress`, `current_run().check()` and `print` look at. There is no force.
    """

    def __init__(self, attempt: Attempt, kwargs: Json) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Outcome] = self._loop.create_future()
        self._attempt = attempt
        self._kwargs = kwargs
        self._run = current(attempt)
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        context = context_of(self._attempt, self._run)
        context.run(capture.PRINT_STOPS.set, self._run.stop)
        name = f"run-{self._attempt.id}"
        self._thread = threading.Thread(target=context.run, args=(self._execute,), name=name, daemon=True)
        self._thread.start()

    def _execute(self) -> None:
        task = self._attempt.task
        try:
            outcome = succeeded(task.signature.call(task.function, self._kwargs), self._attempt.log)
        except BaseException as problem:
            outcome = failed(run_error(problem))
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(settle, self.ended, outcome)

    def ask(self) -> None:
        self._run.stop.set()

    def kill(self) -> bool:
        if self._thread:
            _leaked.add(self._thread)
        return False

    def left(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0) if self._thread else None
        if frame:
            self._attempt.log.system("The thread is here:\n" + user_stack(frame))
        return 'The thread still works, and a thread cannot be killed; use run_in="process" for such a task.'


# -- in a process ---------------------------------------------------------------------------------------------------


_controls: set[int] = set()


def _close_controls() -> None:
    for control in _controls:
        os.close(control)
    _controls.clear()


# A process that a task forks from the server must not hold these ends: children live as long as they are open.
os.register_at_fork(after_in_child=_close_controls)


class ProcessCall(asyncio.SubprocessProtocol):
    """A Python process of its own in a session of its own: whatever it starts can be killed with it."""

    def __init__(self, attempt: Attempt, kwargs: Json) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Outcome] = self._loop.create_future()
        self._attempt = attempt
        self._progress = ProgressRelay(attempt.on_progress)
        self._transport: asyncio.SubprocessTransport | None = None
        self._messages = Messages(self)
        self._control: int | None = None
        self._decoders = {fd: codecs.getincrementaldecoder("utf-8")("replace") for fd in STREAMS}
        self._open: set[int] = {*STREAMS, REPORT}
        self._exited = False
        self._outcome: Outcome | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        try:
            with ExitStack() as childs_ends:
                control, self._control = os.pipe()
                _controls.add(self._control)
                childs_ends.callback(os.close, control)
                incoming, report = os.pipe()
                childs_ends.callback(os.close, report)
                await self._loop.connect_read_pipe(lambda: self._messages, os.fdopen(incoming, "rb", 0))
                await self._loop.subprocess_exec(
                    lambda: self,
                    *(sys.executable, "-P", "-m", child.__name__, str(control), str(report), str(os.getpid())),
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
                    pass_fds=(control, report),
                    start_new_session=True,
                )
        except BaseException:
            self._close()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        stdin = transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)
        stdin.write(json.dumps(asdict(self._request())).encode())
        stdin.close()

    def _request(self) -> child.Request:
        attempt = self._attempt
        return child.Request(
            source=attempt.task.source,
            task=attempt.task.name,
            args=attempt.args,
            id=attempt.id,
            job=attempt.job,
            attempt=attempt.attempt,
            slot=attempt.slot.isoformat() if attempt.slot else None,
            log_limit=attempt.log.limit,
            path=sys.path,
            pythonpath=os.environ.get("PYTHONPATH"),
        )

    # what comes from the child

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._attempt.log.write(STREAMS[fd], self._decoders[fd].decode(data))

    def message(self, message: Json) -> None:
        log = self._attempt.log
        match message:
            case {"line": [stream, text]}:
                log.write(LogStream(stream), text)
            case {"log": [level, text]}:
                log.log(level, text)
            case {"progress": fields}:
                self._progress(Progress(**fields))
            case {"remark": text}:
                log.system(text)
            case {"result": result}:
                self._returned(Outcome(state=RunState.SUCCEEDED, result=result))
            case {"error": fields}:
                self._returned(failed(RunError(**fields)))

    def _returned(self, outcome: Outcome) -> None:
        self._outcome = outcome
        # The task is over. Threads that it left behind may delay the process, but not for ever.
        self._timer = self._loop.call_later(self._attempt.grace, self._overdue)

    def _overdue(self) -> None:
        self._attempt.log.system("The task has returned, but threads that it left behind went on; they were ended.")
        self.kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.lost(fd)

    def process_exited(self) -> None:
        self.kill()  # what the task started must not outlive it
        self._exited = True
        self._loop.call_later(PIPES_GRACE, self._finish)
        self.lost(0)

    def lost(self, fd: int) -> None:
        self._open.discard(fd)
        if self._exited and not self._open:
            self._finish()

    def _finish(self) -> None:
        if self.ended.done():
            return
        for fd, decoder in self._decoders.items():
            self._attempt.log.write(STREAMS[fd], decoder.decode(b"", final=True))
        settle(self.ended, self._outcome or self._died())
        self._close()

    def _died(self) -> Outcome:
        status = self._transport.get_returncode() if self._transport else None
        reason = death(status or 0)
        last = "\n".join(self._attempt.log.tail(20))
        return Outcome(state=RunState.FAILED, reason=reason, error=RunError(type=DIED, message=reason, traceback=last))

    # stopping it

    def ask(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> bool:
        self._signal(signal.SIGKILL)
        return True

    def left(self) -> str:
        return "The process could not be killed."

    def _signal(self, number: signal.Signals) -> None:
        # Not after the exit: the number may soon belong to another process.
        if self._transport and not self._exited:
            with suppress(ProcessLookupError):
                os.killpg(self._transport.get_pid(), number)

    def _close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._transport:
            self._transport.close()
        self._messages.close()
        if self._control is not None:
            _controls.discard(self._control)
            os.close(self._control)
            self._control = None


class Messages(asyncio.Protocol):
    """The pipe on which the child reports, one JSON object a line."""

    def __init__(self, call: ProcessCall) -> None:
        self._call = call
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *ended, self._rest = (self._rest + data).split(b"\n")
        for line in ended:
            # The task can write here too, if it looks for the descriptor; what is no message is nothing to us.
            with suppress(ValueError, TypeError):
                self._call.message(json.loads(line))
        if len(self._rest) > MAX_MESSAGE:
            self._rest = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self._call.lost(REPORT)

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def death(status: int) -> str:
    """Why a process that reported no end is no more."""
    if status >= 0:
        return f"The process ended without a result (exit status {status})."
    name = signal.Signals(-status).name
    return f"The process was killed by {name}{' (perhaps out of memory)' if name == 'SIGKILL' else ''}."


CALLS: dict[str, Callable[[Attempt, Json], Call]] = {"loop": LoopCall, "thread": ThreadCall, "process": ProcessCall}
