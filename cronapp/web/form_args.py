"""The arguments' part of a form: it comes for the chosen task, and its own buttons change what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from markupsafe import Markup, escape
from quart import Blueprint, request

from cronapp.core.errors import InvalidInput
from cronapp.core.registry import Task
from cronapp.core.signature import Typed
from cronapp.core.signature.reading import read_json
from cronapp.core.signature.rows import Deed, act
from cronapp.web.arguments import args_of, named
from cronapp.web.render import fragment, partial
from cronapp.web.site import parts

pages = Blueprint("form_args", __name__)
Texts = Mapping[str, str]
ABOUT = "args?task"  # the field that says of which task the arguments are
BEFORE = "did"  # the field that names the buttons that were pressed before, and are not answered yet
AT_ONCE = 50  # of them


@dataclass(frozen=True, slots=True)
class Done:
    """What a button of the arguments did to the form: its texts then, what is wrong, and where the cursor belongs."""

    texts: dict[str, str]
    errors: dict[str, str]
    focus: str


@pages.get("/form/args")
async def chosen() -> str:
    """The arguments' fields of the chosen task; what was typed for the same names stays. Of a new job also the id that
    suits the task, unless another one was typed."""
    texts = request.args.to_dict()
    task = parts().tasks.find(texts.get("task", ""))
    html = await shown(task, Done(texts, {}, ""))
    if task and texts.get("id") in ("", texts.get("suggested")):
        html += suggestion(await parts().jobs.suggested_id(task.name))
    return html


def suggestion(job_id: str) -> str:
    values = {"id": job_id}
    field = fragment("_form_id_field", mode="new", values=values, errors={}, suggested=True)
    said = fragment("_form_id", id=job_id, problem=None, free=job_id)
    gone = partial("#f-suggested", Markup(""), "delete")
    return str(gone + partial("#f-id", field, "outerHTML") + partial("#f-id-said", said, "innerHTML"))


@pages.post("/form/args")
async def changed() -> str:
    """The arguments' fields after one of their buttons. Stores nothing."""
    texts = (await request.form).to_dict()
    task = parts().tasks.find(texts.get("task") or texts.get(ABOUT, ""))
    texts = caught_up(task, texts)
    return await shown(task, pressed(task, texts) or Done(texts, {}, ""))


@pages.post("/form/json")
async def json_told() -> str:
    """Where the JSON text that is being typed stops being JSON; nothing where it is JSON, or not begun yet."""
    texts = (await request.form).to_dict()
    try:
        read_json(texts.get(texts.get("which", ""), "").strip() or "null")
    except ValueError as error:
        return str(escape(str(error)))
    return ""


async def shown(task: Task | None, made: Done) -> str:
    await parts().secrets.names()
    fields = task.signature.fields() if task else ()
    context = {"values": made.texts, "errors": made.errors, "focus": made.focus, "mode": "new"}
    return str(fragment("_form_args", task=task, fields=fields, **context))


def caught_up(task: Task | None, texts: Texts) -> dict[str, str]:
    """The form after the buttons of the arguments that it says were pressed before, one after the other. What each of
    them means it means of the rows as they were shown."""
    rest = {name: text for name, text in texts.items() if name not in (BEFORE, "do")}
    done: list[Deed] = []
    focus = ""
    for text in texts.get(BEFORE, "").split()[:AT_ONCE]:
        done.append(meant(Deed.of(text), done, focus))
        if made := pressed(task, rest | {"do": str(done[-1])}):
            rest, focus = made.texts, made.focus
    return rest | ({"do": str(meant(Deed.of(texts["do"]), done, focus))} if "do" in texts else {})


def meant(deed: Deed, done: list[Deed], focus: str) -> Deed:
    """What a button stands for after others. If the last row went, it is that of the row before, as the cursor is."""
    deed = reduce(Deed.after, done, deed)
    return Deed.of(focus) if done and deed == done[-1] and focus.startswith("remove:") else deed


def pressed(task: Task | None, texts: Texts) -> Done | None:
    """The form after the button that sent it, if that is one of the arguments' own: `do`."""
    deed = Deed.of(texts.get("do", ""))
    rest = {name: text for name, text in texts.items() if name != "do"}
    if task is None or not deed.verb:
        return None
    values, form, focus = args_of(texts), task.signature.form, str(deed)
    try:
        if deed.verb == "json":
            values = form.to_raw(values) | _frame(values)
        elif deed.verb == "form":
            values = form.from_raw(values) | _frame(values)
        else:
            typed = form.filled(values) if values.get("?") != "json" else Typed.of(values)
            focus = act(form.fields, typed, deed)
            values = dict(typed.texts())
    except InvalidInput as error:
        return Done(rest, error.errors, "form:")
    others = {name: text for name, text in rest.items() if name != "args" and not name.startswith(("args.", "args?"))}
    return Done(others | {named(name): text for name, text in values.items()}, {}, focus)


def _frame(values: Texts) -> dict[str, str]:
    """What the form notes about itself."""
    return {name: text for name, text in values.items() if name in ("?task", "?folded", "?more")}
