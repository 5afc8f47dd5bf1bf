"""With what code a run was made: its function's source, and all that the function met."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LONGEST = 200_000  # letters of a function that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What functions meet when they run: Python, the packages, and the project's files by their hashes."""

    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)  # name to version
    files: Mapping[str, str] = field(default_factory=dict)  # path to hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A function's source and its environment, with the hashes by which each run names them."""

    text: str  # empty: there is no source to be had
    source: str | None
    environment: Environment
    environment_hash: str

    @property
    def keys(self) -> tuple[str | None, str]:
        return self.source, self.environment_hash


def code_of(text: str, environment: Environment) -> Code:
    told = json.dumps(asdict(environment), sort_keys=True)
    return Code(text=text, source=source_hash(text), environment=environment, environment_hash=short_hash(told))


def environment_of(stored: Mapping[str, Any]) -> Environment:
    """What `asdict` made of an environment."""
    return Environment(
        python=stored.get("python", ""), packages=stored.get("packages", {}), files=stored.get("files", {})
    )


def source_hash(text: str) -> str | None:
    """The hash of a function's source; None where there is none to be had."""
    return short_hash(text) if text else None


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
