"""Jobs, their slots, notes and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from cronapp import wire
from cronapp.client.carrying import call, flow, pages
from cronapp.client.steps import Ask, Flow, ask, at, given, nothing
from cronapp.wire import Items

Moment = datetime | str
Fields = Mapping[str, Any]
CatchUp = Literal["none", "last", "all"]
Many = Literal["pause", "resume", "run", "tag", "untag", "remove"]


class JobCalls:
    @flow
    def jobs(
        self,
        *,
        q: str | None = None,
        state: str | None = None,
        task: str | None = None,
        tag: str | Sequence[str] | None = None,
        untagged: bool = False,
        queue: str | None = None,
        label: str | None = None,
        in_group: str | None = None,
        origin: str | None = None,
        sort: str | None = None,
        most: int | None = None,
    ) -> Flow[wire.Job]:
        """The jobs that fit, by their ids or by `sort`; at most so many."""
        query = given(q=q, state=state, task=task, tag=tag, queue=queue, label=label, in_group=in_group)
        query |= given(origin=origin, sort=sort)
        return pages(ask(Items[wire.Job], "GET", "/jobs", query={**query, "untagged": untagged}), most)

    @call
    def job(self, job: str) -> Ask[wire.Job]:
        """One job."""
        return ask(wire.Job, "GET", at("jobs", job))

    @call
    def create_job(self, job: Fields | wire.Job, *, key: str | None = None, past: bool = False) -> Ask[wire.Job]:
        """Makes a job. Only `id`, `task` and `schedule` are needed. With `key` it is made once, however often this is
        sent within a day. With `past` its moments may lie behind."""
        return ask(wire.Job, "POST", "/jobs", job, query={"past": past}, key=key)

    @call
    def replace_job(
        self, job: str, new: Fields | wire.Job, *, version: int | None = None, dry_run: bool = False
    ) -> Ask[wire.Job]:
        """Puts another job in its place: what is left out is at its default. With `version` only if nobody changed it
        since; else `VersionConflict` is raised. A dry run only tells what would be."""
        return ask(wire.Job, "PUT", at("jobs", job), new, query={"dry_run": dry_run}, version=version)

    @call
    def change_job(self, job: str, fields: Fields, *, version: int | None = None) -> Ask[wire.Job]:
        """Changes only these fields."""
        return ask(wire.Job, "PATCH", at("jobs", job), fields, version=version)

    @call
    def remove_job(self, job: str, *, version: int | None = None) -> Ask[None]:
        """Removes a job. Its runs are kept."""
        return nothing("DELETE", at("jobs", job), version=version)

    @call
    def run_job(self, job: str, args: Fields | None = None, *, key: str | None = None) -> Ask[wire.Run]:
        """Runs it now, with these arguments in place of its own."""
        return ask(wire.Run, "POST", at("jobs", job, "run"), {"args": args or {}}, key=key)

    @call
    def pause_job(self, job: str, *, reason: str | None = None, until: Moment | None = None) -> Ask[wire.Job]:
        """No slot of it runs until then (a moment, or for how long, as `2h`), or until it is resumed."""
        return ask(wire.Job, "POST", at("jobs", job, "pause"), given(reason=reason, until=until))

    @call
    def resume_job(self, job: str, *, catch_up: CatchUp = "none") -> Ask[wire.Job]:
        """Its slots run again; of those that passed meanwhile none, the last one or all."""
        return ask(wire.Job, "POST", at("jobs", job, "resume"), {"catch_up": catch_up})

    @call
    def change_jobs(
        self,
        action: Many,
        *,
        ids: Sequence[str] | None = None,
        filter: Fields | None = None,  # noqa: A002
        reason: str | None = None,
        until: Moment | None = None,
        catch_up: CatchUp = "none",
        tags: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Ask[wire.BulkDone]:
        """Changes many jobs, by `ids` or a `filter`, each for itself. With `dry_run` it only tells what would be."""
        said = given(ids=ids, filter=filter, reason=reason, until=until)
        sent = {"action": action, "catch_up": catch_up, "tags": tags, "dry_run": dry_run, **said}
        return ask(wire.BulkDone, "POST", "/jobs/bulk", sent)

    @call
    def figures(self, job: str) -> Ask[wire.Figures]:
        """How a job does, of its last 100 ended runs."""
        return ask(wire.Figures, "GET", at("jobs", job, "figures"))

    @flow
    def changes(self, job: str, *, most: int | None = None) -> Flow[wire.Change]:
        """Who changed the job, when and how, the newest first."""
        return pages(ask(Items[wire.Change], "GET", at("jobs", job, "changes")), most)

    @call
    def restore_job(self, job: str, to: int, *, version: int | None = None) -> Ask[wire.Job]:
        """Takes the version `to` of the job back."""
        return ask(wire.Job, "POST", at("jobs", job, "restore"), {"version": to}, version=version)

    @call
    def repoint_job(self, job: str, task: str) -> Ask[wire.Job]:
        """Points a job at another task."""
        return ask(wire.Job, "POST", at("jobs", job, "repoint"), {"task": task})

    @call
    def fit_job(self, job: str) -> Ask[wire.Job]:
        """Makes the arguments fit the task as it is now."""
        return ask(wire.Job, "POST", at("jobs", job, "fit"))

    @call
    def reset_job(self, job: str) -> Ask[wire.Job]:
        """Takes the code's version of a job back."""
        return ask(wire.Job, "POST", at("jobs", job, "reset"))

    # -- its slots ------------------------------------------------------------------------------------------------

    @flow
    def slots(
        self,
        job: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        verdict: str | None = None,
        most: int | None = None,
    ) -> Flow[wire.Slot]:
        """What became of each slot, the newest first, from a week ago if nothing is said."""
        query = given(since=since, until=until, verdict=verdict)
        return pages(ask(Items[wire.Slot], "GET", at("jobs", job, "slots"), query=query), most)

    @call
    def slots_kept(self, job: str) -> Ask[wire.SlotItems]:
        """The newest slots, and how the promises of the last seven days were `kept`."""
        return ask(wire.SlotItems, "GET", at("jobs", job, "slots"))

    @flow
    def upcoming_slots(self, job: str, *, most: int = 50) -> Flow[wire.SlotAhead]:
        """The slots ahead, skipped and blacked out ones among them."""
        return pages(ask(Items[wire.SlotAhead], "GET", at("jobs", job, "slots", "upcoming")), most)

    @call
    def skip_slot(self, job: str, slot: Moment) -> Ask[wire.SlotAhead]:
        """Skips one slot."""
        return ask(wire.SlotAhead, "POST", at("jobs", job, "slots", "skip"), {"slot": slot})

    @call
    def unskip_slot(self, job: str, slot: Moment) -> Ask[wire.SlotAhead]:
        """Lets a skipped slot run after all."""
        return ask(wire.SlotAhead, "DELETE", at("jobs", job, "slots", "skip"), query={"slot": slot})

    @call
    def add_slot(self, job: str, slot: Moment) -> Ask[wire.SlotAhead]:
        """Adds one slot."""
        return ask(wire.SlotAhead, "POST", at("jobs", job, "slots", "add"), {"slot": slot})

    @call
    def remove_slot(self, job: str, slot: Moment) -> Ask[None]:
        """Takes an added slot back."""
        return Ask("DELETE", at("jobs", job, "slots", "add"), lambda reply: None, {"slot": slot})

    # -- past windows ---------------------------------------------------------------------------------------------

    @call
    def backfill(
        self,
        job: str,
        since: Moment,
        to: Moment,
        *,
        max_running: int = 1,
        rerun: bool = False,
        args: Fields | None = None,
    ) -> Ask[wire.BackfillOpened]:
        """Runs the slots of a past window, so many side by side; with `rerun` those too that have succeeded."""
        sent = {"from": since, "to": to, "max_running": max_running, "rerun": rerun, **given(args=args)}
        return ask(wire.BackfillOpened, "POST", at("jobs", job, "backfill"), sent)

    @call
    def plan_backfill(self, job: str, since: Moment, to: Moment, *, rerun: bool = False) -> Ask[wire.BackfillPlan]:
        """Which slots a backfill would run."""
        sent = {"from": since, "to": to, "rerun": rerun, "dry_run": True}
        return ask(wire.BackfillPlan, "POST", at("jobs", job, "backfill"), sent)

    @flow
    def backfills(self, job: str) -> Flow[wire.Backfill]:
        """The backfills of a job, and how far each is."""
        return pages(ask(Items[wire.Backfill], "GET", at("jobs", job, "backfills")))

    @call
    def cancel_backfill(self, job: str, number: int) -> Ask[wire.Cancelled]:
        """Cancels those of its runs that still wait."""
        return ask(wire.Cancelled, "DELETE", at("jobs", job, "backfills", number))

    # -- notes ----------------------------------------------------------------------------------------------------

    @flow
    def notes(self, job: str, *, most: int | None = None) -> Flow[wire.Note]:
        """The notes on a job, the newest first."""
        return pages(ask(Items[wire.Note], "GET", at("jobs", job, "notes")), most)

    @call
    def note(self, job: str, number: int) -> Ask[wire.Note]:
        """One note."""
        return ask(wire.Note, "GET", at("jobs", job, "notes", number))

    @call
    def add_note(self, job: str, text: str) -> Ask[wire.Note]:
        """Writes a note on a job."""
        return ask(wire.Note, "POST", at("jobs", job, "notes"), {"text": text})

    @call
    def change_note(self, job: str, number: int, text: str) -> Ask[wire.Note]:
        """Writes a note anew."""
        return ask(wire.Note, "PATCH", at("jobs", job, "notes", number), {"text": text})

    @call
    def remove_note(self, job: str, number: int) -> Ask[None]:
        """Removes a note."""
        return nothing("DELETE", at("jobs", job, "notes", number))
