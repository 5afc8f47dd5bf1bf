"""What is shipped: built from this folder with no network, and looked at from inside."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path

    @property
    def wheel_names(self) -> set[str]:
        return names_in_wheel(self.wheel)

    @property
    def sdist_names(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}


def build(source: Path, target: Path, *kinds: str) -> None:
    options = [option for kind in kinds for option in ("-t", kind)]
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target), *options]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def names_in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def files(folder: str, pattern: str = "*") -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    target = tmp_path_factory.mktemp("dist")
    build(ROOT, target, "wheel", "sdist")
    (wheel,) = target.glob("*.whl")
    (sdist,) = target.glob("*.tar.gz")
    return Built(wheel, sdist)


def test_the_wheel_holds_every_module_and_the_migrations(built: Built) -> None:
    assert files("cronapp") <= built.wheel_names
    assert any(name.startswith("cronapp/store/migrations/") for name in built.wheel_names)


def test_the_wheel_holds_the_pages_and_what_they_load(built: Built) -> None:
    assert {f"cronapp/{name}" for name in files("templates") | files("static")} <= built.wheel_names
    assert {"cronapp/templates/base.html", "cronapp/static/app.css"} <= built.wheel_names
    assert {"cronapp/static/vendor/htmx.min.js", "cronapp/static/vendor/VERSIONS.md"} <= built.wheel_names


def test_the_wheel_holds_nothing_but_the_package(built: Built) -> None:
    assert {name.partition("/")[0] for name in built.wheel_names} == {"cronapp"}
    assert not [
        name for name in built.wheel_names if "tests/" in name or "test_" in name or name.endswith((".pyc", ".db"))
    ]


def test_the_wheel_brings_the_command_and_the_licence(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        info = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        assert "cronapp = cronapp.cli:main" in archive.read(info["entry_points.txt"]).decode()
    assert "licenses/LICENSE" in info


def test_the_sdist_holds_what_a_packager_needs_to_build_and_to_test(built: Built) -> None:
    wanted = (
        files("cronapp", "*.py") | files("templates") | files("static") | files("tests", "*.py") | files("examples")
    )
    assert wanted | {"pyproject.toml", "constraints.txt", "Makefile", "LICENSE", "README.md"} <= built.sdist_names


def test_the_sdist_holds_no_environment_and_no_database(built: Built) -> None:
    assert not [
        name for name in built.sdist_names if name.startswith((".venv", ".git/")) or name.endswith((".db", ".pyc"))
    ]


def test_the_wheel_made_from_the_sdist_is_the_same(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    build(unpacked, tmp_path / "dist", "wheel")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert names_in_wheel(wheel) == built.wheel_names
