"""A task in a child process: the parent's side of `cronapp.engine.child`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict

from cronapp.core.code import source_hash
from cronapp.core.errors import CronAppError
from cronapp.core.models import Json, LogStream, Outcome, Progress, RunError, RunState
from cronapp.core.traces import problems_of
from cronapp.engine import child
from cronapp.engine.executors.attempt import Attempt
from cronapp.engine.executors.call import Look, ProgressRelay, settle
from cronapp.engine.executors.looking import ENDING, Window, memory_of
from cronapp.engine.outcomes import DIED, failed

PIPES_GRACE = 1.0  # for output still on its way when the child has ended
MAX_MESSAGE = 16 * 2**20
STREAMS = {1: LogStream.STDOUT, 2: LogStream.STDERR}
REPORT = -1

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
        self._answers: asyncio.WriteTransport | None = None
        self._answered = -1  # the child's end of it
        self._window: Window | None = None
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
                self._window = Window()
                self._answered, answers = os.pipe()
                childs_ends.callback(os.close, self._answered)
                self._answers, _ = await self._loop.connect_write_pipe(asyncio.Protocol, os.fdopen(answers, "wb", 0))
                await self._loop.connect_read_pipe(lambda: self._messages, os.fdopen(incoming, "rb", 0))
                await self._loop.subprocess_exec(
                    lambda: self,
                    *(sys.executable, "-P", "-m", child.__name__, str(control), str(report), str(os.getpid())),
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
                    pass_fds=(control, report, self._window.dump, self._answered),
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
        assert self._window is not None
        return child.Request(
            source=attempt.task.source,
            task=attempt.task.name,
            code=source_hash(attempt.task.text),
            args=attempt.args,
            id=attempt.id,
            job=attempt.job,
            attempt=attempt.attempt,
            slot=attempt.slot.isoformat() if attempt.slot else None,
            log_limit=attempt.log.first_part,
            path=sys.path,
            pythonpath=os.environ.get("PYTHONPATH"),
            dump=self._window.dump,
            answers=self._answered,
            memory=attempt.limits.memory,
            processes=attempt.limits.processes,
            carried=dict(attempt.span.carried),
            exporters=list(attempt.exporters),
            node=attempt.node,
        )

    # what comes from the child

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._attempt.log.write_bytes(STREAMS[fd], data)

    def message(self, message: Json) -> None:
        log = self._attempt.log
        match message:
            case {"line": [stream, text]}:
                log.write(LogStream(stream), text)
            case {"log": [level, text]}:
                log.log(level, text)
            case {"progress": fields}:
                self._progress(Progress(**fields))
            case {"source": str(text)}:
                self._attempt.on_source(text)
            case {"remark": text}:
                log.system(text)
            case {"looks": str(what)} if self._window:
                self._window.opened.add(what)
            case {"awaits": str(text)} if self._window:
                self._window.answered(text)
            case {"secret": [int(number), str(name)]}:
                self._answer(number, name)
            case {"result": result}:
                self._returned(Outcome(state=RunState.SUCCEEDED, result=result))
            case {"error": fields}:
                self._returned(failed(error_of(fields)))

    def _answer(self, number: int, name: str) -> None:
        try:
            answer = {"number": number, "value": self._attempt.secret(name)}
        except CronAppError as error:
            answer = {"number": number, "kind": type(error).__name__, "error": str(error)}
        if self._answers:
            self._answers.write(json.dumps(answer).encode() + b"\n")

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

    async def look(self) -> Look:
        # Not when it has reported its end: then Python gives up its handlers, and a signal would kill it.
        if self._transport is None or self._window is None or self._exited or self._outcome:
            return Look(ENDING)
        pid = self._transport.get_pid()
        memory = await asyncio.to_thread(memory_of, pid)
        if self._exited or self._outcome:
            return Look(ENDING)
        try:
            return Look(await self._window.look(pid), memory)
        except (OSError, ValueError):  # it has ended meanwhile
            return Look(ENDING)

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
        if self._answers:
            self._answers.close()
        if self._control is not None:
            _controls.discard(self._control)
            os.close(self._control)
            self._control = None
        if self._window:
            self._window.close()
            self._window = None


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


def error_of(fields: Json) -> RunError:
    """The child's error, out of its message."""
    problems = problems_of(fields["problems"])
    return RunError(**{**fields, "kinds": tuple(fields["kinds"]), "problems": problems})


def death(status: int) -> str:
    """Why a process that reported no end is no more."""
    if status >= 0:
        return f"The process ended without a result (exit status {status})."
    name = signal.Signals(-status).name
    return f"The process was killed by {name}{' (perhaps out of memory)' if name == 'SIGKILL' else ''}."
