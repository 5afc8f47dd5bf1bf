"""Where the secrets stand in an argument's value: replaced there, or collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import SecretBytes, SecretStr

from cronapp.core.hidden import named
from cronapp.core.signature.fields import FormField
from cronapp.core.signature.suiting import kind_for, suits

Change = Callable[[Any, str], Any]
"""What becomes of a secret; its place is told as `dbs.0.password`."""


def replaced(of: FormField, value: Any, change: Change, path: str = "") -> Any:
    """The value with each secret in it replaced. What does not look as its field says stays as it is."""
    if of.kind == "secret":
        return value if value is None else change(value, path)
    if not of.secret or value is None or not suits(of, value):
        return value
    match of.kind:
        case "rows":
            return [replaced(of.row, one, change, inside(path, n)) for n, one in enumerate(value)]
        case "pairs":
            return {key: replaced(of.row, one, change, inside(path, key)) for key, one in value.items()}
        case "tuple":
            pairs = zip(of.parts, value, strict=True)
            return [replaced(part, one, change, inside(path, n)) for n, (part, one) in enumerate(pairs)]
        case "group" if isinstance(value, list):
            pairs = zip(of.parts, value, strict=False)
            return [replaced(part, one, change, inside(path, n)) for n, (part, one) in enumerate(pairs)]
        case "group":
            known = {part.name: part for part in of.parts}
            return {key: replaced(known[key], one, change, inside(path, key)) for key, one in value.items()}
        case "union":
            return replaced(kind_for(of, value), value, change, path)
    return value


def inside(path: str, step: int | str) -> str:
    return f"{path}.{step}" if path else str(step)


def references(of: FormField, value: Any) -> tuple[str, ...]:
    """The stored secrets that a value names, in the order of the alphabet."""
    found: set[str] = set()

    def look(secret: Any, _: str) -> Any:
        if (name := named(secret)) is not None:
            found.add(name)
        return secret

    replaced(of, value, look)
    return tuple(sorted(found))


def without_references(of: FormField, value: Any) -> tuple[Any, set[str]]:
    """The value with something in place of the stored secrets that it names, and where these are named."""
    places: set[str] = set()

    def stand_in(secret: Any, path: str) -> Any:
        if named(secret) is None:
            return secret
        places.add(path)
        return SecretStr("")

    return replaced(of, value, stand_in), places


def secret_texts(of: FormField, value: Any) -> Iterator[str]:
    """The secrets in a value. Where it does not say which of its texts they are, all of them."""
    found: list[Any] = []

    def collect(secret: Any, _: str) -> Any:
        found.append(secret)
        return secret

    told = of.secret and suits(of, value) and not (of.kind == "union" and kind_for(of, value).kind == "json")
    if told:
        replaced(of, value, collect)
    yield from texts(found if told else value)


def default_texts(default: Any) -> Iterator[str]:
    """The secret that a parameter has where none is given."""
    if isinstance(default, SecretStr):
        yield default.get_secret_value()
    elif isinstance(default, SecretBytes):
        yield default.get_secret_value().decode("utf-8", "replace")


def texts(value: Any) -> Iterator[str]:
    """The texts and numbers in a JSON value."""
    match value:
        case bool():
            return
        case str() | int() | float():
            yield str(value)
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)
