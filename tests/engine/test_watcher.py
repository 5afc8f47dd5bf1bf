"""The tasks files are read again when they change, and never half of one."""

from __future__ import annotations

from pathlib import Path

from support import TASKS

from cronapp.core.events import Event
from cronapp.engine.watcher import Seen, Watcher
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.tasks import Tasks

MORE = TASKS + "\n\ndef one_more():\n    pass\n"


def write(tasks: Tasks, text: str) -> None:
    Path(tasks.sources[0]).write_text(text)


class WrittenMeanwhile(Watcher):
    """Somebody's editor has emptied the file, and writes it once it was looked at."""

    looks = 0

    async def _files(self) -> Seen:
        found = await super()._files()
        if not self.looks:
            write(self._tasks, MORE)
        self.looks += 1
        return found


async def test_a_file_that_is_still_being_written_is_read_once_it_is_whole(tasks: Tasks, jobs: Jobs) -> None:
    told: list[Event] = []
    watcher = WrittenMeanwhile(tasks, Declarations(jobs), told.extend)
    had = set(tasks.registry.tasks)
    write(tasks, "")
    await watcher._look()
    assert set(tasks.registry.tasks) == had | {"one_more"}
    assert (len(told), watcher.looks) == (1, 3)
    await watcher._look()
    assert (len(told), watcher.looks) == (1, 4)
