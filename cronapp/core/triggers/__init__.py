"""From a job's schedules to its slots: which is the next one, which was the last one, how many were there."""

from cronapp.core.triggers.previews import preview
from cronapp.core.triggers.schedules import trigger_of
from cronapp.core.triggers.trigger import Trigger, count_between, last_at_or_before, slots_between

__all__ = ["Trigger", "count_between", "last_at_or_before", "preview", "slots_between", "trigger_of"]
