"""A span for each run, by OpenTelemetry, where it is set up; and nothing of it where it is not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from answering import Answering
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from support import TASKS, TOKEN, Server, until

from cronapp.config import trace_exporters
from cronapp.core.models import Run, RunState
from cronapp.engine.otel import OtelTracer
from cronapp.engine.runner import Runner
from cronapp.engine.spans import NoTracer, RunSpan, Tracer, tracer_for

MORE = """

def present():
    from opentelemetry import trace
    known = trace.get_current_span().get_span_context()
    return [trace.format_trace_id(known.trace_id), trace.format_span_id(known.span_id)]

async def present_on_loop():
    await asyncio.sleep(0)
    return present()

@task(run_in="process")
def present_in_process():
    return present()

def own(name):
    from opentelemetry import trace
    with trace.get_tracer("shop").start_as_current_span(name):
        print("within")

def own_in_thread():
    own("thread")

async def own_on_loop():
    own("loop")

@task(run_in="process")
def own_in_process():
    own("process")

@task(run_in="process")
def loaded_in_process():
    return loaded()

def loaded():
    return [name for name in sys.modules if name.startswith("opentelemetry")]
"""

Carry = Callable[..., Any]


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def carry(house: Any, capturing: None, exported: InMemorySpanExporter) -> AsyncIterator[Carry]:
    """`await carry(task, **args)` is a run that has ended."""
    path = house.tasks.sources[0]
    with open(path, "a") as tasks:  # noqa: ASYNC230 - a few lines
        tasks.write(MORE)
    house.tasks.reload()
    runners: list[Runner] = []

    async def run(task: str, *, tracer: Tracer | None = None, spec: dict[str, Any] | None = None, **args: Any) -> Run:
        made = Runner(
            house.runs, house.tasks, house.clock, node="here:1", log_limit=10**6, tracer=tracer or by(exported)
        )
        runners.append(made)
        made.begin()
        await house.make(task, task, args=args, **(spec or {}))
        opened = await house.runs.run_now(task)
        for claimed in await house.runs.claim(made.node, 1):
            made.start(claimed)
        return await until(lambda: house.ended(opened))  # type: ignore[no-any-return]

    yield run
    for one in runners:
        await one.drained()
        await one.end()


def by(exporter: InMemorySpanExporter, sampler: Sampler | None = None) -> OtelTracer:
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OtelTracer(provider, ())


def one_of(exported: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exported.get_finished_spans()
    return span


@pytest.mark.parametrize("task", ["present", "present_on_loop", "present_in_process"])
async def test_a_run_has_a_span_that_is_the_present_one_in_its_task(
    house: Any, carry: Carry, exported: InMemorySpanExporter, task: str
) -> None:
    run = await carry(task, spec={"queue": "mail"})
    span = one_of(exported)
    assert span.context is not None
    assert run.result == [run.trace_id, f"{span.context.span_id:016x}"], run.error
    assert run.trace_id == f"{span.context.trace_id:032x}"
    assert (span.name, span.parent, span.status.status_code.name) == (task, None, "UNSET")
    assert span.attributes is not None
    assert dict(span.attributes) == {
        "cronapp.job": task,
        "cronapp.task": task,
        "cronapp.run.id": run.id,
        "cronapp.run.attempt": 1,
        "cronapp.run.trigger": "manual",
        "cronapp.run.state": "succeeded",
        "cronapp.queue": "mail",
        "cronapp.node": "here:1",
    }


async def test_what_went_wrong_is_told_without_secrets(
    carry: Carry, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "_log", lambda self: covered(original(self)))
    run = await carry("fail", message="no figures for hunter2-hunter2")
    span = one_of(exported)
    assert run.state is RunState.FAILED
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "no figures for ********")
    (event,) = span.events
    assert (event.name, span.attributes["error.type"]) == ("exception", "ValueError")  # type: ignore[index]
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "ValueError"
    assert "hunter2" not in span.to_json()


original = Runner._log


def covered(lines: Any) -> Any:
    lines.cover.add(["hunter2-hunter2"])
    return lines


async def test_a_run_that_is_not_sampled_has_no_trace(carry: Carry, exported: InMemorySpanExporter) -> None:
    run = await carry("hello", tracer=by(exported, ALWAYS_OFF))
    assert (run.state, run.trace_id, exported.get_finished_spans()) == ("succeeded", None, ())


class Broken(NoTracer):
    """Fails when a span begins, or when it ends."""

    def __init__(self, *, at_end: bool) -> None:
        self.at_end = at_end

    @contextmanager
    def around(self, run: Run, queue: str) -> Iterator[RunSpan]:
        if not self.at_end:
            raise LookupError("no span")
        yield RunSpan()
        raise LookupError("no end")


@pytest.mark.parametrize(("at_end", "state"), [(False, "failed"), (True, "succeeded")])
async def test_a_tracer_that_fails_leaves_no_run_without_an_end(carry: Carry, at_end: bool, state: str) -> None:
    assert (await carry("hello", tracer=Broken(at_end=at_end))).state == state


# -- how it is set up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "exporters"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "shop"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, ("otlp_proto_http",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp_proto_http")),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("otlp_proto_grpc",)),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ()),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ()),
    ],
)
def test_it_is_set_up_by_the_variables_of_opentelemetry(environ: Mapping[str, str], exporters: tuple[str, ...]) -> None:
    assert trace_exporters(environ) == exporters


def test_what_cannot_be_set_up_is_told_and_the_server_starts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> Any:
        raise ModuleNotFoundError("No module named 'opentelemetry'", name="opentelemetry")

    with caplog.at_level(logging.WARNING):
        assert isinstance(tracer_for(["otlp_proto_pigeon"], "here:1"), NoTracer)
        monkeypatch.setattr("cronapp.engine.spans.import_module", missing)
        assert isinstance(tracer_for(["otlp_proto_http"], "here:1"), NoTracer)
    assert "no installed package has the exporter 'otlp_proto_pigeon'" in caplog.messages[0]
    assert "pip install 'cronapp[otel]'" in caplog.messages[1]


class Collector(Answering):
    """Takes what is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[tuple[dict[str, str], Span]] = []
        super().__init__(Received)

    def within(self, name: str, trace: str) -> Span | None:
        return next((span for _, span in list(self.spans) if (span.name, span.trace_id.hex()) == (name, trace)), None)

    def named(self, name: str) -> Span | None:
        return next((span for _, span in list(self.spans) if span.name == name), None)


