"""The secrets among a job's arguments: encrypted to be kept, decrypted to be used, masked to be shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cronapp.core.errors import InvalidInput, NoSecretKey, SecretUnreadable
from cronapp.core.hidden import MASK, Hidden, Named, Sealed, named, reference
from cronapp.core.models import Json
from cronapp.core.signature import Signature
from cronapp.core.vault import Vault

ABOUT = "argument"
"""What an argument is sealed as. Its job and name may change, so they are not part of it."""


def sealed(signature: Signature, args: Mapping[str, Any], vault: Vault) -> Json:
    """Arguments as they are kept. Raises `InvalidInput` where there is no key to encrypt them with."""
    kept: Json = {}
    errors: dict[str, str] = {}
    for name, value in args.items():
        if isinstance(value, Hidden) or not signature.kept_secret(name, value):
            kept[name] = value
        elif signature.alone(name) and (stored := named(value)) is not None:
            kept[name] = Named(stored)
        else:
            try:
                token = vault.seal(json.dumps(value, ensure_ascii=False), ABOUT)
            except NoSecretKey as error:
                errors[f"args.{name}"] = str(error)
                continue
            kept[name] = Sealed(token, signature.references(name, value))
    if errors:
        raise InvalidInput(errors)
    return kept


def opened(args: Mapping[str, Any], vault: Vault) -> Json:
    """Arguments as they were given. What cannot be decrypted now stays as it is."""
    return {name: _opened(value, vault) for name, value in args.items()}


def _opened(value: Any, vault: Vault) -> Any:
    match value:
        case Named():
            return reference(value.name)
        case Sealed():
            try:
                return json.loads(vault.open(value.token, ABOUT))
            except SecretUnreadable:
                return value
    return value


def aligned(args: Mapping[str, Any], like: Mapping[str, Any], vault: Vault) -> Json:
    """Arguments in which each that says the same as in `like` is the one there."""
    return {
        name: like[name] if name in like and same(value, like[name], vault) else value for name, value in args.items()
    }


def same(one: Any, other: Any, vault: Vault) -> bool:
    if isinstance(one, Hidden) or isinstance(other, Hidden):
        return bool(one == other or _opened(one, vault) == _opened(other, vault))
    return False  # the plain are compared as they are


def resolved(signature: Signature, args: Mapping[str, Any], vault: Vault, lookup: Callable[[str], str]) -> Json:
    """Arguments as the task gets them. Raises `SecretUnreadable` or `SecretNotFound` with the argument's name."""
    plain = opened(args, vault)
    for name, value in plain.items():
        if isinstance(value, Sealed):
            try:
                vault.open(value.token, ABOUT)
            except SecretUnreadable as error:
                raise SecretUnreadable(f"The secret `{name}` cannot be read. {error}") from None
    return signature.resolved(plain, lookup)


def resealed(args: Mapping[str, Any], vault: Vault) -> Json:
    """Arguments of which each that was encrypted with an older key is encrypted with the one that is used now."""
    return {name: _resealed(value, vault) for name, value in args.items()}


def _resealed(value: Any, vault: Vault) -> Any:
    if not isinstance(value, Sealed) or vault.is_current(value.token):
        return value
    try:
        return Sealed(vault.seal(vault.open(value.token, ABOUT), ABOUT), value.names)
    except SecretUnreadable:
        return value


def shown(args: Mapping[str, Any]) -> Json:
    """Arguments as they may be shown where nothing is known of their task."""
    return {name: _shown(value) for name, value in args.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, Named):
        return reference(value.name)
    return MASK if isinstance(value, Hidden) else value
