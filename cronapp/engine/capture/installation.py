"""Putting the capture into Python, and taking it out again."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cronapp.core.models import LogStream
from cronapp.engine.capture.exits import guard
from cronapp.engine.capture.output import RunOutput
from cronapp.engine.capture.ownership import start_thread, submit
from cronapp.engine.capture.records import BEFORE, HANDLER, emit_to_stream, show_warning, warn


class Installed:
    """What stands where at the moment, and whose place it took."""

    def __init__(self) -> None:
        self.patches: list[tuple[Any, str, Any, Any]] = []
        self.streams: dict[str, RunOutput] = {}

    def patch(self, owner: Any, name: str, new: Any) -> None:
        self.patches.append((owner, name, getattr(owner, name), new))
        setattr(owner, name, new)

    def unpatch(self) -> None:
        while self.patches:
            owner, name, old, new = self.patches.pop()
            if getattr(owner, name) is new:  # else somebody else replaced it since, and theirs stays
                setattr(owner, name, old)

    def take_streams(self) -> None:
        for name, stream in (("stdout", LogStream.STDOUT), ("stderr", LogStream.STDERR)):
            real = getattr(sys, name)
            if not isinstance(real, RunOutput):
                self.streams[name] = RunOutput(real, stream)
                setattr(sys, name, self.streams[name])

    def put_back_streams(self) -> None:
        for name, output in self.streams.items():
            setattr(sys, name, output)

    def give_streams(self) -> None:
        for name, output in self.streams.items():
            if getattr(sys, name) is output:
                setattr(sys, name, output.real)
        self.streams.clear()


_installed = Installed()


def install(*, may_exit: bool = False) -> None:
    """Start to capture. Called again, it takes back the streams and the root handler if somebody replaced them.

    `may_exit`: this process is a run's own, which may end it.
    """
    root = logging.getLogger()
    _installed.take_streams()
    if HANDLER not in root.handlers:
        root.addHandler(HANDLER)
    if _installed.patches:
        return
    BEFORE.root_level = root.level
    BEFORE.showwarning = warnings.showwarning
    if root.level > logging.INFO:
        root.setLevel(logging.INFO)
    _installed.patch(logging.StreamHandler, "emit", emit_to_stream)
    _installed.patch(warnings, "showwarning", show_warning)
    _installed.patch(warnings, "warn", warn)
    _installed.patch(threading.Thread, "start", start_thread)
    _installed.patch(ThreadPoolExecutor, "submit", submit)
    if not may_exit:
        _installed.patch(os, "_exit", guard(os.getpid()))


def take_back() -> None:
    """Put the capture back where somebody replaced it since; what stood there instead is left aside."""
    if _installed.patches:
        _installed.put_back_streams()
        logging.getLogger().addHandler(HANDLER)


def uninstall() -> None:
    """Put everything back as it was before `install`."""
    if not _installed.patches:
        return
    _installed.give_streams()
    _installed.unpatch()
    logging.getLogger().removeHandler(HANDLER)
    logging.getLogger().setLevel(BEFORE.root_level)