class Received(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for group in sent.resource_spans:
            made_by = {one.key: one.value.string_value for one in group.resource.attributes}
            self.server.spans += [(made_by, span) for scope in group.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.end()


async def test_a_server_sends_the_spans_of_runs_and_those_of_their_tasks_below_them(
    server: Server, collector: Collector
) -> None:
    server.write_tasks(TASKS + MORE)
    server.env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "CRONAPP_TRACE_URL": "https://jaeger.example/trace/{trace_id}",
        "CRONAPP_LOG_FORMAT": "json",
        "CRONAPP_LOG_LEVEL": "debug",
    }
    await asyncio.to_thread(server.start)
    ways = ("thread", "loop", "process")
    for way in ways:
        task = f"own_{'on' if way == 'loop' else 'in'}_{way}"
        server.api("POST", "/jobs", json={"id": task, "task": task, "schedule": {"kind": "manual"}})
        run = server.api("POST", f"/jobs/{task}/run").json()["id"]
        ended = await until(lambda run=run: done(server, run))  # type: ignore[misc]
        assert ended["state"] == "succeeded", ended
        outer = await until(lambda task=task: collector.named(task))  # type: ignore[misc]
        inner = await until(lambda way=way: collector.named(way))  # type: ignore[misc]
        assert outer.trace_id.hex() == ended["trace_id"]
        assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id)
        page = server.api("GET", f"/../../runs/{run}").text
        assert f'href="https://jaeger.example/trace/{ended["trace_id"]}"' in page
        assert f'"run": {run}, "job": "{task}", "trace_id": "{ended["trace_id"]}"' in server.text()
    assert {made["service.name"] for made, _ in collector.spans} == {"cronapp"}
    caller = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    reply = await asyncio.to_thread(
        httpx.get, f"{server.url}/api/v1/jobs/nobody", headers=caller | {"Authorization": f"Bearer {TOKEN}"}
    )
    assert reply.status_code == 404
    asked = await until(lambda: collector.within("GET /api/v1/jobs/<job_id>", "ab" * 16))
    assert (asked.parent_span_id.hex(), asked.kind) == ("cd" * 8, Span.SPAN_KIND_SERVER)
    said = {one.key: one.value.string_value or one.value.int_value for one in asked.attributes}
    assert said == {
        "http.route": "/api/v1/jobs/<job_id>",
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "cronapp.who": "token",
        "cronapp.request": reply.headers["X-Request-ID"],
    }
    assert await asyncio.to_thread(server.stop) == 0


def done(server: Server, run: int) -> dict[str, Any] | None:
    told: dict[str, Any] = server.api("GET", f"/runs/{run}").json()
    return told if told["finished_at"] else None


async def test_where_it_is_not_set_up_nothing_of_it_is_loaded(server: Server) -> None:
    server.write_tasks(TASKS + MORE)
    await asyncio.to_thread(server.start)
    for task in ("loaded", "loaded_in_process"):
        server.api("POST", "/jobs", json={"id": task, "task": task, "schedule": {"kind": "manual"}})
        run = server.api("POST", f"/jobs/{task}/run").json()["id"]
        ended = await until(lambda run=run: done(server, run))  # type: ignore[misc]
        assert (ended["result"], ended["trace_id"]) == ([], None)
