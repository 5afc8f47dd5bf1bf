"""The tasks that are loaded now."""

from __future__ import annotations

from collections.abc import Sequence

from cronapp.core.models import Json
from cronapp.core.registry import Registry, Task, load


class Tasks:
    """Holds the registry made from the tasks files, and makes it anew when asked."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = tuple(sources)
        self.registry: Registry = load(self.sources)

    def reload(self) -> None:
        """Reads the tasks files again."""
        self.registry = load(self.sources)

    def get(self, name: str) -> Task:
        """The task of that name; raises `TaskNotFound`."""
        return self.registry.get(name)

    def find(self, name: str) -> Task | None:
        return self.registry.tasks.get(name)

    def masked(self, name: str, args: Json) -> Json:
        """Arguments of that task as they may be shown: without their secrets."""
        task = self.find(name)
        return task.signature.masked(args) if task else args

    def all(self) -> list[Task]:
        return list(self.registry.tasks.values())
