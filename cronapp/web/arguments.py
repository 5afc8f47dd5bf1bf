"""The arguments of a task as a form shows them: their fields, or all of them as one JSON text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cronapp.core.registry import Task
from cronapp.core.signature import FormField, Typed
from cronapp.core.signature.form import Form
from cronapp.core.signature.typed import below
from cronapp.web.site import parts

Texts = Mapping[str, str]
PICKERS = {
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?",
    "datetime": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?",
}
"""What a browser's pickers of these kinds can hold. Any other text they would throw away."""
MANY = 12  # arguments, from which on those that follow their defaults are folded away


@dataclass(frozen=True, slots=True)
class Arguments:
    """A task's arguments as the form shows them. Fields have their names without `args.`."""

    typed: Typed
    fields: tuple[FormField, ...]  # that stand there
    folded: tuple[FormField, ...]  # that are folded away
    open: bool  # whether they are not
    errors: dict[str, str]  # by the form's fields
    raw: bool  # all as one JSON text
    secrets: tuple[str, ...]  # the names of those that are stored
    carried: dict[str, str]  # secrets that the JSON text does not show, by the names of hidden fields


def args_of(texts: Texts) -> dict[str, str]:
    """The typed arguments, by their names without `args.`; all of them as one JSON text have the empty name."""
    return {
        name[4:].removeprefix("."): text
        for name, text in texts.items()
        if name == "args" or name[:5] in ("args.", "args?")
    }


def named(name: str) -> str:
    """The reverse: the name of the form's field."""
    return below("args", name) if name else "args"


def arguments(task: Task, values: Texts, errors: Mapping[str, str]) -> Arguments:
    """What the fragment of the arguments shows."""
    own, form = args_of(values), task.signature.form
    raw = own.get("?") == "json"
    typed = Typed.of(own) if raw else form.filled(own)
    wrong = {name: text for name, text in errors.items() if name == "args" or name.startswith("args.")}
    folded = () if raw else _folded(task, form, typed)
    carried = {named(name): text for name, text in own.items() if name.startswith("*.")} if raw else {}
    return Arguments(
        typed=typed,
        fields=tuple(field for field in form.fields if field not in folded),
        folded=folded,
        open=typed.at("?more").text == "open" or any(_is_wrong(field, wrong) for field in folded),
        errors=form.beside(wrong, own),
        raw=raw,
        secrets=parts().secrets.known,
        carried=carried,
    )


def _folded(task: Task, form: Form, typed: Typed) -> tuple[FormField, ...]:
    """Of many arguments those that follow their defaults. Once folded away, they stay where they are."""
    if len(form.fields) <= MANY:
        return ()
    if typed.at("?task").text == task.name and (listed := typed.at("?folded").text) is not None:
        return tuple(field for field in form.fields if field.name in listed.split(","))
    return tuple(field for field in form.fields if form.follows(field, typed.at(field.name)))


def _is_wrong(field: FormField, wrong: Mapping[str, str]) -> bool:
    return any(name.split("?")[0].split(".")[1:2] == [field.name] for name in wrong)


def numbered(field: FormField, number: int) -> FormField:
    """The field of a row, called by its place: `Shop 2`."""
    return replace(field, label=f"{field.label} {number}")


def picked(text: str, kind: str) -> bool:
    """Whether a picker of this kind can show the text."""
    return re.fullmatch(PICKERS[kind], text) is not None
