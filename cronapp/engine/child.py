"""A run in a process of its own: what the child does.

The parent passes the request on standard input and descriptors by number: a pipe that it holds open as long as the
run may live, and a pipe for messages, one JSON object a line: {"line": [stream, text]}, {"log": [level, text]},
{"progress": …}, {"remark": …}, {"secret": [number, name]}, which is answered on a third descriptor, {"source": text} if
the function is another one by now, {"result": …}, {"error": …}, and {"looks": "threads"} or {"looks": "tasks"} once it
can be asked by the signal LOOK or LOOK_AT_TASKS where it is; the answer is a dump on a descriptor of its own, or
{"awaits": text}. Descriptors 1 and 2 carry what passes Python by.
"""

from __future__ import annotations

import asyncio
import codecs
import faulthandler
import fcntl
import inspect
import io
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import datetime
from types import FrameType
from typing import Any, BinaryIO, NoReturn

from cronapp.core.code import source_hash
from cronapp.core.current import CURRENT, CurrentRun, RunCancelled, current_run
from cronapp.core.errors import SecretNotFound, SecretUnreadable, TaskNotFound
from cronapp.core.models import Json, LogStream, Progress
from cronapp.core.registry import load
from cronapp.core.secret import LOOKUP
from cronapp.engine import capture
from cronapp.engine.outcomes import jsonable, run_error
from cronapp.engine.runlog import Source, clean, source
from cronapp.engine.spans import join
from cronapp.engine.stacks import tasks_stack

MAX_PARTIAL = 4096
FIRST_FREE = getattr(signal, "SIGRTMIN", 0)  # a system without such signals lets nobody look
LOOK = FIRST_FREE and FIRST_FREE + 4
LOOK_AT_TASKS = FIRST_FREE and FIRST_FREE + 5


class Report:
    """The way back to the parent, and the run's log: whole lines at once, in the order in which they were printed."""

    def __init__(self, fd: int, limit: int) -> None:
        self._fd = fd
        self._left = limit
        self._lock = threading.RLock()
        self._partials: dict[Source, str] = {}

    @property
    def closed(self) -> bool:
        # Of what is beyond the first part only the end is kept. Let it come by descriptor 1, where it need not be
        # decoded; but not in the middle of a line.
        return self._left < 0 and not self._partials

    def send(self, **message: Any) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]

    def write(self, stream: LogStream, text: str) -> None:
        key = source(stream)
        with self._lock:
            self._left -= len(text)
            ended, newline, rest = (self._partials.pop(key, "") + text).rpartition("\n")
            if newline:
                self.send(line=[stream, ended + newline])
            if len(rest) > MAX_PARTIAL:
                self.send(line=[stream, rest])
            elif rest:
                self._partials[key] = rest

    def flush(self) -> None:
        with self._lock:
            for (to_stderr, *_), text in self._partials.items():
                self.send(line=[LogStream.STDERR if to_stderr else LogStream.STDOUT, text])
            self._partials.clear()

    def log(self, level: str, text: str) -> None:
        self._left -= len(text)
        self.send(log=[level, text])

    def progress(self, progress: Progress) -> None:
        self.send(progress=asdict(progress))


