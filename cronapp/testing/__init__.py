"""For your own tests: which slots a schedule has, and a year of a job in seconds. No server is needed."""

from cronapp.testing.clock import TurnedClock
from cronapp.testing.play import play
from cronapp.testing.schedules import assert_slots, slots
from cronapp.testing.stage import Played

__all__ = ["Played", "TurnedClock", "assert_slots", "play", "slots"]
