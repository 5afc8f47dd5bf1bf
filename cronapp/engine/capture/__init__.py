"""`print`, `logging` and `warnings` of a run become lines of that run's log, also with many runs at once.

A context variable says whose output it is. Threads started by a task carry it on. What passes Python by (`os.write`,
C extensions, programs that a task starts) is not seen here; `run_in="process"` catches that too. A task that replaces
`sys.stdout`, changes handlers or calls `logging.disable` does so for the whole server.
"""

from cronapp.engine.capture.exits import ProcessExit
from cronapp.engine.capture.installation import install, take_back, uninstall
from cronapp.engine.capture.output import RunOutput
from cronapp.engine.capture.ownership import LOG, PRINT_STOPS, within_run
from cronapp.engine.capture.records import HANDLER, outside_runs

__all__ = [
    "HANDLER",
    "LOG",
    "PRINT_STOPS",
    "ProcessExit",
    "RunOutput",
    "install",
    "outside_runs",
    "take_back",
    "uninstall",
    "within_run",
]
