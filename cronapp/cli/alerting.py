"""Channels and alert rules of a file, against those of a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from cronapp.cli.plan import Step
from cronapp.client import ApiError, Client, Forbidden
from cronapp.config import named_value
from cronapp.core.alert_words import rule_words
from cronapp.core.alerts import DEFAULT
from cronapp.core.book import Book
from cronapp.core.changes import NONE, FieldChange
from cronapp.core.channels import RESERVED, USUAL_MOST, parse_channel
from cronapp.core.durations import duration_words
from cronapp.core.errors import InvalidInput
from cronapp.core.hidden import MASK
from cronapp.core.models import Json, Notify
from cronapp.core.references import filled, reference_to, unset
from cronapp.core.spec import parse_rule
from cronapp.core.validation import suggestion
from cronapp.wire import AlertRule, Channel

OF_ALL = "rule for all jobs"
READ_ONLY = ("id", "tag", "words", "settings", "at", "by")
PRISTINE = "Cron-App"
"""Who made the rule for all jobs that nobody has changed yet."""
NO_ADDRESS = "No file has it. Write ${NAME} there, and set that variable to the address as you import."


# -- out -----------------------------------------------------------------------------------------------------------


def channels_of(present: Iterable[Channel]) -> list[Json]:
    """The channels as a file has them; those of the server's settings are not in it."""
    return [channel_entry(one) for one in present if not RESERVED.fullmatch(one.name)]


def channel_entry(one: Channel) -> Json:
    told = one.told()
    found = {"name": one.name, "kind": one.kind, "url": reference_to(one.name), "quiet": told["quiet"]}
    usual = {"kind": "apprise", "quiet": None, "digest": 0, "most": USUAL_MOST}
    found |= {"digest": told["digest"], "most": one.most}
    return {name: value for name, value in found.items() if name not in usual or value != usual[name]}


def rules_of(present: Iterable[AlertRule]) -> list[Json]:
    """The rules as a file has them, in an order of what they say: that of their changes would not come back."""
    found = [one for one in present if one.id != DEFAULT or one.channels or one.by != PRISTINE]
    found.sort(key=lambda one: (one.tag or "", one.id != DEFAULT, json.dumps(rule_fields(one))))
    return [rule_entry(one) for one in found]


def rule_entry(one: AlertRule) -> Json:
    named = {"id": DEFAULT} if one.id == DEFAULT else {"tag": one.tag} if one.tag else {}
    return {**named, **rule_fields(one)}


def rule_fields(one: AlertRule) -> Json:
    return {name: value for name, value in one.told().items() if name not in READ_ONLY}


# -- what is done --------------------------------------------------------------------------------------------------


def alert_steps(server: Client, book: Book, *, prune: bool) -> tuple[list[Step], list[Step]]:
    """What makes the channels and rules those of the file, and what is removed once all else is done. Lists that the
    file does not have are left alone."""
    if book.channels is None and book.alerts is None:
        return [], []
    try:
        channels, rules = list(server.channels()), list(server.alerts())
    except Forbidden as error:
        return [*refused(book, str(error))], []
    named = {one.name for one in channels} | {one["name"] for one in book.channels or ()}
    own = [one for one in channels if not RESERVED.fullmatch(one.name)]
    steps = [channel_step(server, one, own) for one in book.channels or ()]
    pairs, left = paired(book.alerts or (), rules)
    steps += [rule_step(one, old, named) for one, old in pairs]
    return placed(steps, book), [*gone(book, own, left)] if prune else []


def placed(steps: Sequence[Step], book: Book) -> list[Step]:
    """With the lines of the file at which they begin."""
    lines = [*book.places.get("channels", ()), *book.places.get("alerts", ())]
    return [one.at(lines[n]) if n < len(lines) else one for n, one in enumerate(steps)]


def refused(book: Book, why: str) -> Iterable[Step]:
    yield from (Step(name=channel_name(one["name"]), kind="change", wrong=why) for one in book.channels or ())
    yield from (Step(name=rule_name(one.get("tag")), kind="change", wrong=why) for one in book.alerts or ())


def gone(book: Book, channels: Iterable[Channel], rules: Iterable[AlertRule]) -> Iterable[Step]:
    if book.alerts is not None:
        for rule in rules:
            yield Step(about="rule", name=rule_name(rule.tag), key=rule.id, kind="remove", words=rule.words)
    if book.channels is not None:
        kept = {one["name"] for one in book.channels}
        for one in channels:
            if one.name not in kept:
                yield Step(about="channel", name=channel_name(one.name), key=one.name, kind="remove")


# -- channels ------------------------------------------------------------------------------------------------------


def channel_name(name: str) -> str:
    return f"channel {name}"


def channel_step(server: Client, given: Json, present: Iterable[Channel]) -> Step:
    old = next((one for one in present if one.name == given["name"]), None)
    step = Step(
        about="channel", name=channel_name(given["name"]), key=given["name"], kind="change" if old else "create"
    )
    body = {"kind": "apprise", **{name: value for name, value in given.items() if name != "name"}}
    url = address_in(given.get("url"))
    body = body | {"url": url} if url else {name: value for name, value in body.items() if name != "url"}
    try:
        return made(step, given, body) if old is None else changed(server, step, old, body)
    except InvalidInput as error:
        return step.refused(error.errors)
    except ApiError as error:
        return step.refused(error.errors or {"": str(error)})


