"""What stands in `deploy/` asks only for what the server tells: each metric, each label, and each of its values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parsed
from recipes import NOW
from typer.main import get_command

from cronapp.cli import command_line
from cronapp.config import load_settings
from cronapp.core.meters import Ended, Printed, Started
from cronapp.core.models import Cause, JobState, RunState
from cronapp.metrics import Here, MetricsPage
from cronapp.service.standing import Standing
from cronapp.store.standing import JobStands
from cronapp.web.proxies import FOR, HOST, PROTO
from cronapp.web.stream import KEEP_ALIVE

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
TARGET = {"instance", "job"}
"""The labels that Prometheus itself gives."""
HERE = Here(
    kind="server",
    version="1",
    python="3",
    database="sqlite",
    executing=0,
    concurrency=1,
    stream_clients=0,
    leaked_threads=0,
    scheduler_running=True,
    draining=False,
)
STANDING = Standing(
    at=NOW,
    open={},
    waiting_since={"default": NOW},
    unserved={"default": 1},
    jobs={JobState.ACTIVE: 1},
    each=[JobStands("nightly", "hello", JobState.ACTIVE, 0, NOW, NOW)],
    paused=False,
    alive_at=NOW,
    database_bytes=1,
)


@pytest.fixture
async def told() -> dict[str, dict[str, set[str]]]:
    """All that a server tells: the values of each label, by metric."""
    page = MetricsPage(10)
    moves = [Ended("nightly", "hello", state, 1.0, cause=Cause.OVERLAP) for state in RunState if state.ended]
    page.meter.count([Started("default", 0.1), Printed(3), *moves])

    async def standing() -> Standing:
        return STANDING

    text, _ = await page.told(HERE, standing)
    found: dict[str, dict[str, set[str]]] = {}
    for sample in (sample for family in parsed(text.decode()) for sample in family.samples):
        labels = found.setdefault(sample.name, {})
        for name, value in sample.labels.items():
            labels.setdefault(name, set()).add(value)
    return found


def panels() -> list[dict[str, Any]]:
    return list(json.loads((DEPLOY / "grafana.json").read_text("utf-8"))["panels"])


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))
    for rule in rules():
        yield rule["alert"], rule["expr"]


NAMES = re.compile(r"\b(?:cronapp|process|python)_\w+")
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
MATCHED = re.compile(r'(\w+)(?:=|=~)"([^"]*)"')


def test_each_question_asks_for_what_is_told(told: dict[str, dict[str, set[str]]]) -> None:
    asked = list(expressions())
    assert len(asked) > 40
    wrong = []
    for title, expr in asked:
        names = NAMES.findall(expr)
        wrong += [f"{title}: there is no {name}" for name in names if name not in told]
        labels = {label for name in names for label in told.get(name, ())} | TARGET
        used = {label.strip() for group in GROUPED.findall(expr) for label in group.split(",")}
        used |= {label for label, _ in MATCHED.findall(expr)}
        wrong += [f"{title}: nothing has the label {label}" for label in used - labels]
        for label, value in MATCHED.findall(expr):
            values = {value for name in names for value in told.get(name, {}).get(label, ())}
            if label not in TARGET and value.isidentifier() and value not in values:
                wrong.append(f"{title}: {label} is never {value}")
        if not names:
            wrong.append(f"{title} asks for nothing")
    assert not wrong


def test_each_figure_of_ours_is_in_the_docs_and_the_docs_have_no_other(told: dict[str, dict[str, set[str]]]) -> None:
    text = (DEPLOY.parent / "docs" / "running.md").read_text("utf-8")
    documented: dict[str, str] = dict(re.findall(r"`(cronapp_\w+)(?:\{([^}]*)\})?`", text))
    ours: dict[str, set[str]] = {}
    for name, labels in told.items():
        if name.startswith("cronapp_"):
            base = re.sub(r"(?<=seconds)_(bucket|count|sum)$", "", name)
            ours.setdefault(base, set()).update(labels.keys() - {"le"})
    assert documented.keys() == ours.keys()
    listed = {name: set(re.findall(r"\w+", labels)) for name, labels in documented.items() if labels}
    assert listed == {name: labels for name, labels in ours.items() if labels and name != "cronapp_build_info"}


def test_the_dashboard_has_a_place_for_each_panel_and_each_legend_is_a_label() -> None:
    shown = panels()
    assert len({panel["id"] for panel in shown}) == len(shown)
    taken: set[tuple[int, int]] = set()
    for panel in shown:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert label in target["expr"], panel["title"]


def test_each_alert_says_what_it_is_about_by_labels_that_it_has() -> None:
    for rule in rules():
        kept = {label.strip() for group in GROUPED.findall(rule["expr"]) for label in group.split(",")}
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert used <= kept, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_prometheus_asks_with_a_token_at_the_address_of_the_metrics() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert (job["metrics_path"], job["authorization"]["type"]) == ("/metrics", "Bearer")
    assert [(DEPLOY / name).is_file() for name in config["rule_files"]] == [True]


# -- several machines -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scale() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text("utf-8")))


def test_no_composed_service_has_more_rights_than_it_needs(scale: dict[str, Any]) -> None:
    assert scale["services"].keys() == {"server", "worker", "proxy", "db"}
    for name, service in scale["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "build" in service or service["user"] not in ("root", "0"), f"{name}: our own image says it itself"
        assert "build" in service or "test" in service["healthcheck"], name
        assert not any(re.search("PASSWORD$|TOKEN$|KEY$", variable) for variable in service.get("environment", {})), (
            name
        )
    assert all(port.startswith("${LISTEN:-127.0.0.1}:") for port in scale["services"]["proxy"]["ports"])
    assert [name for name, service in scale["services"].items() if "ports" in service] == ["proxy"]
    assert not {"front"} & {*scale["services"]["db"]["networks"], *scale["services"]["worker"]["networks"]}


def test_each_secret_is_a_file_that_is_made_as_it_is_said_there(scale: dict[str, Any]) -> None:
    head = (DEPLOY / "compose.scale.yaml").read_text("utf-8").partition("\nname:")[0]
    used = {secret for service in scale["services"].values() for secret in service.get("secrets", ())}
    assert used == scale["secrets"].keys()
    for name, secret in scale["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert f"secrets/{name}" in head
    for service in scale["services"].values():
        named = {value for value in service.get("environment", {}).values() if value.startswith("/run/secrets/")}
        assert {Path(value).name for value in named} <= set(service.get("secrets", ()))


@pytest.mark.parametrize("name", ["server", "worker"])
def test_composed_processes_are_given_settings_and_options_that_there_are(
    name: str, scale: dict[str, Any], tmp_path: Path
) -> None:
    service = scale["services"][name]
    values = {"database": "postgresql://cronapp:x@db/cronapp", "key": "k" * 64, "admin_token": "t" * 64}
    environ = {}
    for variable, value in service["environment"].items():
        if value.startswith("/run/secrets/"):
            file = tmp_path / Path(value).name
            file.write_text(values[file.name] + "\n")
            value = str(file)
        environ[variable] = re.sub(r"\$\{\w+:-(\w*)\}", r"\1", value)
    # The image says where its SQLite file is, which must not count here.
    settings = load_settings({}, {"CRONAPP_DATABASE": "sqlite:////data/cronapp.db"} | environ, tmp_path)
    assert settings.database == values["database"]
    assert settings.secret_keys == (values["key"],)
    program, command, *options = service["command"]
    assert program == "cronapp"
    found: Any = get_command(command_line(command))
    found.commands[command].make_context(command, options)
    assert float(service["stop_grace_period"].rstrip("s")) > settings.stop_timeout
    assert service["depends_on"]["db"]["condition"] == "service_healthy"


def test_the_proxy_is_believed_finds_the_servers_and_leaves_streams_alone(scale: dict[str, Any]) -> None:
    text = (DEPLOY / "haproxy.cfg").read_text("utf-8")
    servers, proxy = scale["services"]["server"], scale["services"]["proxy"]
    address = proxy["networks"]["front"]["ipv4_address"]
    (pool,) = scale["networks"]["front"]["ipam"]["config"]
    assert servers["environment"]["CRONAPP_TRUSTED_PROXIES"] == address
    assert ip_address(address) in ip_network(pool["subnet"])
    assert ip_address(address) not in ip_network(pool["ip_range"]), "no other container gets it"
    port = re.search(r"CRONAPP_PORT=(\d+)", (DEPLOY.parent / "Dockerfile").read_text("utf-8"))
    assert port is not None
    assert set(re.findall(r"^    server-template \w+ \d+ (\S+)", text, re.MULTILINE)) == {f"server:{port[1]}"}
    assert {ports.rpartition(":")[2] for ports in proxy["ports"]} == set(re.findall(r"bind :(\d+)", text))
    assert all(int(each) > 2 * KEEP_ALIVE for each in re.findall(r"timeout (?:client|server) (\d+)s", text))
    for told in (FOR, HOST, PROTO):
        assert f"set-header {told.decode()} " in text.lower(), "whatever a browser says of it"
