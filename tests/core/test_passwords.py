"""What may be a password, and how long somebody waits who did not know it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from cronapp.core.attempts import FORGOTTEN, LONGEST, for_address, for_name, left_of, wait_after
from cronapp.core.errors import InvalidInput
from cronapp.core.passwords import LEAST, MOST, fault, kernels, normalized
from cronapp.core.people import folded, name_of, printable
from cronapp.core.sights import sight_of
from cronapp.service.passwords import COMMON, is_common


@pytest.mark.parametrize(
    "password",
    [
        "seven green herons",
        "correcthorsebatterystaple",
        "only lower case letters",
        "48210593772645",
        "пароль из многих слов",
        "🦩🦆🦢🦉 birds 🦃🐓",
        "          spaces    ",
        "x7" * (MOST // 2 - 5) + "and others",
    ],
)
def test_long_passwords_are_good_whatever_they_are_made_of(password: str) -> None:
    assert fault(password, "ada", is_common) == ""


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "at least 10"),
        ("x7kq2mzpa", "at least 10"),
        ("y" * (MOST + 1), "at most 256"),
        ("nothing\0here", "null"),
        ("aaaaaaaaaaaaaaa", "first that anybody"),
        ("Cron-App 2026!", "first that anybody"),
        ("adaadaada123", "first that anybody"),
        ("Ada.Password.1", "first that anybody"),
        ("qwertyuiop", "tried first"),
        ("QWERTYuiop", "tried first"),
        ("1234567890", "tried first"),
        ("sunshine123!", "tried first"),
        ("!!!Football2024", "tried first"),
    ],
)
def test_what_others_would_try_first_is_no_password(password: str, said: str) -> None:
    assert said in fault(password, "ada", is_common)


def test_a_password_is_kept_as_it_was_typed() -> None:
    assert normalized("  Caf\u0065\u0301 Ångström  ") == "  Café Ångström  "
    assert normalized("ﬁne ①") == "ﬁne ①", "nothing but the way in which signs are put together is made the same"


def test_more_than_three_thousand_common_passwords_are_refused_that_are_long_enough() -> None:
    assert kernels("sunshine123!") == {"sunshine123!", "sunshine"}
    assert kernels("a1234567890") == {"a1234567890"}, "the most of it is no word"
    assert not is_common(["seven green herons"])
    words = gzip.decompress(COMMON.read_bytes()).decode().split()
    refused = {word if len(word) >= LEAST else f"{word}1234" for word in words}
    assert len({word for word in refused if len(word) >= LEAST}) > 40_000
    assert all(
        fault(word, "ada", lambda texts: not texts.isdisjoint(words[:300]))
        for word in words[:300]
        if len(word) >= LEAST
    )


@pytest.mark.parametrize("name", ["ada", "Ada Lovelace", "ada@example.com", "o'neill", "Zoë", "山田", "a", "x" * 64])
def test_people_are_called_as_they_are(name: str) -> None:
    assert name_of(f" {name} ") == name


@pytest.mark.parametrize(
    "name", ["", " ", None, 7, "x" * 65, "a/b", "<b>", "a\nb", "-x", "The Admin Token", "cron-app", "a\u202eb"]
)
def test_not_everything_is_a_name(name: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        name_of(name)
    assert set(caught.value.errors) == {"name"}


def test_names_that_look_alike_are_the_same() -> None:
    assert folded("ADA") == folded("ada") == folded(" Ａｄａ ")
    assert folded("Straße") == folded("STRASSE")


def test_what_was_typed_is_written_down_in_one_line() -> None:
    assert printable("ada\nroot\x1b[31m\u202e") == "ada\\nroot\\x1b[31m\\u202e"


@pytest.mark.parametrize(
    ("role", "tags", "wrong"),
    [
        ("owner", None, {"role"}),
        (None, None, {"role"}),
        ("viewer", [], {"tags"}),
        ("viewer", "finance", {"tags"}),
        ("viewer", [7], {"tags"}),
        ("viewer", ["a,b"], {"tags"}),
        ("admin", ["finance"], {"tags"}),
        ("owner", [" "], {"role", "tags"}),
    ],
)
def test_a_role_and_its_limits_are_refused_field_by_field(role: object, tags: object, wrong: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        sight_of(role, tags)
    assert set(caught.value.errors) == wrong


# -- waiting --------------------------------------------------------------------------------------------------------


def test_a_few_attempts_are_free_and_then_each_wait_is_twice_the_last() -> None:
    waits = [wait_after(count, 5).total_seconds() for count in range(17)]
    assert waits == [0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert wait_after(10**9, 5) == LONGEST < FORGOTTEN


def test_a_clock_that_is_set_back_keeps_nobody_out_for_long() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert left_of(6, 5, now, now + timedelta(seconds=1)) == timedelta(seconds=3)
    assert left_of(6, 5, now + timedelta(days=1), now) == LONGEST


def test_attempts_count_for_an_ipv4_address_or_an_ipv6_network() -> None:
    assert for_address("192.0.2.1").key == for_address("::ffff:192.0.2.1").key == "address:192.0.2.1"
    assert for_address("2001:db8::1").key == for_address("2001:db8::2:3").key == "address:2001:db8::/64"
    assert for_address("<local>").key == "address:<local>"
    assert "ada" not in for_name("ada").key
