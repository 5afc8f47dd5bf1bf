"""Spans by OpenTelemetry. Loaded only where it is set up; how it exports, samples and names itself is by its own
variables."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from cronapp.core.models import RETRIED_STATES, Outcome, Run
from cronapp.core.tracing import RequestSpan
from cronapp.engine.spans import RunSpan

EXPORTERS = "opentelemetry_traces_exporter"  # where packages tell what they have
FLUSH = 2.0  # seconds that a process waits at its end for spans to be sent


class OtelTracer:
    def __init__(self, provider: trace.TracerProvider, exporters: Sequence[str], *, own: bool = True) -> None:
        """`own`: the provider was made here, and ends with the server."""
        self.exporters = exporters
        self._provider = provider
        self._own = own
        self._tracer = provider.get_tracer("cronapp")

    @contextmanager
    def around(self, run: Run, queue: str) -> Iterator[RunSpan]:
        with self._tracer.start_as_current_span(
            run.task, context=context.Context(), attributes=attributes_of(run, queue), record_exception=False
        ) as span:
            told = known_of(span)
            yield told
            if told.outcome is not None:
                tell_end(span, told.outcome)

    @contextmanager
    def asked(self, method: str, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        carried = propagate.extract({name.lower(): text for name, text in headers.items()})
        with self._tracer.start_as_current_span(method, context=carried, kind=SpanKind.SERVER) as span:
            told = RequestSpan()
            yield told
            tell_request(span, method, told)

    def close(self) -> None:
        if self._own and isinstance(self._provider, TracerProvider):
            end(self._provider)


def attributes_of(run: Run, queue: str) -> dict[str, str | int]:
    found: dict[str, str | int | None] = {
        "cronapp.job": run.job,
        "cronapp.task": run.task,
        "cronapp.run.id": run.id,
        "cronapp.run.attempt": run.attempt,
        "cronapp.run.trigger": str(run.trigger),
        "cronapp.queue": queue,
        "cronapp.node": run.node,
        "cronapp.run.slot": run.slot.isoformat() if run.slot else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def tell_request(span: Span, method: str, told: RequestSpan) -> None:
    """By its template, as addresses may say more than a trace should; those of one kind also belong together."""
    if told.route:
        span.update_name(f"{method} {told.route}")
        span.set_attribute("http.route", told.route)
    span.set_attributes({"http.request.method": method, "http.response.status_code": told.status})
    span.set_attributes({"cronapp.who": told.who, "cronapp.request": told.number})
    if told.status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def known_of(span: Span) -> RunSpan:
    known = span.get_span_context()
    if not (span.is_recording() and known.trace_flags.sampled):
        return RunSpan()
    carried: dict[str, str] = {}
    propagate.inject(carried)
    return RunSpan(trace.format_trace_id(known.trace_id), carried)


def tell_end(span: Span, outcome: Outcome) -> None:
    """How the run ended; its texts are masked already."""
    span.set_attribute("cronapp.run.state", str(outcome.state))
    if outcome.reason:
        span.set_attribute("cronapp.run.reason", outcome.reason)
    if outcome.state not in RETRIED_STATES:
        return
    error = outcome.error
    span.set_attribute("error.type", error.type if error else str(outcome.state))
    span.set_status(Status(StatusCode.ERROR, error.message if error else outcome.reason))
    if error:
        told = {"type": error.type, "message": error.message, "stacktrace": error.traceback}
        span.add_event("exception", {f"exception.{name}": text for name, text in told.items() if text})


# -- setting it up --------------------------------------------------------------------------------------------------


def make_tracer(exporters: Sequence[str], node: str) -> OtelTracer:
    """Raises `LookupError` where there is no such exporter. A provider that somebody set up before is taken as it is:
    tasks that make spans of their own take it too."""
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return OtelTracer(present, exporters, own=False)
    provider = make_provider(exporters, node)
    trace.set_tracer_provider(provider)
    return OtelTracer(provider, exporters)


def make_provider(exporters: Sequence[str], node: str) -> TracerProvider:
    made = [exporter_named(name) for name in exporters]
    resource = Resource.create({"service.instance.id": node})
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "cronapp"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in made:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def exporter_named(name: str) -> Any:
    found = list(entry_points(group=EXPORTERS, name=name))
    if not found:
        raise LookupError(f"no installed package has the exporter {name!r} of OTEL_TRACES_EXPORTER")
    return found[0].load()()


def end(provider: TracerProvider) -> None:
    """Sends what was not sent yet, within `FLUSH` seconds: a collector that is away holds nobody up."""
    ending = threading.Thread(target=provider.shutdown, name="cronapp-spans", daemon=True)
    ending.start()
    ending.join(FLUSH)


# -- in a child process ---------------------------------------------------------------------------------------------


def join(carried: Mapping[str, str], exporters: Sequence[str], node: str) -> TracerProvider:
    """From here on the spans of this process are below that of its run. The answer is to be ended."""
    provider = make_provider(exporters, node)
    trace.set_tracer_provider(provider)
    context.attach(propagate.extract(carried))
    return provider
