"""Secrets under a key: what was sealed is opened by nobody else, and nothing that was changed is believed."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronapp.core.errors import NoSecretKey, SecretUnreadable
from cronapp.core.vault import Vault

KEY, OTHER = "k" * 43, "o" * 43


@given(st.text())
def test_what_was_sealed_is_opened(text: str) -> None:
    assert Vault([KEY]).open(Vault([KEY]).seal(text, "argument"), "argument") == text


def test_the_same_text_never_looks_the_same() -> None:
    vault = Vault([KEY])
    assert len({vault.seal("geheim", "argument") for _ in range(50)}) == 50


def test_the_text_is_nowhere_in_what_is_kept() -> None:
    token = Vault([KEY]).seal("hunter2-hunter2", "argument")
    raw = base64.urlsafe_b64decode(token.rpartition(".")[2])
    assert b"hunter" not in raw
    assert "hunter" not in token


def test_whatever_was_changed_is_not_opened() -> None:
    vault = Vault([KEY, OTHER])
    token = vault.seal("geheim", "argument")
    head, _, data = token.rpartition(".")
    raw = base64.urlsafe_b64decode(data)
    changed = [bytes([*raw[:n], raw[n] ^ 1, *raw[n + 1 :]]) for n in range(len(raw))]
    tokens = [f"{head}.{base64.urlsafe_b64encode(one).decode()}" for one in (*changed, raw[:-1], raw[:5], b"")]
    for one in [*tokens, token.replace("v1", "v2"), f"{head}.~~~~", "", "geheim", "v1.x"]:
        with pytest.raises(SecretUnreadable):
            vault.open(one, "argument")


def test_one_secret_cannot_take_the_place_of_another() -> None:
    vault = Vault([KEY])
    with pytest.raises(SecretUnreadable):
        vault.open(vault.seal("geheim", "secret A"), "secret B")


def test_another_key_opens_nothing_and_says_what_to_do() -> None:
    with pytest.raises(SecretUnreadable, match="Set CRONAPP_SECRET_KEY to that key again"):
        Vault([OTHER]).open(Vault([KEY]).seal("geheim", "argument"), "argument")


def test_the_first_key_seals_and_all_of_them_open() -> None:
    old = Vault([KEY]).seal("geheim", "argument")
    both = Vault([OTHER, KEY])
    assert both.open(old, "argument") == "geheim"
    assert not both.is_current(old)
    new = both.seal("geheim", "argument")
    assert both.is_current(new)
    assert Vault([OTHER]).open(new, "argument") == "geheim"


def test_without_a_key_nothing_is_sealed_and_the_error_says_how_to_make_one() -> None:
    with pytest.raises(NoSecretKey, match=r"secrets\.token_urlsafe"):
        Vault().seal("geheim", "argument")


def test_what_is_kept_tells_nothing_of_the_key() -> None:
    assert KEY not in Vault([KEY]).seal("geheim", "argument")
    assert Vault([KEY]).key != Vault([OTHER]).key


def test_a_fingerprint_needs_the_key() -> None:
    assert Vault([KEY]).fingerprint(b"x") == Vault([KEY]).fingerprint(b"x") != Vault([OTHER]).fingerprint(b"x")
