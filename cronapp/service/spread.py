"""Spreading a crowd: what to change in the jobs that start in one minute, what comes of it, and changing it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cronapp.core.draws import jittered
from cronapp.core.errors import CronAppError, InvalidInput
from cronapp.core.load import Due, buckets_of, course_of
from cronapp.core.models import Job
from cronapp.core.spec import spec_to_json, trigger_for
from cronapp.core.spread import LONGEST, Crowded, Proposal, spread
from cronapp.core.summary import words_of
from cronapp.service.jobs import Jobs
from cronapp.service.load import Load, Loads, rules_of

MINUTE = timedelta(minutes=1)
MOST = 200  # jobs spread at once
BEFORE, BEHIND = 60, 120  # minutes around the crowd in which its effect is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """How many want to run at once at most, how many wait, and how long at most."""

    peak: int
    held: int
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A proposal for a job, and what its schedule and its next run are with and without it."""

    job: Job
    proposal: Proposal
    words: str
    next: datetime
    new_words: str
    new_next: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The offers for a crowd, and what they come to."""

    at: datetime
    within: int
    offers: tuple[Offer, ...]
    before: Meeting
    after: Meeting
    left_out: int = 0  # jobs beyond those that are spread at once

    @property
    def changes(self) -> list[Offer]:
        return [offer for offer in self.offers if offer.proposal.changes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was changed, and what was not, with the reason."""

    changed: tuple[Offer, ...]
    refused: Mapping[str, str]  # by the jobs' ids


class Spreads:
    def __init__(self, jobs: Jobs, loads: Loads) -> None:
        self.jobs = jobs
        self.loads = loads

    async def propose(self, at: datetime, within: int) -> Spread:
        """How to spread the jobs that are due in the minute of a moment over the next `within` minutes."""
        load = await self.loads.look(fresh=True)
        return await asyncio.to_thread(proposed, load, at, within)

    async def apply(self, at: datetime, within: int, chosen: Mapping[str, int], *, by: str) -> Report:
        """Changes the chosen jobs as it is proposed for them; each by its id, with the version that was looked at."""
        offers = {offer.job.id: offer for offer in (await self.propose(at, within)).changes}
        changed, refused = [], {}
        for job_id, version in chosen.items():
            offer = offers.get(job_id)
            try:
                if offer is None:
                    raise InvalidInput.of("job", "Nothing is proposed for it any more: it starts elsewhere by now.")
                data = spec_to_json(offer.proposal.applied(offer.job.spec))
                changed.append(replace(offer, job=await self.jobs.edit(job_id, data, version=version, by=by)))
            except InvalidInput as error:
                refused[job_id] = " ".join(error.errors.values())
            except CronAppError as error:
                refused[job_id] = str(error)
        return Report(changed=tuple(changed), refused=refused)


def proposed(load: Load, at: datetime, within: int) -> Spread:
    start = (at - load.start) // MINUTE
    members = members_of(load, start)
    crowd = [crowded(load, place, slot) for place, slot in list(members.items())[:MOST]]
    proposals = {one.job: one for one in spread(crowd, others(load, start, within, {*members}), within)}
    offers = [
        offer(load.jobs[place], slot, proposals[load.jobs[place].id]) for place, slot in list(members.items())[:MOST]
    ]
    offers.sort(key=lambda one: (not one.proposal.changes, one.job.id))
    return Spread(
        at=load.start + start * MINUTE,
        within=within,
        offers=tuple(offers),
        before=meeting(load, start, within, members, {}),
        after=meeting(load, start, within, members, proposals),
        left_out=max(0, len(members) - MOST),
    )


def members_of(load: Load, start: int) -> dict[int, datetime]:
    """The places of the jobs that are due in a minute, with their slots there, in the order of their ids."""
    edge, found = load.start + start * MINUTE, {}
    for n in load.course.between(start * 60.0, start * 60.0 + 60):
        place = load.course.job[n]
        slot = trigger_for(load.jobs[place].spec).next_after(edge - timedelta(microseconds=1))
        if slot is not None and slot < edge + MINUTE:  # a run with jitter may only seem to be of this minute
            found[place] = slot
    return dict(sorted(found.items(), key=lambda one: load.jobs[one[0]].id))


def crowded(load: Load, place: int, slot: datetime) -> Crowded:
    spec = load.jobs[place].spec
    return Crowded(spec=spec, slot=slot, following=trigger_for(spec).next_after(slot), takes=load.takes[place])


def others(load: Load, start: int, within: int, members: Collection[int]) -> list[int]:
    """How many further runs want to go on in each minute from the crowd's on."""
    course, found = load.course, [0] * (within + LONGEST)
    for n in course.between(start * 60.0 - 86_400, (start + len(found)) * 60.0):
        takes = load.takes[course.job[n]]
        if course.job[n] in members and start * 60 <= course.at[n] < start * 60 + 60:
            continue
        first, last = int(course.at[n] // 60) - start, int((course.at[n] + takes) // 60) - start
        for minute in range(max(0, first), min(last, len(found) - 1) + 1):
            found[minute] += 1
    return found


def meeting(
    load: Load, start: int, within: int, members: Mapping[int, datetime], proposals: Mapping[str, Proposal]
) -> Meeting:
    """What the crowd comes to, with some of its jobs moved: carried out in thought anew."""
    course, edge = load.course, start * 60.0
    dues = []
    for n in course.between(edge - BEFORE * 60, edge + (within + BEHIND) * 60):
        place, at = course.job[n], course.at[n]
        proposal = proposals.get(load.jobs[place].id) if place in members else None
        if proposal and proposal.offset:
            at += proposal.offset * 60
        elif proposal and proposal.jitter and edge <= at < edge + 60:
            moved = jittered(members[place], proposal.jitter, load.jobs[place].id)
            at = (moved - load.start).total_seconds() if moved else at
        dues.append(Due(at, load.takes[place], place))
    dues.sort(key=lambda due: (due.at, due.job))
    again = course_of(dues, [rules_of(job) for job in load.jobs], load.places)
    minutes = buckets_of(again, edge + (within + 30) * 60)[start : start + within + 30]
    return Meeting(
        peak=max((one.peak for one in minutes), default=0),
        held=sum(one.held for one in minutes),
        longest=max((one.longest for one in minutes), default=0.0),
    )


def offer(job: Job, slot: datetime, proposal: Proposal) -> Offer:
    new = proposal.applied(job.spec)
    ahead = trigger_for(new).next_after(slot - timedelta(microseconds=1)) or slot
    return Offer(
        job=job,
        proposal=proposal,
        words=words_of(job.spec),
        next=jittered(slot, job.spec.jitter, job.id) or slot,
        new_words=words_of(new),
        new_next=jittered(ahead, new.jitter, job.id) or ahead,
    )
