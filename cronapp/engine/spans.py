"""A span for each run and each request, where OpenTelemetry is set up by its own variables; else nothing of it is
loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from cronapp.core.models import Outcome, Run
from cronapp.core.tracing import RequestSpan

log = logging.getLogger(__name__)
LIBRARY = "opentelemetry"


@dataclass(slots=True)
class RunSpan:
    """What others need to know of the span of a run; of one that is not recorded there is nothing to know."""

    trace_id: str = ""
    carried: Mapping[str, str] = field(default_factory=dict)
    """What a child process is handed, so that its own spans are below this one."""
    outcome: Outcome | None = None
    """To be set before it ends."""


class Tracer(Protocol):
    exporters: Sequence[str]
    """To whom spans are sent, for a child process to do so too."""

    @contextmanager
    def around(self, run: Run, queue: str) -> Iterator[RunSpan]:
        """A span that is the present one within."""

    @contextmanager
    def asked(self, method: str, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        """The same for a request, in the trace that its headers name, if they do."""

    def close(self) -> None:
        """Sends what was not sent yet. May block for some seconds."""


class NoTracer:
    """There are no spans."""

    exporters: Sequence[str] = ()

    @contextmanager
    def around(self, run: Run, queue: str) -> Iterator[RunSpan]:
        yield RunSpan()

    @contextmanager
    def asked(self, method: str, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        yield RequestSpan()

    def close(self) -> None: ...


def join(carried: Mapping[str, str], exporters: Sequence[str], node: str) -> Callable[[], None]:
    """In the process of a run: what the task makes is below the run's span. The answer sends it, and is to be called at
    the end."""
    otel = import_module("cronapp.engine.otel")
    provider = otel.join(carried, exporters, node)
    return lambda: otel.end(provider)


def tracer_for(exporters: Sequence[str], node: str) -> Tracer:
    """A tracer that sends to these; none of them: one that does nothing."""
    if not exporters:
        return NoTracer()
    try:
        made: Tracer = import_module("cronapp.engine.otel").make_tracer(exporters, node)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(LIBRARY):
            raise
        log.warning("traces are asked for by OTEL_…, but OpenTelemetry is not there: pip install 'cronapp[otel]'")
        return NoTracer()
    except LookupError as error:
        log.warning("there are no traces: %s", error)
        return NoTracer()
    return made