class Lookup:
    """Asks the parent for secrets, one at a time. It keeps none of them."""

    def __init__(self, report: Report, answers: int) -> None:
        self._report = report
        self._answers = os.fdopen(answers, "rb")
        self._lock = threading.Lock()
        self._number = 0

    def __call__(self, name: str) -> str:
        with self._lock:
            self._number += 1
            self._report.send(secret=[self._number, str(name)])
            answer: Json = {}
            while answer.get("number") != self._number:  # one that was asked for may have been interrupted
                answer = json.loads(self._answers.readline())
        if "error" in answer:
            raise (SecretUnreadable if answer["kind"] == SecretUnreadable.__name__ else SecretNotFound)(answer["error"])
        return str(answer["value"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the parent asks for, as JSON."""

    source: str
    task: str
    code: str | None  # the hash of the function's source as the parent has it
    args: Json
    id: int
    job: str
    attempt: int
    slot: str | None
    log_limit: int
    path: list[str]
    pythonpath: str | None
    dump: int  # the descriptor for faulthandler
    answers: int  # that on which secrets come
    memory: int | None  # bytes
    processes: int | None
    carried: dict[str, str]  # the span that this run's own are below, where there is one
    exporters: list[str]  # to whom they are sent
    node: str


def end_with_parent(control: int, parent: int) -> None:
    """Let this process and all it starts die when the parent does, however busy they are."""
    if sys.platform == "linux":
        # The kernel itself kills the whole group when the other end of the pipe closes: no thread has to run for it.
        # (PR_SET_PDEATHSIG would come first at times, kill this process alone, and leave what it started.)
        fcntl.fcntl(control, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(control, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(control, fcntl.F_SETFL, fcntl.fcntl(control, fcntl.F_GETFL) | os.O_ASYNC)
    else:
        threading.Thread(target=wait_for_parent, args=(control,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def wait_for_parent(control: int) -> None:
    os.read(control, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def limit(request: Request) -> None:
    """Hold this process, and what it starts, to the limits that the server sets."""
    for kind, wanted in ((resource.RLIMIT_AS, request.memory), (resource.RLIMIT_NPROC, request.processes)):
        if wanted is not None:
            _, most = resource.getrlimit(kind)
            resource.setrlimit(kind, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def make_room() -> None:
    """Lift the limit of memory, for the end to be told."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def let_look(dump: int, report: Report) -> None:
    """Write the stacks of all threads when the parent asks by a signal. No Python has to run for it, so it works also
    while the task is deep in C."""
    if LOOK:
        faulthandler.register(LOOK, file=dump, all_threads=True)
        report.send(looks="threads")


def let_look_at_tasks(first: asyncio.Task[Any], report: Report) -> None:
    """Of coroutines that wait no thread tells. The handler stays until the end: without one, the signal would kill."""
    if not LOOK_AT_TASKS:
        return

    def tell(_: int, __: FrameType | None) -> None:
        report.send(awaits=tasks_stack(first, asyncio.all_tasks(first.get_loop())))

    signal.signal(LOOK_AT_TASKS, tell)
    report.send(looks="tasks")


def call(request: Request, report: Report) -> Any:
    """Find the task, call it, and wait for what it returns if that is to be awaited."""
    registry = load([request.source])
    current_run().check()  # a stop that comes meanwhile looks like a mistake of the file
    if request.task not in registry.tasks and registry.errors:
        first = registry.errors[0]
        raise TaskNotFound(f"{first.source} cannot be loaded in the child process: {first.error}\n{first.traceback}")
    task = registry.get(request.task)
    if source_hash(task.text) != request.code:
        report.send(source=clean(task.text))
    result = task.signature.call(task.function, task.signature.check(request.args))
    return asyncio.run(wait_for(result, report)) if inspect.isawaitable(result) else result


async def wait_for(awaitable: Awaitable[Any], report: Report) -> Any:
    """The awaitable's result. In a child, SIGTERM cancels it: an exception out of a callback would be lost."""
    this = asyncio.current_task()
    assert this is not None
    if threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
        let_look_at_tasks(this, report)
    return await awaitable


def current(request: Request, report: Report) -> CurrentRun:
    return CurrentRun(
        id=request.id,
        job=request.job,
        task=request.task,
        attempt=request.attempt,
        slot=datetime.fromisoformat(request.slot) if request.slot else None,
        report=report.progress,
    )


def obey_sigterm(run: CurrentRun) -> None:
    """SIGTERM asks the task to stop: by an exception now, and by `print` and `progress` if it swallows that one."""

    def ask(*_: Any) -> NoReturn:
        run.stop.set()
        raise RunCancelled(f"Run {run.id} was asked to stop.")

    capture.PRINT_STOPS.set(run.stop)
    signal.signal(signal.SIGTERM, ask)


def execute(request: Request, report: Report) -> None:
    """Call the task and report its end, whatever it is."""
    try:
        value, remark = jsonable(call(request, report))
    except BaseException as problem:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        make_room()
        report.flush()
        report.send(error=asdict(run_error(problem)))
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    report.flush()
    if remark:
        report.send(remark=remark)
    report.send(result=value)


def as_written(problem: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler: bytes that Python could not decode go out as they were, what else is no text by its number."""
    assert isinstance(problem, UnicodeEncodeError)
    wrong = problem.object[problem.start : problem.end]
    written = (
        bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else c.encode("ascii", "backslashreplace") for c in wrong
    )
    return b"".join(written), problem.end


def read_request(stream: BinaryIO) -> Request:
    """Read it and take over the parent's view of the world."""
    request = Request(**json.loads(stream.read()))
    sys.path[:] = request.path
    os.environ.pop("PYTHONPATH", None)
    if request.pythonpath is not None:
        os.environ["PYTHONPATH"] = request.pythonpath
    return request


def main() -> None:
    """`python -m cronapp.engine.child CONTROL REPORT PARENT`, the request on standard input."""
    control, messages, parent = (int(argument) for argument in sys.argv[1:4])
    end_with_parent(control, parent)
    faulthandler.enable()
    request = read_request(sys.stdin.buffer)
    limit(request)
    report = Report(messages, request.log_limit)
    codecs.register_error("cronapp", as_written)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="cronapp", line_buffering=True)
    let_look(request.dump, report)
    capture.install(may_exit=True)
    capture.LOG.set(report)
    run = current(request, report)
    CURRENT.set(run)
    LOOKUP.set(Lookup(report, request.answers))
    send_spans = join(request.carried, request.exporters, request.node) if request.carried else None
    obey_sigterm(run)
    execute(request, report)
    if send_spans:
        send_spans()


if __name__ == "__main__":
    main()
