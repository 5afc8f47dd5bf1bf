"""What a run prints: stand-ins for `sys.stdout` and `sys.stderr`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from cronapp.core.current import RunCancelled
from cronapp.core.models import LogStream
from cronapp.engine.capture.ownership import LOG, PRINT_STOPS, run_log
from cronapp.engine.runlog.text import text_of


class RunOutput(io.TextIOBase):
    """Stands in for `sys.stdout` or `sys.stderr`: inside a run it writes to the run's log, else to the real stream."""

    def __init__(self, real: TextIO, stream: LogStream) -> None:
        self.real = real
        self.stream = stream
        self.buffer = RunBytes(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        stop = PRINT_STOPS.get()
        # What cleans up after the request may print: it is the handling of RunCancelled.
        if stop is not None and stop.is_set() and not isinstance(sys.exception(), RunCancelled):
            raise RunCancelled("The run was asked to stop.")
        log = LOG.get()
        if log is None or log.closed:
            return self.real.write(text)
        log.write(self.stream, text)
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:  # type: ignore[override]
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        log = run_log()
        if log is None:
            self.real.flush()
        else:
            log.flush()

    def isatty(self) -> bool:
        return run_log() is None and self.real.isatty()

    def fileno(self) -> int:
        return self.real.fileno()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open: it belongs to every run."""

    def reconfigure(self, **_: Any) -> None:
        """A task's wish about encoding or buffering; text goes to the log as it is."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.real, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self.real, "errors", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class RunBytes(io.RawIOBase):
    """The `.buffer` of `RunOutput`, for those who print bytes."""

    def __init__(self, output: RunOutput) -> None:
        self.output = output

    def write(self, data: Any) -> int:
        if run_log() is None:
            return int(self.output.real.buffer.write(data))
        raw = bytes(data)
        self.output.write(text_of(raw))
        return len(raw)

    def flush(self) -> None:
        self.output.flush()

    def fileno(self) -> int:
        return self.output.fileno()

    def isatty(self) -> bool:
        return self.output.isatty()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open, as the text stream does."""
