"""A job's tab that tells its definition, in words and as the code that makes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from cronapp.core.alert_words import general_words, rule_words
from cronapp.core.declaration import declaration
from cronapp.core.events import AlertsChanged, DeliveriesChanged, Event, TasksLoaded
from cronapp.core.models import Job
from cronapp.core.signature import MASK
from cronapp.core.summary import blackout_words
from cronapp.core.writing import curl_text, json_text, yaml_text
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.alerts import told_of
from cronapp.web.views.job.frame import JobTab


class ConfigurationTab(JobTab):
    tab = "configuration"
    own = ("detail", "told", "code")

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case TasksLoaded():
                return self.own
            case AlertsChanged() | DeliveriesChanged(job=self.job_id):
                return ("told",)
        return super().heed_own(event)

    async def show_own(self, part: str) -> Markup:
        if part == "told":
            return await self._told()
        render = {"detail": self._detail, "code": self._code}[part]
        return await self.house.hub.once(("job", self.job_id), part, render)

    async def _told(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-told", fragment("_job_told", **await told_context(self.house, job)))

    async def _detail(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-detail", fragment("_job_detail", **detail_context(self.house, job)))

    async def _code(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-code", fragment("_job_code", **code_context(self.house, job)))


def detail_context(house: Parts, job: Job) -> dict[str, Any]:
    return {
        "job": job,
        "task": house.tasks.find(job.task),
        "args": house.tasks.masked_of(job),
        "blackouts": [blackout_words(line) for line in job.spec.blackouts],
        "overrides": house.repairs.overrides(job),
    }


async def told_context(house: Parts, job: Job) -> dict[str, Any]:
    """Who is told of a job, and what was told lately."""
    general = [one for one in await house.alerts.rules() if one.channels and (not one.tag or one.tag in job.spec.tags)]
    alone = any(rule.instead for rule in job.spec.notify)
    return {
        "job": job,
        "own": [rule_words(rule) for rule in job.spec.notify],
        "general": [] if alone else [(one.tag, general_words(one)) for one in general],
        "testable": any(rule.channels or rule.urls for rule in job.spec.notify),
        "told": [told_of(one) for one in await house.alerts.of_job(job)],
    }


@dataclass(frozen=True, slots=True)
class Written:
    """The job in one way to write it, and what to do with that."""

    name: str
    label: str
    text: str
    hint: str


def code_context(house: Parts, job: Job) -> dict[str, Any]:
    task = house.tasks.find(job.task)
    args = house.tasks.masked_of(job)
    secrets = [name for name, value in args.items() if value == MASK and job.spec.args[name] != MASK]
    spec = replace(job.spec, args={name: f"<{name}>" if name in secrets else value for name, value in args.items()})
    function = task.function.__name__ if task else job.task
    place = f"Put it above the function {function}, in {task.source}." if task else f"Put it above {function}."
    return {
        "job": job,
        "secrets": secrets,
        "written": (
            Written("python", "Python", declaration(spec, task), f"{place} The job is then made at the start."),
            Written("yaml", "YAML", yaml_text(spec), "What is at its default is left out."),
            Written("json", "JSON", json_text(spec), "The body of POST /api/v1/jobs, without what is at its default."),
            Written(
                "curl",
                "curl",
                curl_text(spec),
                "$CRONAPP_URL is the server’s address, $CRONAPP_TOKEN a token of yours.",
            ),
        ),
    }
