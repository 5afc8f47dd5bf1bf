"""From a job's schedules to its slots: which is the next one, which was the last one, how many were there."""

from cronapp.core.triggers.amended import AmendedTrigger, is_slot
from cronapp.core.triggers.notes import clock_notes, parts_of
from cronapp.core.triggers.schedules import trigger_of, zone_of
from cronapp.core.triggers.trigger import (
    TICK,
    Trigger,
    count_between,
    last_at_or_before,
    moment_words,
    needs_no_slot,
    slots_between,
)

__all__ = [
    "TICK",
    "AmendedTrigger",
    "Trigger",
    "clock_notes",
    "count_between",
    "is_slot",
    "last_at_or_before",
    "moment_words",
    "needs_no_slot",
    "parts_of",
    "slots_between",
    "trigger_of",
    "zone_of",
]
