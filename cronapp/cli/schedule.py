"""`cronapp next`: what a schedule is going to do."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from cronapp.core.clock import system_clock
from cronapp.core.errors import InvalidInput
from cronapp.core.models import CronSchedule, IntervalSchedule, Schedule
from cronapp.core.simulation import simulate
from cronapp.core.spec import FAR, YEARS
from cronapp.core.triggers import trigger_of
from cronapp.core.zones import resolve, zone


def add_to(cli: typer.Typer) -> None:
    @cli.command(name="next")
    def next_slots(
        expression: Annotated[str, typer.Argument(help="As '*/5 * * * *' or 'every 15m', in quotation marks.")],
        tz: Annotated[str, typer.Option(help="The time zone.")] = "UTC",
        start: Annotated[str | None, typer.Option("--from", help="Slots after this moment. Default: now.")] = None,
        count: Annotated[int, typer.Option("-n", min=1, max=500, help="How many.")] = 5,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Tell a cron expression or an interval in words, with its next slots. Exit status 2 if it is wrong.

        \b
        cronapp next '0 9 * * mon-fri' --tz Europe/Berlin
        cronapp next 'every 90m' -n 10 --from 2026-03-28T22:00

        After the slots come the clock changes that it meets within a year, and what may surprise. An interval is
        counted from the moment of --from, as one of a job that is made then.
        """
        try:
            where = zone(tz)
            moment = start_of(start, tz)
            trigger = trigger_of([schedule_of(expression, tz, moment)])
            told = simulate(trigger, now=moment, count=count, zone=where)
        except InvalidInput as error:
            for text in error.errors.values():
                typer.echo(text, err=True)
            raise typer.Exit(2) from None
        slots = [slot.at.astimezone(where).isoformat() for slot in told.slots]
        if as_json:
            said = {"per_day": told.per_day, "zone": where.key, "notes": told.notes, "warnings": told.warnings}
            print(json.dumps({"words": told.words, "slots": slots, **said}))
            return
        print("\n".join((told.words, *slots, *told.notes, *told.warnings)))


def schedule_of(text: str, tz: str, moment: datetime) -> Schedule:
    if text.lower().split()[:1] == ["every"]:
        return IntervalSchedule(every=text, anchor=moment.replace(microsecond=0), timezone=tz)
    return CronSchedule(expression=text, timezone=tz)


def start_of(text: str | None, tz: str) -> datetime:
    if text is None:
        return system_clock()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of("from", "Write the moment as 2026-01-31T09:00.") from None
    if moment.year not in YEARS:
        raise InvalidInput.of("from", FAR)
    resolved = resolve(moment, zone(tz)) if moment.tzinfo is None else moment
    if resolved is None:
        raise InvalidInput.of("from", f"This day does not exist in {tz}.")
    return resolved
