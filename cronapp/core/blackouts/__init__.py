"""Times at which a job must not run: what a person writes, in English, and when it ends."""

from cronapp.core.blackouts.grammar import blackout_for, parse_blackout
from cronapp.core.blackouts.kinds import Blackout, CalendarFile
from cronapp.core.blackouts.walls import instant_of

__all__ = ["Blackout", "CalendarFile", "blackout_for", "instant_of", "parse_blackout"]
