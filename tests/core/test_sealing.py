"""The secrets among arguments: encrypted to be kept, masked to be shown, and looked up when a run begins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretBytes, SecretStr
from support import VAULT

from cronapp.core.errors import InvalidInput, SecretUnreadable
from cronapp.core.hidden import MASK, Named, Sealed, from_stored, names_in, to_stored
from cronapp.core.models import JobSpec, ManualSchedule
from cronapp.core.sealing import aligned, opened, resealed, resolved, sealed
from cronapp.core.signature import Signature
from cronapp.core.spec import spec_from_json, spec_to_json
from cronapp.core.vault import Vault


class Database(BaseModel):
    url: str
    password: SecretStr


@dataclass
class Auth:
    secret: SecretStr


def send(
    key: SecretStr,
    databases: list[Database] = [],  # noqa: B006
    auth: Auth | None = None,
    raw: SecretBytes | None = None,
    to: str = "me",
    **more: SecretStr,
) -> None: ...


SIGNATURE = Signature.of(send)
ARGS: dict[str, Any] = {
    "key": "geheim-1",
    "databases": [{"url": "a", "password": "geheim-2"}, {"url": "b", "password": {"secret": "DB"}}],
    "auth": {"secret": "geheim-3"},
    "raw": "geheim-4",
    "to": "you",
    "further": "geheim-5",
}


def test_every_argument_with_a_secret_in_it_is_encrypted_and_no_other() -> None:
    kept = sealed(SIGNATURE, ARGS, VAULT)
    assert {name for name, value in kept.items() if isinstance(value, Sealed)} == ARGS.keys() - {"to"}
    assert "geheim" not in json.dumps(to_stored(kept))
    assert "geheim" not in repr(kept)
    assert opened(kept, VAULT) == ARGS


def test_what_is_kept_comes_back_from_json_as_it_was() -> None:
    kept = sealed(SIGNATURE, ARGS | {"key": {"secret": "KEY"}}, VAULT)
    assert kept["key"] == Named("KEY")
    assert from_stored(json.loads(json.dumps(to_stored(kept)))) == kept
    assert names_in(kept) == {"KEY", "DB"}


def test_nobody_can_send_what_is_taken_for_something_encrypted() -> None:
    token = sealed(SIGNATURE, {"key": "geheim"}, VAULT)["key"].token
    for forged in ({"$sealed": token}, {"$secret": "KEY"}, {"$plain": {"$sealed": token}}):
        assert from_stored(json.loads(json.dumps(to_stored({"to": forged})))) == {"to": forged}


def test_json_refuses_what_is_hidden_so_that_nothing_leaks_by_an_oversight() -> None:
    kept = sealed(SIGNATURE, {"key": "geheim"}, VAULT)
    with pytest.raises(TypeError):
        json.dumps(kept)
    assert f"{kept['key']}" == MASK


def test_none_is_no_secret() -> None:
    assert sealed(SIGNATURE, {"key": "geheim", "auth": None}, VAULT)["auth"] is None


def test_a_spec_keeps_what_is_hidden_of_its_arguments() -> None:
    spec = JobSpec(id="a", task="send", schedule=(ManualSchedule(),), args=sealed(SIGNATURE, ARGS, VAULT))
    assert spec_from_json(spec_to_json(spec)) == spec


def test_the_same_secret_encrypted_twice_is_the_same() -> None:
    once, again = sealed(SIGNATURE, ARGS, VAULT), sealed(SIGNATURE, ARGS, VAULT)
    assert once != again
    assert aligned(again, once, VAULT) == once
    other = sealed(SIGNATURE, ARGS | {"key": "another"}, VAULT)
    assert aligned(other, once, VAULT)["key"] == other["key"]


def test_without_a_key_each_argument_with_a_secret_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInput) as refused:
        sealed(SIGNATURE, ARGS, Vault())
    assert refused.value.errors.keys() == {f"args.{name}" for name in ARGS.keys() - {"to"}}
    assert "token_urlsafe" in refused.value.errors["args.key"]
    assert sealed(SIGNATURE, {"to": "you"}, Vault()) == {"to": "you"}


def test_a_run_gets_the_values_of_what_is_named_where_it_is_named() -> None:
    kept = sealed(SIGNATURE, ARGS | {"key": {"secret": "KEY"}}, VAULT)
    given = resolved(SIGNATURE, kept, VAULT, lambda name: f"value-of-{name}")
    assert given["key"] == "value-of-KEY"
    assert given["databases"][1]["password"] == "value-of-DB"
    assert given["auth"] == {"secret": "geheim-3"}, "the one member of this class is called so, and names nothing"
    kwargs = SIGNATURE.check(given)
    assert kwargs["databases"][1].password.get_secret_value() == "value-of-DB"


def test_what_another_key_encrypted_stays_as_it_is_and_a_run_is_told_which_argument_it_is() -> None:
    kept = sealed(SIGNATURE, ARGS, VAULT)
    stranger = Vault(["s" * 40])
    assert opened(kept, stranger)["key"] == kept["key"]
    assert opened(kept, stranger)["to"] == "you"
    assert SIGNATURE.check(opened(kept, stranger)) == {"to": "you"}, "nobody can look into the others"
    with pytest.raises(SecretUnreadable, match="The secret `key` cannot be read"):
        resolved(SIGNATURE, kept, stranger, str)


def test_an_older_key_is_replaced_by_the_present_one() -> None:
    kept = sealed(SIGNATURE, ARGS, VAULT)
    new = "n" * 40
    both = Vault([new, "the-key-that-all-tests-share-1234567890"])
    fresh = resealed(kept, both)
    assert opened(fresh, Vault([new])) == ARGS
    assert fresh["databases"].names == ("DB",)
    assert resealed(kept, Vault([new])) == kept, "what cannot be read is not touched"


def test_the_texts_that_are_secret_are_told_from_those_beside_them() -> None:
    args = {**ARGS, "databases": [{"url": "postgresql://shop", "password": "geheim-2"}]}
    assert SIGNATURE.secret_texts(args) == {f"geheim-{n}" for n in range(1, 6)}


def test_a_secret_that_is_a_default_is_one_too() -> None:
    def takes(key: SecretStr = SecretStr("geheim"), raw: SecretBytes = SecretBytes(b"too")) -> None: ...  # noqa: B008

    assert Signature.of(takes).secret_texts({}) == {"geheim", "too"}
    assert Signature.of(takes).secret_texts({"key": "given"}) == {"given", "too"}


def test_a_stored_secret_is_not_looked_into_by_the_check_but_all_around_it_is() -> None:
    def takes(key: Annotated[SecretStr, Field(min_length=20)], databases: list[Database]) -> None: ...

    signature = Signature.of(takes)
    signature.check({"key": {"secret": "KEY"}, "databases": [{"url": "a", "password": {"secret": "DB"}}]})
    with pytest.raises(InvalidInput) as wrong:
        signature.check({"key": {"secret": "KEY"}, "databases": [{"url": 1, "password": {"secret": "DB"}}]})
    assert wrong.value.errors.keys() == {"args.databases.0.url"}
    with pytest.raises(InvalidInput):
        signature.check({"key": {"secret": 1}, "databases": []})


def test_masks_hide_what_is_encrypted_also_where_the_task_takes_no_secret_any_more() -> None:
    def takes(key: str) -> None: ...

    kept = sealed(SIGNATURE, {"key": "geheim"}, VAULT)
    signature = Signature.of(takes)
    assert signature.masked(kept) == {"key": MASK}
    assert signature.unmasked({"key": MASK}, kept) == kept
    assert SIGNATURE.masked({"key": {"secret": "KEY"}}) == {"key": {"secret": "KEY"}}, "a name is no secret"


def test_a_form_says_by_its_name_which_stored_secret_is_meant() -> None:
    shown = SIGNATURE.to_form({**ARGS, "key": {"secret": "KEY"}})
    assert shown["key?"] == "secret:KEY"
    assert shown["databases.1.password?"] == "secret:DB"
    assert "geheim" not in str(shown)
    assert SIGNATURE.from_form(shown, ARGS)["key"] == {"secret": "KEY"}
    assert SIGNATURE.from_form(shown | {"key": "typed-instead"}, ARGS)["key"] == "typed-instead"
    raw = SIGNATURE.form.to_raw(shown)
    assert json.loads(raw[""])["key"] == {"secret": "KEY"}
    assert SIGNATURE.form.from_raw(raw)["key?"] == "secret:KEY"
