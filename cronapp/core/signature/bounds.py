"""What a parameter's JSON Schema allows, in words."""

from __future__ import annotations

from collections.abc import Iterator

from cronapp.core.models import Json

MOST = 8  # values that are named
SIZES = (("Length", "character"), ("Items", "item"), ("Properties", "entry"))


def bounds_words(schema: Json) -> str:
    """As `1 to 500`, `one of mail, chat`, `at most 20 characters`; empty: whatever has the type."""
    defs = schema.get("$defs", {})
    return "; ".join(dict.fromkeys(text for branch in _branches(schema, defs) for text in _told(branch)))


def _branches(schema: Json, defs: Json) -> Iterator[Json]:
    if ref := schema.get("$ref"):
        yield from _branches(defs.get(str(ref).rpartition("/")[2], {}), defs)
    for name in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(name, ()):
            yield from _branches(branch, defs)
    yield schema


def _told(schema: Json) -> Iterator[str]:
    if "const" in schema:
        yield f"only {schema['const']}"
    if values := schema.get("enum"):
        named = ", ".join(str(value) for value in values[:MOST])
        yield f"one of {named}" + (f" and {len(values) - MOST} more" if len(values) > MOST else "")
    if text := _range(schema):
        yield text
    for name, unit in SIZES:
        least, most = schema.get(f"min{name}"), schema.get(f"max{name}")
        if least is not None or most is not None:
            number = most if most is not None else least
            yield f"{_between(least, most)} {unit if number == 1 else unit + 's' if unit != 'entry' else 'entries'}"
    if "multipleOf" in schema:
        yield f"a multiple of {schema['multipleOf']:g}"
    if "pattern" in schema:
        yield f"as {schema['pattern']}"


def _range(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is None and below is None:
        return _between(least, most) if least is not None or most is not None else ""
    parts = [
        f"{word} {value:g}"
        for word, value in (("from", least), ("above", above), ("up to", most), ("below", below))
        if isinstance(value, int | float)
    ]
    return " and ".join(parts)


def _between(least: object, most: object) -> str:
    if least is not None and most is not None:
        return f"{least:g} to {most:g}" if isinstance(least, int | float) and isinstance(most, int | float) else ""
    word, value = ("at least", least) if least is not None else ("at most", most)
    return f"{word} {value:g}" if isinstance(value, int | float) else ""
