"""Who may import whom, read from the sources. The order and its reasons stand in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import gc
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = (
    "core",
    "wire",
    "config client",
    "store bus outward",
    "service",
    "engine web notify metrics ready",
    "app",
    "cli testing",
    "__main__",
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer.split()}

FENCES = {
    "quart": ("cronapp/web/",),
    "sqlalchemy": ("cronapp/store/", "cronapp/ready/sql.py"),
    "alembic": ("cronapp/store/",),
    "apscheduler": ("cronapp/engine/timer.py",),
    "procrastinate": ("cronapp/engine/dispatch/procrastinate.py",),
    "prometheus_client": ("cronapp/metrics/",),
    "psycopg": ("cronapp/bus/postgres.py", "cronapp/engine/dispatch/procrastinate.py"),
    "opentelemetry": ("cronapp/engine/otel.py",),
}
"""A library, and the only places that may import it."""

ENVIRONMENT = (
    *("cronapp/config.py", "cronapp/engine/executors/in_process.py", "cronapp/engine/child.py"),
    *("cronapp/core/secret.py", "cronapp/ready/shell.py", "cronapp/client/carrying.py"),
)
"""The settings are read in one place; a child process is handed the server's whole environment, and takes it over; a
task's secret is a variable where there is no run, as a client's address and token are where there is no server; and a
command has the server's variables, but for its settings."""

IO = {
    *("asyncio", "http", "io", "logging", "multiprocessing", "select", "selectors", "shutil", "signal", "socket"),
    *("sqlite3", "ssl", "subprocess", "urllib.request"),
}
"""What `core` has no use for."""

CLOCKS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"})
CLOCK = "cronapp/core/clock.py"


def parsed(source: str, name: str = "<source>") -> ast.Module:
    """The tree of a source.

    CPython 3.11 counts the depth of all trees in one place (python/cpython#106905): "AST constructor recursion depth
    mismatch" is raised when the garbage collector meets a finalizer meanwhile that parses too, and to show a traceback
    is to parse. So it collects before and after.
    """
    gc.disable()
    try:
        return ast.parse(source, name)
    finally:
        gc.enable()


@cache
def trees() -> dict[str, ast.Module]:
    """Every source of the package, by its path."""
    sources = sorted((ROOT / "cronapp").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): parsed(path.read_text("utf-8"), str(path)) for path in sources}


def part_of(module: str) -> str:
    """`cronapp.store.jobs` belongs to `store`, `cronapp` itself to nothing."""
    return module.partition(".")[2].partition(".")[0]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the full name of everything imported. `from a import b` counts as `a.b`: b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def wrong_layers(path: str, tree: ast.AST) -> Iterator[str]:
    here = part_of(path.removesuffix(".py").replace("/", "."))
    for line, name in imported(tree):
        if name.startswith("."):
            yield f"{path}:{line} imports {name}: write the whole name"
        elif name.split(".")[0] == "cronapp":
            there = part_of(name)
            if there not in RANK:  # a public name of the package itself, and that is made of core
                if here in ("__init__", "core"):
                    yield f"{path}:{line} imports {name}, a circle"
            elif here == "__init__":
                if there != "core":
                    yield f"{path}:{line} imports {name}: the public names come from core"
            elif here != there and RANK[there] >= RANK[here]:
                yield f"{path}:{line} imports {name}: {there} is not below {here}"


def broken_fences(path: str, tree: ast.AST) -> Iterator[str]:
    for line, name in imported(tree):
        library = name.split(".")[0]
        if library in FENCES and not path.startswith(FENCES[library]):
            yield f"{path}:{line} imports {library}, which belongs to {', '.join(FENCES[library])}"


