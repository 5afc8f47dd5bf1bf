"""Where an exception was raised: its frames, and those of the exceptions that it came from, as they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

Json = dict[str, Any]
Link = Literal["", "cause", "context", "member"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One call. `own`: it is the user's code, not a library's."""

    file: str  # as it is shown: from the folder out of which it is imported
    path: str  # the whole of it
    line: int
    function: str
    own: bool
    first: int = 0  # the number of the first line of `source`
    source: tuple[str, ...] = ()  # as it was when the run failed

    @property
    def library(self) -> str:
        """The package that it belongs to."""
        return self.file.split("/")[0].removesuffix(".py")

    @property
    def lines(self) -> list[tuple[int, str]]:
        """The lines of the source that are kept, with their numbers."""
        return list(enumerate(self.source, self.first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One exception of a chain; the first of a chain is the one that ended the run.

    `link` says what it is to the one before it that is less deep: its `cause` (`raise … from`), its `context` (it was
    being handled), or a `member` of it, which is a group. The frames go from the outermost to the innermost.
    """

    type: str
    message: str
    link: Link = ""
    depth: int = 0
    frames: tuple[Frame, ...] = ()
    left_out: int = 0  # frames in the middle
    after: int = 0  # how many frames stand before those that were left out
    more: int = 0  # members that are not kept

    @property
    def groups(self) -> list[Group]:
        """The frames, the innermost first, in groups that are the user's own or not."""
        outer, inner = self.frames[: self.after], self.frames[self.after :]
        gap = [Group(left_out=self.left_out)] if self.left_out else []
        return [*_groups(inner), *gap, *_groups(outer)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Frames that follow each other and belong together, the innermost first; or a gap where some were left out."""

    own: bool = False
    frames: tuple[Frame, ...] = ()
    left_out: int = 0

    @property
    def libraries(self) -> list[str]:
        """The packages in it, each once."""
        return list(dict.fromkeys(frame.library for frame in self.frames))


def _groups(frames: Sequence[Frame]) -> Iterator[Group]:
    for own, group in groupby(reversed(frames), key=lambda frame: frame.own):
        yield Group(own=own, frames=tuple(group))


def problems_json(problems: Sequence[Problem]) -> list[Json]:
    return [asdict(problem) for problem in problems]


def problems_of(stored: Sequence[Json] | None) -> tuple[Problem, ...]:
    """What `problems_json` made. Raises TypeError or ValueError for what it cannot have made."""
    return tuple(map(_problem, stored or ()))


def _problem(stored: Any) -> Problem:
    return Problem(**{**stored, "frames": tuple(_frames(stored["frames"]))})


def _frames(stored: Any) -> Iterator[Frame]:
    for frame in stored:
        yield Frame(**{**frame, "source": tuple(frame["source"])})
