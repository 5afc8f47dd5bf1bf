"""/jobs/{id}/figures: how a job does, as the cards of its page tell it."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.figures import Figures, Streak, figures_of
from cronapp.core.usual import Usual
from cronapp.service.run_questions import PAST
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("figures", __name__, "Jobs")


@api.get("/jobs/<job_id>/figures")
async def figures(job_id: str) -> wire.Figures:
    """How a job does: the share of its runs that succeeded, how long they take, and how many in a row ended alike."""
    job = await parts().jobs.get(job_id)
    past = await parts().runs.past(job)
    return figures_told(figures_of(past, more=len(past) == PAST), await parts().runs.usual_for(job))


def figures_told(figures: Figures, usual: Usual | None) -> wire.Figures:
    return wire.Figures(
        runs=figures.counted,
        succeeded=figures.succeeded,
        share=figures.share,
        share_before=figures.before,
        duration=wire.UsualDuration(
            usual=usual.median if usual else None,
            p95=usual.p95 if usual else None,
            of=usual.count if usual else 0,
            longest=figures.longest,
            last=figures.last,
        ),
        streak=streak_told(figures.streak) if figures.streak else None,
    )


def streak_told(streak: Streak) -> wire.Streak:
    return wire.Streak(count=streak.count, good=streak.good, since=streak.since, at_least=streak.more)
