"""Cron-App: Python functions on a schedule, with a live dashboard. What a tasks file imports stands here."""

from cronapp.core.current import RunCancelled, current_run, progress
from cronapp.core.models import (
    After,
    CronSchedule,
    DependencySchedule,
    IntervalSchedule,
    ManualSchedule,
    Misfire,
    OnceSchedule,
    Retry,
)
from cronapp.core.registry import task
from cronapp.core.secret import secret

__version__ = "0.1.0"

__all__ = [
    "After",
    "CronSchedule",
    "DependencySchedule",
    "IntervalSchedule",
    "ManualSchedule",
    "Misfire",
    "OnceSchedule",
    "Retry",
    "RunCancelled",
    "__version__",
    "current_run",
    "progress",
    "secret",
    "task",
]
