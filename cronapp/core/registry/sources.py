"""Where tasks come from: the sources, and what they imported of their own folders."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from cronapp.core.registry.modules import is_file, module_names

OURS = ("cronapp", "__main__")
MOST_FILES = 500  # whose hashes are noted
FOREIGN = ("site-packages", "dist-packages", "node_modules", "__pycache__")


def source_files(sources: Sequence[str], *, every: bool = False) -> set[Path]:
    """The files of which the tasks are made. With `every`, each Python file that lies beside them: a module that could
    not be imported leaves no trace but its file."""
    homes = homes_of(sources)
    files = set(homes.values())
    files |= {Path(file) for _, file, _ in own_modules(homes)}
    if every:
        files |= {path for home in homes for path in siblings(home)}
    return files


def file_hashes(sources: Sequence[str]) -> dict[str, str]:
    """The files of which the tasks are made, by their places within their folders, and a hash of each."""
    homes = homes_of(sources)
    found: dict[str, str] = {}
    for path in sorted(source_files(sources))[:MOST_FILES]:
        home = next((one for one in homes if path.is_relative_to(one)), path.parent)
        with suppress(OSError):
            found[path.relative_to(home).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return found


def homes_of(sources: Sequence[str]) -> dict[Path, Path]:
    """The folder of each source, and its file: a tasks file's own folder, or that of a module's outermost package."""
    return {home: file for name, source in module_names(sources).items() for home, file in [home_of(name, source)]}


def home_of(name: str, source: str) -> tuple[Path, Path]:
    if is_file(source):
        path = Path(source).resolve()
        return path.parent, path
    file = Path(file_of(name) or f"{name.replace('.', '/')}.py").resolve()
    depth = name.count(".") + (file.name == "__init__.py")
    return file.parents[max(depth - 1, 0)], file


def file_of(name: str) -> str | None:
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    try:
        spec = find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return spec.origin if spec else None


def own_modules(homes: Iterable[Path]) -> Iterator[tuple[str, str, ModuleType]]:
    """The imported modules whose files lie in these folders: name, file, module."""
    starts = tuple(f"{home}{os.sep}" for home in homes)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and name.partition(".")[0] not in OURS:
            start = next((one for one in starts if file.startswith(one)), None)
            if start and is_own(file.removeprefix(start)):
                yield name, file, module


def is_own(place: str) -> bool:
    """Whether a file at this place within the folder is the user's, and not of an environment that lies there."""
    return not any(part in FOREIGN or part.startswith(".") for part in place.split(os.sep))


def siblings(home: Path) -> Iterator[Path]:
    """The Python files beside a tasks file, or in the whole of a package."""
    found = home.rglob("*.py") if (home / "__init__.py").exists() else home.glob("*.py")
    return (path for path in found if is_own(str(path.relative_to(home))))
