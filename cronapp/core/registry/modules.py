"""The import of a source: a path (`tasks.py`) or a dotted module (`shop.tasks`)."""

from __future__ import annotations

import importlib.util
import linecache
import os
import re
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

OURS = "cronapp."
LOADED_AS = "cronapp_tasks_"  # the beginning of the names under which files are loaded


def module_names(sources: Sequence[str]) -> dict[str, str]:
    """Module name → source. A file's name is the same on every load, and for every way to write its path."""
    found: dict[str, str] = {}
    for source in sources:
        name = source
        if is_file(source):
            path = Path(source).resolve()
            name = LOADED_AS + re.sub(r"\W", "_", path.stem)
            if name in found and Path(found[name]).resolve() != path:
                name += f"_{zlib.crc32(str(path).encode()):08x}"
        found.setdefault(name, source)
    return found


def is_file(source: str) -> bool:
    return source.endswith(".py") or os.sep in source or Path(source).is_file()


def module_of(source: str, name: str) -> ModuleType:
    if name in sys.modules:  # another source imported it a moment ago
        return sys.modules[name]
    return _run(_file_spec(source, name) if is_file(source) else _module_spec(name))


def _file_spec(source: str, name: str) -> ModuleSpec:
    path = Path(source).resolve()
    if not path.is_file():
        raise FileNotFoundError(
            f"{source} is a folder; name the tasks file in it." if path.is_dir() else f"There is no file {source}."
        )
    _on_path(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ImportError(f"{source} is no Python file; its name must end with .py.")
    return spec


def _module_spec(name: str) -> ModuleSpec:
    if not name.startswith(OURS):
        _on_path(Path.cwd())
    spec = importlib.util.find_spec(name) if all(part.isidentifier() for part in name.split(".")) else None
    if spec is None:
        raise ModuleNotFoundError(f"There is neither a file nor a module {name!r}.")
    if spec.origin is None:  # a namespace package
        raise ImportError(f"{name} is a folder; name the tasks file in it.")
    return spec


def _on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _run(spec: ModuleSpec) -> ModuleType:
    """Execute a module from its source text: cached bytecode goes by the second, so a quick edit would be missed."""
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if spec.origin and spec.origin.endswith(".py"):
        linecache.checkcache(spec.origin)
        exec(compile(Path(spec.origin).read_bytes(), spec.origin, "exec", dont_inherit=True), module.__dict__)  # nosec B102 # the user's own tasks file
    elif spec.loader:
        spec.loader.exec_module(module)
    parent, _, last = spec.name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module


def restore(name: str, before: ModuleType | None) -> None:
    """After a failed load: what still runs from the module's last good state can find it again."""
    with suppress(KeyError):
        del sys.modules[name]
    if before:
        sys.modules[name] = before
