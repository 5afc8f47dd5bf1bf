"""What an open page of which nothing changes by itself does."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from cronapp.core.events import Event
from cronapp.web.site import Parts

EMPTY = Markup()


class Shown:
    """A page of which nothing changes by itself."""

    ageing: tuple[str, ...] = ()

    def __init__(self, parts: Parts) -> None:
        self.house = parts

    def heed(self, event: Event) -> Iterable[str]:
        return ()

    def parts(self) -> Iterable[str]:
        return ()

    async def show(self, part: str) -> Markup:
        return EMPTY

    @property
    def place(self) -> str:
        return ""

    def pause(self, part: str) -> float:
        return 0.25
