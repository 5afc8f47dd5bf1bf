"""The keys of the dashboard, in one table: the dialog that shows them is made from it, and the browser acts by what
stands there."""

from __future__ import annotations

from dataclasses import dataclass

from cronapp.web.navigation import Navigation


@dataclass(frozen=True, slots=True)
class Key:
    """What a key does: it goes to an address, presses what it finds on the page, moves between rows, or has the
    question asked that belongs to the button of a form, under the form's own address. Of what is pressed, the first
    that there is counts."""

    keys: str  # pressed one after the other
    words: str
    go: str = ""
    press: str = ""
    ask: str = ""
    move: int = 0


EVERYWHERE = (
    Key("?", "Show the keys", press="[data-keys]"),
    Key("/", "Find in this page’s list, else search", press='[data-hotkey="/"] | [data-palette]'),
    Key("n", "New job", go="/jobs/new"),
)
LISTS = (Key("j", "Next row", move=1), Key("k", "Row before", move=-1))
JOB = (
    Key("r", "Run now", press='#job-head form[action$="/run"] button'),
    Key("e", "Edit", press='#job-head a[href$="/edit"]'),
    Key("p", "Pause or resume", press='#job-head :is(a[href$="/pause"].btn, form[action$="/resume"] button)'),
)
RUN = (Key("c", "Cancel, after a question", ask='#run-head form[action$="/cancel"]'),)


def keys_of(navigation: Navigation) -> tuple[tuple[str, tuple[Key, ...]], ...]:
    """All keys in their groups."""
    places = tuple(Key(f"g {entry.key}", entry.label, go=entry.path) for entry in navigation.all)
    return (
        ("On every page", EVERYWHERE),
        ("Go to", places),
        ("In a list", LISTS),
        ("On a job’s page", JOB),
        ("On a run’s page", RUN),
    )
