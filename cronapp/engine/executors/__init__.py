"""Executing one attempt: on the loop, in a thread or in a process, with one way to stop it."""

from cronapp.engine.executors.attempt import Attempt, ChildLimits, StopRequest
from cronapp.engine.executors.call import Call
from cronapp.engine.executors.execution import execute
from cronapp.engine.executors.in_thread import leaked_threads
from cronapp.engine.executors.on_loop import attempt_on

__all__ = ["Attempt", "Call", "ChildLimits", "StopRequest", "attempt_on", "execute", "leaked_threads"]
