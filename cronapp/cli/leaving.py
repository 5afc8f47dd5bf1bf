"""The very end of a process that has closed everything."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from cronapp.engine.shared import SIGNALS

LEFT = 3.0  # seconds


def leave() -> None:
    """From now on the process ends within moments, also where a question is open that a database never answers, and no
    further signal makes an accident of it."""
    for number in SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    left = threading.Timer(LEFT, os._exit, (0,))
    left.daemon = True
    left.start()
