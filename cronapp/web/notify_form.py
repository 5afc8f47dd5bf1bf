"""Who is told of a job, as the texts of its form: rows of rules, rows of addresses for pings, and whether others are
told.

The first rule's fields are named as in the API (`notify.channels`), those of the others by a number
(`notify.2.channels`); so are the pings (`notify.ping`, `notify.ping.2`). Numbers need not be without gaps, and the
first may be taken away too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cronapp.core.durations import duration_text
from cronapp.core.models import AlertEvent, JobSpec, Json, Notify, Ping
from cronapp.core.spec import rule_to_json
from cronapp.web.schedules import Texts

USUAL = Notify()
SPANS = ("slower_than", "faster_than", "late_after", "remind")
PLAIN = ("failures", "slower_by", *SPANS)
NAMES = ("channels", "urls", *PLAIN)
"""The fields of a rule but for those that are ticked."""
TICKS = tuple(f"on.{event}" for event in AlertEvent)
INSTEAD, PING = "notify.instead", "notify.ping"
MOST_ROWS = 25
_RULE = re.compile(r"notify\.([1-9]\d{0,2})\.channels", re.ASCII)
_PING = re.compile(r"notify\.ping\.([1-9]\d{0,2})", re.ASCII)


# -- rows -------------------------------------------------------------------------------------------------------------


def rules_in(texts: Texts) -> list[int]:
    """The numbers of the rows of rules; there is always one."""
    return numbers(_RULE, "notify.channels", texts)


def pings_in(texts: Texts) -> list[int]:
    """Those of the addresses."""
    return numbers(_PING, PING, texts)


def numbers(pattern: re.Pattern[str], first: str, texts: Texts) -> list[int]:
    found = sorted(int(found[1]) for name in texts if (found := pattern.fullmatch(name)))
    return ([0] if first in texts or not found else []) + found[:MOST_ROWS]


def rule_name(row: int) -> str:
    """What the names of a row's fields begin with."""
    return f"notify.{row}" if row else "notify"


def ping_name(row: int) -> str:
    return f"{PING}.{row}" if row else PING


def row_texts(texts: Texts, row: int) -> dict[str, str]:
    """What is typed in a row, by the names of the fields alone."""
    found = {name: texts.get(f"{rule_name(row)}.{name}", "").replace("\r\n", "\n").strip() for name in (*NAMES, *TICKS)}
    return {name: text for name, text in found.items() if text}


def with_row(texts: Texts, what: str) -> tuple[dict[str, str], str]:
    """The form with one more rule or address, and the field where the cursor belongs."""
    if what == "ping":
        name = ping_name(pings_in(texts)[-1] + 1)
        return {**texts, name: ""}, name
    name = rule_name(rules_in(texts)[-1] + 1)
    fresh = {f"{name}.{part}": text for part, text in fresh_texts().items()}
    return {**texts, **fresh}, f"{name}.channels"


def without_row(texts: Texts, what: str, number: str) -> dict[str, str]:
    """The form without one of them. The others keep their numbers: a browser knows its fields by them."""
    row = int(number) if number.isascii() and number.isdigit() else -1
    gone = {ping_name(row)} if what == "ping" else {f"{rule_name(row)}.{name}" for name in (*NAMES, *TICKS)}
    left = {name: text for name, text in texts.items() if name not in gone}
    return left if what == "ping" or rules_in(texts) != [row] else left | rows_texts([fresh_texts()])


def fresh_texts() -> dict[str, str]:
    """A rule of which nothing is said yet."""
    return own_texts(USUAL)


# -- out --------------------------------------------------------------------------------------------------------------


def usual_notify(texts: Texts) -> dict[str, str]:
    """What each field of the rows comes to if nothing is said."""
    usual = {name: text for name, text in own_texts(USUAL).items() if name in NAMES}
    rules = {f"{rule_name(row)}.{name}": text for row in rules_in(texts) for name, text in usual.items()}
    return rules | {ping_name(row): "" for row in pings_in(texts)}


def notify_texts(spec: JobSpec) -> dict[str, str]:
    """What the form shows of a job's rules."""
    rules, pings, alone = parted(spec.notify)
    texts = rows_texts([own_texts(rule) for rule in rules] or [fresh_texts()])
    return texts | ping_texts(map(shown, pings)) | ({INSTEAD: "on"} if alone else {})


def texts_of(rule: Notify) -> dict[str, str]:
    """A rule alone, as in a form of its own."""
    return rows_texts([own_texts(rule)])


def own_texts(rule: Notify) -> dict[str, str]:
    return {
        "channels": ", ".join(rule.channels),
        "urls": "\n".join(map(str, rule.urls)),
        "failures": str(rule.failures),
        "slower_by": f"{rule.slower_by:g}",
        **{name: duration_text(value) if (value := getattr(rule, name)) else "" for name in SPANS},
        **{f"on.{event}": "on" for event in rule.on},
    }


