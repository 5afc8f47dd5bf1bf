"""Who is told what: as it is written, kept, shown and said in words."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support import VAULT

from cronapp.core.addressing import (
    opened_url,
    resealed_url,
    sealed_rules,
    sealed_url,
    secrets_in,
    urls_from_stored,
    urls_to_stored,
    without,
)
from cronapp.core.alert_texts import first_line
from cronapp.core.alerts import retry_at
from cronapp.core.changes import changes
from cronapp.core.channels import Quiet, parse_channel
from cronapp.core.declaration import declaration
from cronapp.core.errors import InvalidInput
from cronapp.core.models import JobSpec, SecretUrl
from cronapp.core.outward import is_public
from cronapp.core.spec import parse_spec, sparse, spec_from_json, spec_to_json
from cronapp.core.summary import summary
from cronapp.core.vault import Vault
from cronapp.core.writing import curl_text, yaml_text

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MAIL = "mailto://me:s3cret-word@example.org"
PING = "https://hc.example.org/my-uuid"


def a_spec(*rules: Any, old: JobSpec | None = None, **fields: Any) -> JobSpec:
    data = {"id": "nightly", "task": "hello", "schedule": {"kind": "manual"}, "notify": list(rules), **fields}
    return parse_spec(data, now=NOW, old=old)


def sealed(*rules: Any) -> JobSpec:
    """The same with encrypted addresses."""
    spec = a_spec(*rules)
    return replace(spec, notify=sealed_rules(spec.notify, VAULT))


def wrong(*rules: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        a_spec(*rules, **more)
    return refused.value.errors


@pytest.mark.parametrize(
    ("rule", "field", "words"),
    [
        ({"on": ["failure"]}, "channels", "Say who is told"),
        ({"on": []}, "on", "Say what is told"),
        ({"on": ["fail"], "channels": ["ops"]}, "on.0", 'Did you mean "failure"?'),
        ({"on": ["fast"], "channels": ["ops"]}, "faster_than", "Say how long a run must take at least"),
        ({"channels": ["an ops"]}, "channels.0", ""),
        ({"urls": ["not an address"]}, "urls.0", "Write an Apprise address"),
        ({"urls": ["mailto://********-0123abcd"]}, "urls.0", "Write it out in full"),
        ({"channels": ["ops"], "remind": 5}, "remind", "at least 60"),
        ({"channels": ["ops"], "failures": 0}, "failures", "at least 1"),
        ({"ping": "ftp://example.org"}, "ping", "Write an address of the web"),
        ({"ping": {}}, "ping", "Give at least one of start, success and failure."),
        ({"ping": PING, "on": ["failure"]}, "channels", "A ping tells nobody else"),
        ({"channels": ["ops"], "when": "now"}, "when", "There is no such field"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_at_its_field(rule: dict[str, Any], field: str, words: str) -> None:
    told = wrong(rule)
    assert list(told) == [f"notify.0.{field}"]
    assert words in told[f"notify.0.{field}"]
    assert not any("s3cret" in text for text in told.values())


def test_a_rule_is_kept_and_told_without_what_goes_without_saying() -> None:
    spec = a_spec({"channels": ["ops"], "failures": 3, "remind": "4h"}, {"ping": f"{PING}?a=1"})
    assert spec_to_json(spec)["notify"] == [
        {"on": ["failure", "recovery"], "channels": ["ops"], "failures": 3, "remind": 14400},
        {
            "on": [],
            "ping": {"start": f"{PING}/start?a=1", "success": f"{PING}?a=1", "failure": f"{PING}/fail?a=1"},
        },
    ]
    assert spec_from_json(spec_to_json(spec)) == spec
    assert a_spec({"channels": ["ops"], "ping": None}).notify[0].ping is None
    assert a_spec(*spec_to_json(spec)["notify"]) == spec


def test_an_address_is_encrypted_masked_and_comes_back_masked() -> None:
    spec = sealed({"urls": [MAIL]}, {"ping": PING})
    (shown,) = spec.notify[0].urls
    assert isinstance(shown, SecretUrl)
    assert opened_url(shown, VAULT) == MAIL
    told = json.dumps([spec_to_json(spec), sparse(spec), repr(spec), yaml_text(spec), curl_text(spec)], default=str)
    told += declaration(spec, None) + str(changes(a_spec(), spec)) + " ".join(summary(spec).unusual)
    assert shown in told
    for secret in ("s3cret-word", "my-uuid", shown.token):
        assert secret not in told
    back = json.loads(json.dumps(spec_to_json(spec)["notify"]))
    again = a_spec(*back, old=spec)
    assert again == spec
    assert [one.token for rule in again.notify for one in rule.all_urls() if isinstance(one, SecretUrl)] == [
        one.token for rule in spec.notify for one in rule.all_urls() if isinstance(one, SecretUrl)
    ]


def test_the_database_keeps_the_encrypted_address_and_nothing_that_was_sent_is_taken_for_one() -> None:
    rules = spec_to_json(sealed({"urls": [MAIL]}))["notify"]
    stored = json.loads(json.dumps(urls_to_stored(rules)))
    assert "s3cret-word" not in json.dumps(stored)
    (read,) = urls_from_stored(stored)[0]["urls"]
    assert opened_url(read, VAULT) == MAIL
    assert wrong({"urls": [{"$url": "v1.x.y", "shown": "z"}]})


def test_the_same_address_looks_the_same_and_another_one_does_not() -> None:
    one, same, other = (sealed_url(url, VAULT) for url in (MAIL, MAIL, MAIL + "x"))
    assert one == same
    assert copy.deepcopy(one).token == one.token
    assert one != other
    assert one.token != same.token
    newer = Vault(["a-newer-key-1234567890-1234567890-12", "the-key-that-all-tests-share-1234567890"])
    renewed = resealed_url(one, newer)
    assert renewed == one
    assert newer.is_current(renewed.token)
    assert opened_url(renewed, newer) == MAIL


def test_a_rule_is_said_in_words() -> None:
    rule = {"on": ["failure", "slow"], "channels": ["ops"], "failures": 3, "slower_than": "10m", "remind": "4h"}
    assert summary(a_spec(rule, {"ping": PING}, {"on": [], "instead": True})).unusual == [
        "Tells ops when 3 runs in a row fail or a run takes longer than 10 min, again every 4 h while it lasts.",
        "An address is called when a run begins, succeeds or fails.",
        "Who is told of all jobs, or of its tags, is not told of it.",
    ]
    (change,) = changes(a_spec(), a_spec(rule))
    assert (change.field, change.label, change.old) == ("notify", "who is told", "none")
    assert change.new.startswith("tells ops when 3 runs in a row fail")


def test_quiet_hours_hold_over_midnight_and_through_a_change_of_the_clocks() -> None:
    quiet = Quiet(start="22:00", end="07:00", timezone="Europe/Berlin")
    assert quiet.over(datetime(2026, 3, 2, 12, tzinfo=UTC)) is None
    assert quiet.over(datetime(2026, 3, 2, 21, tzinfo=UTC)) == datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert quiet.over(datetime(2026, 3, 3, 5, 59, tzinfo=UTC)) == datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert quiet.over(datetime(2026, 3, 3, 6, tzinfo=UTC)) is None
    assert quiet.over(datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(2026, 3, 29, 5, tzinfo=UTC)
    gone = Quiet(start="01:00", end="02:30", timezone="Europe/Berlin")
    assert gone.over(datetime(2026, 3, 29, 0, 30, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    twice = Quiet(start="01:00", end="02:30", timezone="Europe/Berlin")
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert (twice.over(second) or second) > second


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"url": "mailto://a:b@example.org", "quiet": {"from": "25:00", "until": "06:00"}}, "quiet.from"),
        ({"url": "mailto://a:b@example.org", "quiet": {"from": "22:00", "until": "22:00"}}, "quiet.until"),
        ({"url": "mailto://x", "quiet": {"from": "22:00", "until": "06:00", "timezone": "Mars"}}, "quiet.timezone"),
        ({"kind": "hook", "url": "mailto://a:b@example.org"}, "url"),
        ({}, "url"),
        ({"url": "mailto://x", "most": 0}, "most"),
    ],
)
def test_a_channel_that_cannot_be_used_is_refused_at_its_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_channel("ops", data, new=True)
    assert list(refused.value.errors) == [field]


def test_waits_grow_and_end() -> None:
    waits = [retry_at(NOW, n, "apprise") for n in range(1, 9)]
    assert [(one - NOW).total_seconds() if one else None for one in waits] == [30, 60, 120, 240, 480, 960, 1920, None]
    assert retry_at(NOW, 4, "ping") is None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.20.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.100.100.200", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("2002:7f00:1::1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("/run/docker.sock", False),
        ("example.org", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("", False),
        ("fe80::1", False),
        ("2001:db8::1", False),
    ],
)
def test_only_what_belongs_to_the_internet_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_no_part_of_an_address_that_may_be_secret_stays_in_what_is_told() -> None:
    url = "slack://bot@T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXr?key=a%20b-c-d"
    told = without(f"{url} T1JJ3T3L2 A1BRTD4JD TIiajkdnlazkcOXr a b-c-d at hooks.slack.com", secrets_in(url))
    assert not any(part in told for part in ("T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXr", "a b-c-d"))
    assert "hooks.slack.com" in told
    assert "mail.example.org" in without("at mail.example.org", secrets_in("mailto://a:secret@mail.example.org"))


def test_an_error_is_one_line_in_which_nothing_is_hidden() -> None:
    assert first_line("\n  no figures\nand more") == "no figures"
    assert first_line("a\x1b[31mred\u202eevil") == "a\\x1b[31mred\\u202eevil"
    assert len(first_line("x" * 5000)) == 300
