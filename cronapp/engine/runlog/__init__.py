"""One run's log on its way to the store: text goes in from any thread, numbered lines come out."""

from cronapp.engine.runlog.cover import Cover
from cronapp.engine.runlog.log import RunLog
from cronapp.engine.runlog.partials import Source, source
from cronapp.engine.runlog.text import clean, lines, size_in_words

__all__ = ["Cover", "RunLog", "Source", "clean", "lines", "size_in_words", "source"]
