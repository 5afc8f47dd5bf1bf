"""Arguments that are not kept as they are: encrypted, or only the name of a stored secret.

In memory they are objects that no request can make: what is sent as JSON is never taken for something encrypted. They
say `********` to whoever looks at them, and JSON refuses them, so that one that was forgotten fails instead of leaking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronapp.core.models import Json

MASK = "********"
"""Stands for a secret wherever arguments are shown."""

SEALED, NAMED, PLAIN = "$sealed", "$secret", "$plain"
MARKS = {SEALED, NAMED, PLAIN}


class Hidden:
    """An argument of which nothing is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


class Sealed(Hidden):
    """An encrypted argument. `names` are the stored secrets that it names within."""

    __slots__ = ("names", "token")

    def __init__(self, token: str, names: tuple[str, ...] = ()) -> None:
        self.token = token
        self.names = names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


class Named(Hidden):
    """A stored secret by its name; its value is looked up when the run begins."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


def named(value: Any) -> str | None:
    """The name in `{"secret": "NAME"}`, which stands for a stored secret where one is expected."""
    if isinstance(value, dict) and value.keys() == {"secret"} and isinstance(value["secret"], str):
        return value["secret"]
    return None


def reference(name: str) -> Json:
    return {"secret": name}


def names_in(args: Mapping[str, Any]) -> set[str]:
    """The stored secrets that arguments name."""
    return {name for value in args.values() for name in names_of(value)}


def names_of(value: Any) -> set[str]:
    """Those that one argument names."""
    match value:
        case Named():
            return {value.name}
        case Sealed():
            return set(value.names)
    return set()


def to_stored(args: Mapping[str, Any]) -> Json:
    """Arguments as the database keeps them. A value that looks like one of ours is set apart."""
    return {name: _stored(value) for name, value in args.items()}


def _stored(value: Any) -> Any:
    match value:
        case Sealed():
            return {SEALED: value.token, **({"names": list(value.names)} if value.names else {})}
        case Named():
            return {NAMED: value.name}
        case dict() if value.keys() & MARKS:
            return {PLAIN: value}
    return value


def from_stored(args: Mapping[str, Any]) -> Json:
    """The reverse of `to_stored`."""
    return {name: _read(value) for name, value in args.items()}


def _read(value: Any) -> Any:
    match value:
        case {"$sealed": str(token)}:
            return Sealed(token, tuple(value.get("names", ())))
        case {"$secret": str(name)}:
            return Named(name)
        case {"$plain": plain}:
            return plain
    return value
