"""Which machine this is, so that it can be told whether a process that was here is gone."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil

SLACK = 60.0  # seconds: a process is written down some moments after its start, perhaps by a clock that was set since


def machine() -> str:
    """The same text for all processes that see the same process numbers, and for no others; empty: not known here."""
    with suppress(OSError):
        started = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{started}/{Path('/proc/self/ns/pid').readlink()}"
    return ""


def is_gone(pid: int, started_at: datetime) -> bool:
    """Whether a process of this machine has ended, also where another one has its number by now."""
    try:
        process = psutil.Process(pid)
        another: bool = process.create_time() > started_at.timestamp() + SLACK
        return another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