def rows_texts(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    blank = dict.fromkeys(NAMES, "")
    each = (({**blank, **row}, rule_name(n)) for n, row in enumerate(rows))
    return {f"{name}.{part}": text for row, name in each for part, text in row.items()}


def ping_texts(addresses: Iterable[str]) -> dict[str, str]:
    return {PING: ""} | {ping_name(n): text for n, text in enumerate(addresses)}


def parted(rules: Sequence[Notify]) -> tuple[list[Notify], list[Ping], bool]:
    """The rules that tell somebody, the pings, and whether only these are told of the job."""
    telling = [replace(rule, ping=None, instead=False) for rule in rules if rule.on]
    return telling, [rule.ping for rule in rules if rule.ping], any(rule.instead for rule in rules)


def shown(ping: Ping) -> str:
    return str(ping.success or next(ping.urls()))


# -- in ---------------------------------------------------------------------------------------------------------------


def notify_from_form(texts: Texts, old: JobSpec | None = None) -> list[Any]:
    """The rules as they were typed. What stands there as it was shown stays as it is."""
    before = notify_texts(old) if old else {}
    if old and said_by(texts) == said_by(before):
        return [rule_to_json(rule) for rule in old.notify]
    rules, pings, _ = parted(old.notify if old else ())
    kept = [(row_texts(before, n), rule_to_json(rule)) for n, rule in enumerate(rules)]
    found = [rule for _, rule in typed_rules(texts, kept)]
    if texts.get(INSTEAD):
        found = [{**found[0], "instead": True}, *found[1:]] if found else [{"on": [], "instead": True}]
    return [*found, *(ping for _, ping in typed_pings(texts, pings))]


def said_by(texts: Texts) -> tuple[list[dict[str, str]], list[str], bool]:
    pings = [texts.get(ping_name(row), "").strip() for row in pings_in(texts)]
    return [row_texts(texts, row) for row in rules_in(texts)], [one for one in pings if one], bool(texts.get(INSTEAD))


def typed_rules(texts: Texts, kept: Sequence[tuple[Mapping[str, str], Json]] = ()) -> list[tuple[int, Json]]:
    """Each row that names somebody, and its rule. A row that says what one of `kept` said is that one."""
    left = list(kept)
    found = []
    for row in rules_in(texts):
        typed = row_texts(texts, row)
        place = next((n for n, (was, _) in enumerate(left) if was == typed), None)
        if place is not None:
            found.append((row, left.pop(place)[1]))
        elif typed.get("channels") or typed.get("urls"):
            urls = [line.strip() for line in typed.get("urls", "").splitlines() if line.strip()]
            found.append((row, {**said_in(typed), "urls": urls}))
    return found


def typed_pings(texts: Texts, kept: Sequence[Ping] = ()) -> list[tuple[int, Json]]:
    left = list(kept)
    found = []
    for row in pings_in(texts):
        if not (text := texts.get(ping_name(row), "").strip()):
            continue
        place = next((n for n, one in enumerate(left) if shown(one) == text), None)
        same = rule_to_json(Notify(on=(), ping=left.pop(place))) if place is not None else None
        found.append((row, same or {"on": [], "ping": text}))
    return found


def said(texts: Texts) -> Json:
    """What a rule says that is not one job's."""
    return said_in(row_texts(texts, 0))


def said_in(typed: Mapping[str, str]) -> Json:
    told: Json = {name: typed[name] for name in PLAIN if name in typed}
    for name in ("slower_by", "failures"):
        if name in told:
            told[name] = number(told[name])
    return {
        "on": [event.value for event in AlertEvent if f"on.{event}" in typed],
        "channels": [name.strip() for name in typed.get("channels", "").split(",") if name.strip()],
        **told,
    }


def number(text: str) -> Any:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


def place_in_rows(name: str, texts: Texts) -> str:
    """The form's field for one of the API's: `notify.1.channels.0` is told in the second row that names somebody, and
    whatever is wrong with a ping at its address."""
    parts = name.split(".")
    place = int(parts[1]) if len(parts) > 2 and parts[1].isdigit() else -1
    rules = [row for row, _ in typed_rules(texts)]
    if 0 <= place < len(rules):
        return f"{rule_name(rules[place])}.{parts[2]}"
    alone = 1 if texts.get(INSTEAD) and not rules else 0
    pings = [row for row, _ in typed_pings(texts)]
    if 0 <= (nth := place - len(rules) - alone) < len(pings):
        return ping_name(pings[nth])
    return "notify.channels"