def address_in(text: object) -> object:
    """The address that is said, with what the environment has; None: that which the server has is to stay."""
    if not isinstance(text, str):
        return text
    return None if MASK in text else filled(text, named_value)


def made(step: Step, given: Json, body: Json) -> Step:
    """Raises `InvalidInput`."""
    if "url" not in body:
        raise InvalidInput.of("url", missing(str(given.get("url") or "")))
    checked = parse_channel(step.key, body, new=True)
    words = "web hook, whose messages are signed with a new secret" if checked.kind == "hook" else "by Apprise"
    return step.filled(words=words, body=body)


def missing(text: str) -> str:
    name = unset(text, named_value)
    return f"Set ${name} to the address of this channel as you import: no file has it." if name else NO_ADDRESS


def changed(server: Client, step: Step, old: Channel, body: Json) -> Step:
    """Raises `ApiError`. What differs, the server tells: only it knows whether an address is another one."""
    new = server.change_channel(old.name, body, dry_run=True)
    told = {name: (value, words_of(new)[name]) for name, value in words_of(old).items()}
    differs = tuple(
        FieldChange(field=name, label=name, old=before, new=after)
        for name, (before, after) in told.items()
        if before != after
    )
    return step.filled(changes=differs, body=body) if differs else step.filled(kind="same")


def words_of(one: Channel) -> dict[str, str]:
    quiet = one.quiet
    return {
        "kind": "web hook" if one.kind == "hook" else "Apprise",
        "url": one.url,
        "quiet": f"{quiet.start} to {quiet.until}, {quiet.timezone}" if quiet else NONE,
        "digest": duration_words(one.digest) if one.digest else NONE,
        "most": f"{one.most} messages an hour",
    }


# -- rules ---------------------------------------------------------------------------------------------------------


def rule_name(tag: object) -> str:
    return f"rule for the tag {tag}" if tag else OF_ALL


def paired(
    wanted: Sequence[Json], present: Iterable[AlertRule]
) -> tuple[list[tuple[Json, AlertRule | None]], list[AlertRule]]:
    """Each rule of the file with the one of the server that it stands for, and those that nobody stands for. A file has
    no ids but that of the rule for all jobs that is always there: first go those that say the same, then those of the
    same tag, in order."""
    left = {one.id: one for one in present}
    found: dict[int, AlertRule] = {}

    def take(n: int, fitting: Iterable[AlertRule]) -> None:
        if n not in found and (one := next(iter(fitting), None)) is not None:
            found[n] = left.pop(one.id)

    for n, given in enumerate(wanted):
        if given.get("id") == DEFAULT:
            take(n, [one for one in left.values() if one.id == DEFAULT])
    left.pop(DEFAULT, None)
    for alike in (True, False):
        for n, given in enumerate(wanted):
            if "id" not in given:
                same_tag = [one for one in left.values() if (one.tag or "") == (given.get("tag") or "")]
                take(n, [one for one in same_tag if not alike or says(given) == says(rule_fields(one))])
    return [(given, found.get(n)) for n, given in enumerate(wanted)], list(left.values())


def says(given: Json) -> Notify | None:
    """None: it cannot be read."""
    try:
        return parse_rule({name: value for name, value in given.items() if name not in ("id", "tag")}, quiet=True)
    except InvalidInput:
        return None


def rule_step(given: Json, old: AlertRule | None, channels: set[str]) -> Step:
    tag, default = given.get("tag"), given.get("id") == DEFAULT
    step = Step(about="rule", name=rule_name(tag), key=old.id if old else "", kind="change" if old else "create")
    body = {name: value for name, value in given.items() if name != "id"}
    try:
        if "id" in given and (old is None or not default or tag):
            raise InvalidInput.of("id", f"Only the rule for all jobs has one, {DEFAULT}, and it stands there once.")
        rule = parse_rule({name: value for name, value in body.items() if name != "tag"}, quiet=default)
        if unknown := [name for name in rule.channels if name not in channels]:
            raise InvalidInput.of("channels", f"There is no channel {unknown[0]}.{suggestion(unknown[0], channels)}")
    except InvalidInput as error:
        return step.refused(error.errors)
    words = rule_words(rule) if rule.channels else "nobody is told"
    if old is None:
        return step.filled(words=words, body=body)
    before = says(rule_fields(old))
    if before == rule:
        return step.filled(kind="same")
    was = rule_words(before) if before and before.channels else "nobody is told"
    return step.filled(changes=(FieldChange(field="rule", label="rule", old=was, new=words),), body=body)


# -- and done ------------------------------------------------------------------------------------------------------


def carry_out(server: Client, one: Step) -> None:
    """Raises `ApiError`."""
    match one.about, one.kind:
        case "channel", "create":
            server.add_channel(one.key, **one.body)
        case "channel", "change":
            server.change_channel(one.key, one.body)
        case "channel", "remove":
            server.remove_channel(one.key)
        case "rule", "create":
            server.add_alert(one.body)
        case "rule", "change":
            server.change_alert(one.key, one.body)
        case "rule", "remove":
            server.remove_alert(one.key)
