"""What runs after what, as SVG: drawn on the server, coloured by the style sheet's classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from markupsafe import Markup

from cronapp.core.dependencies import after_words
from cronapp.core.drawing import Line, Place, draw
from cronapp.core.models import After, AfterWhen
from cronapp.service.neighbours import Neighbours
from cronapp.web.filters import condition, query, state_word, tone
from cronapp.web.permissions import may

WIDTH, HEIGHT = 168, 46  # of a job
ACROSS, BELOW = 46, 12  # between two columns, between two rows
EDGE = 3  # around the whole, for the frame of the job that has the focus
LETTERS = 20
UNSEEN = "a job that you cannot see"


def graph(found: Neighbours) -> Markup:
    """The jobs that hang together, each a link with its state, from left to right in the order in which they wake."""
    drawing = draw(found.near, found.edges)
    lines = Markup("").join(_line(found, line) for line in drawing.lines)
    jobs = Markup("").join(_job(found, job, drawing.places[job]) for job in _in_reading_order(drawing.places.items()))
    wide = drawing.columns * (WIDTH + ACROSS) - ACROSS + 2 * EDGE
    high = drawing.rows * (HEIGHT + BELOW) - BELOW + 2 * EDGE
    return Markup(
        '<svg class="graph" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group" aria-label="{2}">{3}{4}</svg>'
    ).format(wide, high, f"What runs before and after {found.job.id}", lines, jobs)


def _in_reading_order(places: Iterable[tuple[str, Place]]) -> list[str]:
    """As the keyboard goes through them: column by column."""
    return [job for job, _ in sorted(places, key=lambda each: each[1])]


def _corner(place: Place) -> tuple[float, float]:
    return EDGE + place[0] * (WIDTH + ACROSS), EDGE + place[1] * (HEIGHT + BELOW)


def _job(found: Neighbours, job: str, place: Place) -> Markup:
    row = found.rows.get(job)
    if row is None and not may.see_all:
        return _unseen(place)
    state = condition(row) if row else "removed"
    word = "Not run yet" if state == "never_run" else state_word(state)
    own = Markup(' aria-current="page"') if job == found.job.id else ""
    x, y = _corner(place)
    href = f"/jobs/{job}" if row else f"/runs{query({'job': job})}"  # of a removed one its runs are left
    return Markup(
        '<a href="{}"{} data-state="{}"{}><title>{}</title>'
        '<rect class="box" x="{}" y="{}" width="{}" height="{}" rx="9"/><circle class="f-{}" cx="{}" cy="{}" r="4"/>'
        '<text class="name" x="{}" y="{}">{}</text><text class="state" x="{}" y="{}">{}</text></a>'
    ).format(
        *(href, own, state, Markup(' class="gone"') if row is None else "", _label(found, job, word)),
        *(x, y, WIDTH, HEIGHT, tone(state), x + 15, y + 18),
        *(x + 27, y + 22, _short(job), x + 27, y + 37, word),
    )


def _unseen(place: Place) -> Markup:
    """A job that who looks does not see: only that there is one."""
    x, y = _corner(place)
    return Markup(
        '<g class="unseen" data-state="unseen"><title>{0}</title>'
        '<rect class="box" x="{1}" y="{2}" width="{3}" height="{4}" rx="9"/>'
        '<text class="state" x="{5}" y="{6}">{0}</text></g>'
    ).format(UNSEEN.capitalize(), x, y, WIDTH, HEIGHT, x + 12, y + 27)


def after_told(found: Neighbours, after: After) -> str:
    """When the job runs, in words, without the names of jobs that who looks does not see."""
    names = dict.fromkeys(one if one in found.rows or may.see_all else UNSEEN for one in after.jobs)
    return after_words(replace(after, jobs=tuple(names)))


def _label(found: Neighbours, job: str, word: str) -> str:
    """`load: succeeded; after extract succeeds`, for who does not see the lines, and where the name is cut."""
    row = found.rows.get(job)
    after = f"; {after_told(found, row.job.spec.after)}" if row and row.job.spec.after else ""
    return f"{job}: {word.lower()}{after}"


def _short(job: str) -> str:
    return job if len(job) <= LETTERS else job[: LETTERS - 1] + "…"


def _line(found: Neighbours, line: Line) -> Markup:
    later = found.rows.get(line.later)
    when = later.job.spec.after.when if later and later.job.spec.after else AfterWhen.SUCCESS
    points = [(x, y + HEIGHT / 2) for x, y in map(_corner, line.places)]
    path = [f"M{points[0][0] + WIDTH:g} {points[0][1]:g}"]
    for (x, y), (next_x, next_y) in pairwise(points):
        start, half = x + WIDTH, (next_x - x - WIDTH) / 2
        path.append(f"H{start:g}C{start + half:g} {y:g} {next_x - half:g} {next_y:g} {next_x:g} {next_y:g}")
    x, y = points[-1]
    tip = f"M{x - 6:g} {y - 4:g}L{x - 1:g} {y:g}L{x - 6:g} {y + 4:g}"
    return Markup('<path class="way w-{}" d="{}"/><path class="tip w-{}" d="{}"/>').format(
        when, "".join(path), when, tip
    )
