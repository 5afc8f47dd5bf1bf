"""/jobs/{id}/figures: how a job does, as the cards of its page tell it."""

from __future__ import annotations

from quart import Blueprint

from cronapp.core.figures import Figures, Streak, figures_of
from cronapp.core.models import Json
from cronapp.core.usual import Usual
from cronapp.service.run_questions import PAST
from cronapp.web.api.told import at
from cronapp.web.site import parts

api = Blueprint("figures", __name__)


@api.get("/jobs/<job_id>/figures")
async def figures(job_id: str) -> Json:
    """Of the last 100 ended runs: the share that succeeded, and the streak; of the last 20 that
    succeeded, the usual duration in seconds."""
    job = await parts().jobs.get(job_id)
    past = await parts().runs.past(job)
    return figures_json(figures_of(past, more=len(past) == PAST), await parts().runs.usual_for(job))


def figures_json(figures: Figures, usual: Usual | None) -> Json:
    return {
        "runs": figures.counted,
        "succeeded": figures.succeeded,
        "share": figures.share,
        "share_before": figures.before,
        "duration": {
            "usual": usual and usual.median,
            "p95": usual and usual.p95,
            "of": usual.count if usual else 0,
            "longest": figures.longest,
            "last": figures.last,
        },
        "streak": figures.streak and streak_json(figures.streak),
    }


def streak_json(streak: Streak) -> Json:
    return {"count": streak.count, "good": streak.good, "since": at(streak.since), "at_least": streak.more}
