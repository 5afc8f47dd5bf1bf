"""What brings waiting runs to where they are executed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cronapp.core.events import Event


class Dispatch(Protocol):
    @property
    def running(self) -> bool:
        """Whether runs that wait are brought to a place."""

    def hold(self, held: bool) -> None:
        """Starts no run here while it is held."""

    def heed(self, event: Event) -> None:
        """Notes what may let a run start."""

    def heed_others(self, event: Event) -> None:
        """The same, where another process tells it, which does itself what follows from it."""

    async def open(self) -> None:
        """Makes ready what it stands on, before anything is opened that it shall carry."""

    def start(self) -> None: ...

    async def stop(self) -> None:
        """Starts nothing more. What is being started just now still goes to the runner, before this returns."""

    async def close(self) -> None: ...

    async def forget(self, nodes: Sequence[str]) -> None:
        """Carries nothing more to these nodes, which are gone."""
