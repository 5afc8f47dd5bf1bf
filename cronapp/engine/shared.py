"""What all runs of this process share: a task may change it for everybody, the server too. Once nothing runs, it is put
back as it was when the server started."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress

from cronapp.engine import capture

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Shared:
    """As it is now: the working directory, the answers to signals, and where the server's own log goes."""

    def __init__(self) -> None:
        root = logging.getLogger()
        self._folder = os.getcwd()
        self._answers = {number: signal.getsignal(number) for number in SIGNALS}
        self._handlers = tuple(root.handlers)
        self._level = root.level
        self._silenced = root.manager.disable
        self._disabled = disabled_loggers()

    def put_back(self) -> None:
        """Called while nothing runs: a task may have good reasons to change it for its own time."""
        capture.take_back()
        self._put_back_log()
        self._put_back_signals()
        if not in_folder(self._folder):
            with suppress(OSError):  # it is gone, or no longer ours to enter
                os.chdir(self._folder)

    def _put_back_log(self) -> None:
        root = logging.getLogger()
        root.manager.disable = self._silenced
        if root.level != self._level:
            root.setLevel(self._level)
        for handler in self._handlers:
            root.addHandler(handler)  # one that is there is not added twice
        for name in disabled_loggers() - self._disabled:  # as `logging.config` leaves all that it is not told of
            logging.getLogger(name).disabled = False

    def _put_back_signals(self) -> None:
        if (
            threading.current_thread() is not threading.main_thread()
        ):  # nobody else may; a test's server may be elsewhere
            return
        for number, answer in self._answers.items():
            if signal.getsignal(number) is not answer:
                signal.signal(number, answer)


def disabled_loggers() -> set[str]:
    known = list(logging.root.manager.loggerDict.items())
    return {name for name, logger in known if isinstance(logger, logging.Logger) and logger.disabled}


def in_folder(folder: str) -> bool:
    """Whether this is the working directory. One that was removed is none."""
    try:
        return os.getcwd() == folder
    except FileNotFoundError:
        return False