def dodges(path: str, tree: ast.AST) -> Iterator[str]:
    """Imports that hide from the order above."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for line, name in imported(node):
                if name.split(".")[0] in ("cronapp", ""):
                    yield f"{path}:{line} imports {name} inside the function {node.name}"
        names = {getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None)}
        if "TYPE_CHECKING" in names:
            yield f"{path} uses TYPE_CHECKING"


def reads_of_the_environment(path: str, tree: ast.AST) -> Iterator[str]:
    if path in ENVIRONMENT:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv"):
            yield f"{path}:{node.lineno} reads the environment: config.py does, and hands the value down"
    for line, name in imported(tree):
        if name in ("os.environ", "os.getenv"):
            yield f"{path}:{line} reads the environment: config.py does, and hands the value down"


def impurities(path: str, tree: ast.AST) -> Iterator[str]:
    if not path.startswith("cronapp/core/"):
        return
    for line, name in imported(tree):
        if any(f"{name}.".startswith(f"{module}.") for module in IO):
            yield f"{path}:{line} imports {name}: core does no I/O"
    for node in ast.walk(tree):
        if path != CLOCK and isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS:
            yield f"{path}:{node.lineno} looks at the clock: the moment is an argument"


Rule = Callable[[str, ast.AST], Iterator[str]]
RULES: tuple[Rule, ...] = (wrong_layers, broken_fences, dodges, reads_of_the_environment, impurities)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    assert trees()
    found = [problem for path, tree in trees().items() for problem in rule(path, tree)]
    assert not found, "\n" + "\n".join(found)


class ShowsATraceback:
    """What nobody refers to any more, and shows a traceback at its end, as an asyncio task that failed does."""

    def __init__(self) -> None:
        self.itself = self  # so that only the garbage collector finds it

    def __del__(self) -> None:
        try:
            (1 + 1) / (1 - 1)
        except ZeroDivisionError:
            traceback.format_exc()


def test_a_source_can_be_parsed_whatever_the_garbage_collector_would_meet() -> None:
    source = "\n".join(ast.unparse(tree) for tree in trees().values())
    for _ in range(3):
        for _ in range(5):
            ShowsATraceback()
        assert parsed(source).body


def test_every_part_of_the_package_has_its_layer() -> None:
    parts = {
        path.stem for path in (ROOT / "cronapp").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__"} <= RANK.keys()


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("cronapp/core/cron.py", "from cronapp.config import Settings", wrong_layers),
        ("cronapp/core/cron.py", "from cronapp import task", wrong_layers),
        ("cronapp/store/jobs.py", "from cronapp.bus.local import LocalBus", wrong_layers),
        ("cronapp/web/jobs.py", "import cronapp.engine.runner", wrong_layers),
        ("cronapp/engine/runner.py", "from cronapp import app", wrong_layers),
        ("cronapp/web/api/jobs.py", "from ..forms import parse", wrong_layers),
        ("cronapp/__init__.py", "from cronapp.app import App", wrong_layers),
        ("cronapp/app.py", "from quart import Quart", broken_fences),
        ("cronapp/service/jobs.py", "import sqlalchemy as sa", broken_fences),
        ("cronapp/engine/runner.py", "from apscheduler.triggers.base import BaseTrigger", broken_fences),
        ("cronapp/web/jobs.py", "def show():\n    from cronapp.service import jobs", dodges),
        ("cronapp/web/jobs.py", "from typing import TYPE_CHECKING", dodges),
        ("cronapp/web/jobs.py", "import typing\nif typing.TYPE_CHECKING: pass", dodges),
        ("cronapp/web/jobs.py", "import os\nzone = os.environ['TZ']", reads_of_the_environment),
        ("cronapp/web/jobs.py", "from os import getenv", reads_of_the_environment),
        ("cronapp/core/cron.py", "import logging", impurities),
        ("cronapp/core/cron.py", "from datetime import datetime\nnow = datetime.now()", impurities),
    ],
)
def test_a_rule_finds_what_it_forbids(path: str, source: str, rule: Rule) -> None:
    assert list(rule(path, parsed(source)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "cronapp/web/api/jobs.py",
            "from cronapp.web.forms import parse\nfrom cronapp.service import jobs\nimport quart",
        ),
        ("cronapp/store/migrations/env.py", "from alembic import context\nfrom cronapp.store.tables import metadata"),
        ("cronapp/web/system.py", "from cronapp import __version__"),
        ("cronapp/__main__.py", "from cronapp.cli import main"),
        ("cronapp/core/registry.py", "import sys\nimport importlib.util"),
    ],
)
def test_the_rules_allow_what_is_right(path: str, source: str) -> None:
    assert not [problem for rule in RULES for problem in rule(path, parsed(source))]
