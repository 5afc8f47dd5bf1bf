"""The keys of the dashboard, in one table: the dialog that shows them is made from it, and the browser acts by what
stands there."""

from __future__ import annotations

from dataclasses import dataclass

from cronapp.core.access import Right
from cronapp.web.navigation import Navigation
from cronapp.web.permissions import may


@dataclass(frozen=True, slots=True)
class Key:
    """What a key does: it goes to an address, presses what it finds on the page, moves between rows, or has the
    question asked that belongs to the button of a form, under the form's own address. Of what is pressed, the first
    that there is counts, with Shift if `shift`."""

    keys: str  # pressed one after the other
    words: str
    go: str = ""
    press: str = ""
    ask: str = ""
    move: int = 0
    shift: bool = False
    right: Right = Right.LOOK  # without it the key is not there


EVERYWHERE = (
    Key("?", "Show the keys", press="[data-keys]"),
    Key("/", "Find in this page’s list, else search", press='[data-hotkey="/"] | [data-palette]'),
    Key("n", "New job", go="/jobs/new", right=Right.EDIT),
)
LISTS = (Key("j", "Next row", move=1), Key("k", "Row before", move=-1))
JOB = (
    Key("r", "Run now", press='#job-head form[action$="/run"] button', right=Right.RUN),
    Key("e", "Edit", press='#job-head a[href$="/edit"]', right=Right.EDIT),
    Key(
        "p",
        "Pause or resume",
        press='#job-head :is(a[href$="/pause"].btn, form[action$="/resume"] button)',
        right=Right.RUN,
    ),
)
RUN = (Key("c", "Cancel, after a question", ask='#run-head form[action$="/cancel"]', right=Right.RUN),)
LOG = (
    Key("f", "Follow the end, or no longer", press="#log-follow"),
    Key("e", "Next error", press="#log-errors"),
    Key("E", "Error before", press="#log-errors", shift=True),
    Key("Escape", "Fill the window no longer", press="#log-full:checked"),
)


def keys_of(navigation: Navigation) -> list[tuple[str, list[Key]]]:
    """The keys of who looks, in their groups."""
    places = tuple(Key(f"g {entry.key}", entry.label, go=entry.path) for entry in navigation.all)
    groups = (
        ("On every page", EVERYWHERE),
        ("Go to", places),
        ("In a list", LISTS),
        ("On a job’s page", JOB),
        ("On a run’s page", RUN),
        ("In a log", LOG),
    )
    theirs = [(title, [key for key in keys if may.have(key.right)]) for title, keys in groups]
    return [(title, keys) for title, keys in theirs if keys]
