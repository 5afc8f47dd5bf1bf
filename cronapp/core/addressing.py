"""The addresses that alerts go to: encrypted to be kept, decrypted to be used, masked to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from cronapp.core.errors import InvalidInput, NoSecretKey, SecretUnreadable
from cronapp.core.hidden import MASK
from cronapp.core.models import Json, Notify, SecretUrl
from cronapp.core.spec import rule_from_json, rule_to_json, with_urls
from cronapp.core.vault import Vault

ABOUT = "address"
"""What an address is sealed as."""
SHORTEST = 4  # letters of a part of an address that is taken for a secret


def sealed_url(url: str, vault: Vault) -> SecretUrl:
    """An address as it is kept. Raises `NoSecretKey`."""
    if isinstance(url, SecretUrl):
        return url
    token = vault.seal(url, ABOUT)
    scheme = url.partition("://")[0].lower()
    return SecretUrl(f"{scheme}://{MASK}-{vault.fingerprint(url.encode())[:8]}", token)


def opened_url(url: str, vault: Vault) -> str:
    """The address itself. Raises `SecretUnreadable`."""
    return vault.open(url.token, ABOUT) if isinstance(url, SecretUrl) else url


def sealed_rules(rules: Sequence[Notify], vault: Vault, like: Iterable[Notify] = ()) -> tuple[Notify, ...]:
    """Rules as they are kept. An address that is the same in `like` stays as it is there, else it would look like
    another one. Raises `InvalidInput` where there is no key to encrypt with."""
    known = {opened: url for rule in like for url in rule.all_urls() if (opened := readable(url, vault))}
    try:
        return tuple(
            with_urls(rule, [known.get(url) or sealed_url(url, vault) for url in rule.all_urls()]) for rule in rules
        )
    except NoSecretKey as error:
        raise InvalidInput.of("notify", str(error)) from None


def readable(url: str, vault: Vault) -> str | None:
    try:
        return opened_url(url, vault)
    except SecretUnreadable:
        return None


def resealed_url(url: SecretUrl, vault: Vault) -> SecretUrl:
    """The same, encrypted with the key that is used now, if it can be read."""
    if vault.is_current(url.token) or (plain := readable(url, vault)) is None:
        return url
    return SecretUrl(str(url), vault.seal(plain, ABOUT))


def rules_json(rules: Sequence[Json], change: Any) -> list[Json]:
    """Rules as JSON, each address changed."""
    parsed = (rule_from_json(rule) for rule in rules)
    return [rule_to_json(with_urls(rule, [change(url) for url in rule.all_urls()])) for rule in parsed]


def secrets_in(url: str) -> set[str]:
    """What of an address must not be seen: the whole, and each of its parts but the scheme and a host's name."""
    try:
        parts = urlsplit(url)
        found = {url, parts.netloc, parts.path, parts.query, parts.username or "", parts.password or ""}
    except ValueError:
        return {url}
    pieces = {*parts.path.split("/"), *(value for _, _, value in _pairs(parts.query))}
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    if "." not in host and host != "localhost":
        pieces.add(host)  # many services have a token there
    found |= pieces | {unquote(one) for one in found | pieces}
    return {one for one in found if len(one) >= SHORTEST}


def _pairs(query: str) -> Iterator[tuple[str, str, str]]:
    return (pair.partition("=") for pair in query.split("&") if pair)


def without(text: str, secrets: Iterable[str]) -> str:
    """The text, in which each of the secrets is masked; the longest first, as they lie within each other."""
    for one in sorted(secrets, key=len, reverse=True):
        text = text.replace(one, MASK)
    return text


# -- in the database ------------------------------------------------------------------------------------------------

URL, SHOWN = "$url", "shown"


def urls_to_stored(rules: Sequence[Json]) -> list[Any]:
    """Rules of a job as the database keeps them."""
    return [_walked(rule, _to_stored) for rule in rules]


def urls_from_stored(rules: Sequence[Any]) -> list[Any]:
    return [_walked(rule, _from_stored) for rule in rules]


def _walked(value: Any, change: Any) -> Any:
    changed = change(value)
    if changed is not value:
        return changed
    match value:
        case dict():
            return {name: _walked(part, change) for name, part in value.items()}
        case list() | tuple():
            return [_walked(part, change) for part in value]
    return value


def _to_stored(value: Any) -> Any:
    return {URL: value.token, SHOWN: str(value)} if isinstance(value, SecretUrl) else value


def _from_stored(value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(value.get(URL), str):
        return SecretUrl(str(value.get(SHOWN, MASK)), value[URL])
    return value
