"""The description of the API holds: of each route there is one, and it says what the code does."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from answers import description, fits, template
from jsonschema_rs import validator_for
from teams import OURS, furnish, visitor
from visiting import Api, page_of, settings_in
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule

from cronapp import wire
from cronapp.app import App
from cronapp.core.access import Role
from cronapp.core.models import JobSpec
from cronapp.core.plain_json import read_object
from cronapp.core.spec.shapes import JobInput
from cronapp.store.runs import RunFilter
from cronapp.web.api import asked
from cronapp.web.asked import ORDER
from cronapp.web.form_token import Asked
from cronapp.web.permissions import NEEDS, OPEN
from cronapp.wire.examples import EXAMPLES

META = Path(__file__).resolve().parents[1] / "vendor" / "openapi-3.1.json"
Json = dict[str, Any]


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """An app with something of everything."""
    app = App(settings_in(tmp_path_factory.mktemp("house")), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    schedule = {"kind": "cron", "expression": "0 3 * * *"}
    job = await app.jobs.create({"id": "nightly", "task": "hello", "schedule": schedule}, origin="api", by="admin")
    await furnish(app, job, "herons")
    yield app
    await app.close()


@pytest.fixture
async def described(house: App) -> Json:
    return await description(house)


def routes(app: App) -> Iterator[tuple[str, Rule]]:
    """Every route for programs with each method that it takes."""
    for rule in app.site.url_map.iter_rules():
        if rule.rule.startswith("/api/") or rule.endpoint.startswith("health."):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield method, rule


def calls(described: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in described["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def test_the_description_is_openapi(described: Json) -> None:
    wrong = [str(error) for error in validator_for(json.loads(META.read_text())).iter_errors(described)]
    assert not wrong
    refs = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(described)))
    there = {f"{kind}/{name}" for kind in ("schemas", "responses") for name in described["components"][kind]}
    assert refs - there == set()
    assert there - refs <= {"schemas/Problem"}


def test_each_route_is_described_and_nothing_else(house: App, described: Json) -> None:
    assert {(method, template(rule.rule)) for method, rule in routes(house)} == {
        (method, path) for method, path, _ in calls(described)
    }
    for _method, path, call in calls(described):
        placed = [one["name"] for one in call["parameters"] if one["in"] == "path"]
        assert placed == re.findall(r"{(\w+)}", path)


def test_each_call_says_what_it_is_and_who_may(house: App, described: Json) -> None:
    rules = {(method, template(rule.rule)): rule for method, rule in routes(house)}
    names = [call["operationId"] for _, _, call in calls(described)]
    assert len(set(names)) == len(names)
    for method, path, call in calls(described):
        endpoint = rules[method, path].endpoint
        assert call["summary"].endswith("."), path
        assert call["tags"], path
        assert call.get("x-right") == (NEEDS[endpoint].right if endpoint in NEEDS else None)
        assert ("401" in call["responses"]) is (endpoint not in OPEN), path
        assert (call.get("security") == []) is (endpoint in OPEN), path


def test_the_examples_are_as_is_described(described: Json) -> None:
    for name, schema in described["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            fits(f"#/components/schemas/{name}", example, f"the example of {name}")
    assert {model.__name__ for model in EXAMPLES} <= described["components"]["schemas"].keys()


def test_all_that_a_job_says_is_taken_and_told() -> None:
    said = {one.name for one in fields(JobSpec)}
    assert JobInput.model_fields.keys() == said
    assert said <= wire.Job.model_fields.keys()


# -- what a handler reads is what is described ------------------------------------------------------------------------


class Query(ImmutableMultiDict[str, str]):
    """Notes which names of an address are asked for."""

    read: set[str] = set()  # noqa: RUF012 (shared on purpose)

    def get(self, key: str, *more: Any, **kinds: Any) -> Any:
        self.read.add(key)
        return super().get(key, *more, **kinds)

    def getlist(self, key: str, *more: Any) -> Any:
        self.read.add(key)
        return super().getlist(key, *more)


class Body(dict[str, Any]):
    """Notes which fields of a body are looked at."""

    read: set[str] = set()  # noqa: RUF012

    def get(self, key: str, *default: Any) -> Any:
        self.read.add(key)
        return super().get(key, *default)

    def pop(self, key: str, *default: Any) -> Any:
        self.read.add(key)
        return super().pop(key, *default)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)


SAID = {"/api/v1/logs": "?q=line"}
"""What must be asked for."""
WHOLE = {
    *("JobInput", "JobReplaced", "JobChanged", "PreviewAsked"),
    *("ChannelAsked", "ChannelChange", "RuleAsked", "RuleChange"),
}
"""What a model reads that is the very one which describes it."""


async def test_handlers_read_what_is_described_and_nothing_else(
    house: App, described: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asked, "parameter_storage_class", Query)
    monkeypatch.setattr(asked, "read_object", lambda raw: Body(read_object(raw)))
    run = (await house.runs.page(RunFilter(job="nightly", state="failed")))[0][0]
    named = {"job_id": "nightly", "run_id": run.id, "note_id": 1, "token_id": 1, "backfill_id": 1}
    named |= {"rule_id": "default", "delivery_id": 1}
    named |= {"name": "hello", "kind": "queue", "group": run.error_group or "none"}
    wrong = []
    for method, path, call in sorted(calls(described), key=lambda one: one[0] == "DELETE"):
        Query.read, Body.read = set(), set()
        taken = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        model = taken.get("$ref", "").rpartition("/")[2]
        schema = described["components"]["schemas"].get(model, {})
        sent = {"json": {**schema["examples"][0], "dry_run": True}} if model else {}
        if model and "dry_run" not in schema["properties"]:
            del sent["json"]["dry_run"]
        if path.startswith("/api/v1"):
            await Api(house)(method, path.removeprefix("/api/v1").format(**named) + SAID.get(path, ""), **sent)
        names = {one["name"] for one in call["parameters"] if one["in"] == "query"}
        if path == "/api/v1/jobs" and method == "GET":  # read from the text of the address, as the page's is
            Query.read |= {*ORDER, "cursor"} - {"group"}
        if Query.read != names and not (sent and Query.read <= names):
            wrong.append(f"{method} {path}: reads {Query.read}, described are {names}")
        told = set(schema.get("properties", ()))
        if Body.read - told:
            wrong.append(f"{method} {path}: reads the fields {Body.read - told} too")
        if model not in WHOLE and told - Body.read - {*(sent["json"] if sent else ())}:
            wrong.append(f"{method} {path}: does not read {told - Body.read}")
    assert not wrong


# -- for people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_the_description_is_for_those_who_are_known(house: App, path: str) -> None:
    stranger = house.site.test_client(use_cookies=False)
    reply = await stranger.get(path)
    assert reply.status_code == (401 if path == "/openapi.json" else 302)
    for role in Role:
        assert (
            await (await visitor(house, role, tags=None if role == "admin" else [OURS])).get(path)
        ).status_code == 200


async def test_the_page_tells_of_each_call(house: App, described: Json) -> None:
    page = await page_of(await visitor(house, Role.VIEWER), "/docs")
    for method, path, call in calls(described):
        assert page.has_id(call["operationId"])
        assert path in page.text
        curl = page.with_id(f"curl-{call['operationId']}").text
        assert (f"-X {method}" in curl) is (method not in ("GET", "POST") or (method == "POST" and "-d" not in curl))
    assert [
        one.attrs["href"]
        for one in page.all("a")
        if not page.has_id(one.attrs["href"][1:]) and "#" in one.attrs["href"]
    ] == []
