"""The fields of values that have no parts, from their JSON Schema; without names."""

from __future__ import annotations

from typing import Any

from cronapp.core.models import Json
from cronapp.core.signature.fields import PLACEHOLDERS, FormField
from cronapp.core.signature.texts import text_of

LONG = 200  # letters from which on a text has several lines
KINDS = {"date": "date", "time": "time", "date-time": "datetime", "password": "secret", "duration": "duration"}
FORMS = {"uri": "url", "email": "email", "uuid": "uuid", "path": "path", "file-path": "path", "directory-path": "path"}
LINES = ("multiline", "multi-line", "textarea")


def choice_field(schema: Json, answers: list[Any]) -> FormField:
    texts = [text_of(one) for one in answers]
    labels = schema.get("x-labels") or texts
    return FormField(
        name="", label="", kind="choice", choices=tuple(zip(texts, labels, strict=True)), answers=tuple(answers)
    )


def number_field(schema: Json) -> FormField:
    whole = schema.get("type") == "integer"
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if whole:  # more than 0 is 1 or more
        low, over = (over + 1 if low is None and over is not None else low), None
        high, under = (under - 1 if high is None and under is not None else high), None
    return FormField(
        name="",
        label="",
        kind="number",
        minimum=low,
        maximum=high,
        over=over,
        under=under,
        step=schema.get("multipleOf", 1 if whole else "any"),
        form="whole" if whole else schema.get("format", "") if schema.get("format") == "decimal" else "",
    )


def text_field(schema: Json) -> FormField:
    shape = schema.get("format", "")
    kind, form = KINDS.get(shape, "text"), FORMS.get(shape, "")
    longest = schema.get("maxLength")
    if kind == "text" and not form and (shape in LINES or schema.get("multiline") or (longest or 0) > LONG):
        kind = "textarea"
    if kind == "duration" and schema.get("x-words"):
        form = "words"
    if schema.get("x-aware"):
        form = "aware"
    return FormField(
        name="",
        label="",
        kind=kind,
        form=form,
        shortest=schema.get("minLength", 0) if not form else 0,
        longest=longest if not form else None,
        pattern=schema.get("pattern", ""),
        placeholder=PLACEHOLDERS.get(form, "") or PLACEHOLDERS.get(kind, ""),
    )
