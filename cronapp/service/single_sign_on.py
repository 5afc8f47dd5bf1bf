"""OpenID Connect: people sign in at an issuer, which tells us who they are and in which groups.

The authorization code flow with PKCE. Everything that binds an answer to the browser that asked is derived from one
random secret in a cookie of that browser, so nothing is stored and each node can take the answer.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cronapp.config import Settings
from cronapp.core.clock import Clock
from cronapp.core.errors import IssuerAway, SignInFailed
from cronapp.core.hosts import LOOPBACK
from cronapp.core.models import Json
from cronapp.service.arrivals import Newcomer, printable

log = logging.getLogger(__name__)
FLOW_LIFE = timedelta(minutes=10)  # that a sign-in at the issuer may take
SKEW = timedelta(seconds=60)  # that the clocks of two machines may differ
FRESH = timedelta(hours=1)  # how long what the issuer tells of itself is good
KEYS_AGAIN = timedelta(seconds=30)  # between two looks for a key that is not known
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Those with which only the issuer can sign: no `none`, and none whose key would be our own secret."""
LARGEST = 1_000_000  # bytes of an answer
LIMIT = 10.0  # seconds that the issuer has for one
LONGEST_SUBJECT = 255  # letters, as the standard says
REFUSALS = {
    "access_denied": "The sign-in was cancelled, or you may not use this site there.",
    "login_required": "You are not signed in there any more.",
    "temporarily_unavailable": "It is not available at the moment.",
}


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an issuer tells of itself."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    methods: tuple[str, ...]
    algorithms: tuple[str, ...]
    names_itself: bool  # in each answer that comes by the browser
    at: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in on its way. `secret` stays in the browser; `state` goes around by the issuer."""

    secret: str
    state: str

    @classmethod
    def begun(cls, now: datetime) -> Flow:
        secret, salt = secrets.token_urlsafe(32), f"{int(now.timestamp())}.{secrets.token_urlsafe(12)}"
        return cls(secret, f"{salt}.{derived(secret, 'state ' + salt)}")

    def is_ours(self, now: datetime) -> bool:
        """Whether the state was made with this browser's secret, and not too long ago."""
        salt, _, proof = self.state.rpartition(".")
        began = salt.partition(".")[0]
        if not hmac.compare_digest(proof.encode(), derived(self.secret, "state " + salt).encode()):
            return False
        return now - FLOW_LIFE < datetime.fromtimestamp(int(began), now.tzinfo) <= now + SKEW

    @property
    def nonce(self) -> str:
        return derived(self.secret, f"nonce {self.state}")

    @property
    def verifier(self) -> str:
        return derived(self.secret, f"verifier {self.state}")

    @property
    def challenge(self) -> str:
        return encoded(hashlib.sha256(self.verifier.encode()).digest())


class SingleSignOn:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        secret = settings.oidc_client_secret
        self.issuer = settings.oidc_issuer or ""
        self.name = settings.oidc_name
        self.clock = clock
        self._client_id = settings.oidc_client_id or ""
        self._secret = secret.get_secret_value() if secret else ""
        self._scopes = " ".join(dict.fromkeys(("openid", *settings.oidc_scopes)))
        self._groups = settings.oidc_groups
        self._http: httpx.AsyncClient | None = None
        self._told: Metadata | None = None
        self._keys: KeySet | None = None
        self._keys_at: datetime | None = None

    def __bool__(self) -> bool:
        """Whether there is an issuer."""
        return bool(self.issuer)

    async def begin(self, redirect_uri: str) -> tuple[Flow, str]:
        """A new sign-in, and where it goes on. Raises `IssuerAway`."""
        told = await self.metadata()
        flow = Flow.begun(self.clock())
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return flow, with_query(told.authorization, asked)

    async def finish(self, flow: Flow, answer: Mapping[str, str], redirect_uri: str) -> Newcomer:
        """Who came back from the issuer with this answer. Raises `SignInFailed` or `IssuerAway`."""
        told = await self.metadata()
        self.check_answer(flow, answer, told)
        sent = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
        }
        tokens = await self.exchange(told, sent)
        claims = await self.claims_of(tokens.get("id_token"), flow.nonce, told)
        if self._groups and at_path(claims, self._groups) is None:
            claims = {**await self.further(told, tokens, claims["sub"]), **claims}
        return Newcomer(
            subject=f"{self.issuer}|{claims['sub']}",
            name=name_in(claims),
            groups=groups_in(claims, self._groups),
            by=self.name,
        )

    def check_answer(self, flow: Flow, answer: Mapping[str, str], told: Metadata) -> None:
        """Whether it is the answer to what this browser asked, from the issuer that it asked."""
        if not flow.is_ours(self.clock()):
            raise SignInFailed("This sign-in was begun in another browser or too long ago. Begin it anew.")
        issuer = answer.get("iss")
        if (issuer is None and told.names_itself) or (issuer is not None and issuer != self.issuer):
            raise SignInFailed(
                "The answer came from another place than the one that was asked. Begin the sign-in anew."
            )
        if "error" in answer:
            why = REFUSALS.get(answer["error"], "It refused the sign-in.")
            log.warning("%s refused a sign-in: %s", self.issuer, printable(answer["error"]))
            raise SignInFailed(f"{self.name}: {why} Try it again, or ask somebody who keeps the people there.")
        if not answer.get("code"):
            raise SignInFailed("The answer has no code. Begin the sign-in anew.")

    async def leave(self, back: str) -> str | None:
        """Where somebody signs out at the issuer too, to come `back` to; None: it does not offer that."""
        try:
            told = await self.metadata()
        except IssuerAway:
            return None
        if not told.end_session or urlsplit(told.end_session).netloc != urlsplit(self.issuer).netloc:
            return None
        return with_query(told.end_session, {"client_id": self._client_id, "post_logout_redirect_uri": back})

    # -- what the issuer says ---------------------------------------------------------------------------------------

    async def metadata(self) -> Metadata:
        if self._told is None or self._told.at + FRESH <= self.clock():
            address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
            self._told = metadata_of(await self.ask("GET", address), self.issuer, self.clock())
        return self._told

    async def exchange(self, told: Metadata, sent: dict[str, str]) -> Json:
        """The tokens for a code, which is good once."""
        basic = None
        if not self._secret:
            sent = {**sent, "client_id": self._client_id}
        elif "client_secret_basic" in told.methods:
            basic = httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._secret, safe=""))
        else:
            sent = {**sent, "client_id": self._client_id, "client_secret": self._secret}
        return await self.ask("POST", told.token, data=sent, auth=basic)

    async def claims_of(self, token: object, nonce: str, told: Metadata) -> Json:
        """What a signed token says of somebody, after everything about it was checked."""
        if not isinstance(token, str):
            raise SignInFailed("The issuer sent no ID token. The scopes must hold openid.")
        try:
            decoded = jwt.decode(token, await self.keys(told), algorithms=list(told.algorithms))
        except (JoseError, ValueError):
            try:  # with a key that came lately
                decoded = jwt.decode(token, await self.keys(told, again=True), algorithms=list(told.algorithms))
            except (JoseError, ValueError) as error:
                raise refused("its signature", error) from None
        claims = decoded.claims
        for what, good in self.checks(claims, nonce):
            if not good:
                raise refused(what)
        return dict(claims)

    def checks(self, claims: Mapping[str, Any], nonce: str) -> list[tuple[str, bool]]:
        now = self.clock().timestamp()
        audience, ends, made = claims.get("aud"), claims.get("exp"), claims.get("iat")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        subject, told = claims.get("sub"), claims.get("nonce")
        return [
            ("its issuer", claims.get("iss") == self.issuer),
            ("its audience", self._client_id in audiences),
            ("who may use it", claims.get("azp", self._client_id) == self._client_id),
            ("who may use it", len(audiences) == 1 or "azp" in claims),
            ("its end", is_number(ends) and ends > now - SKEW.total_seconds()),
            ("its beginning", is_number(made) and made < now + SKEW.total_seconds()),
            ("its nonce", isinstance(told, str) and hmac.compare_digest(told.encode(), nonce.encode())),
            ("its subject", isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT),
        ]

    async def keys(self, told: Metadata, *, again: bool = False) -> KeySet:
        """The issuer's keys; `again`: asked anew, though not all the time, since anybody can name an unknown one."""
        now = self.clock()
        old = self._keys_at is None or self._keys_at + (KEYS_AGAIN if again else FRESH) <= now
        if self._keys is None or old:
            self._keys_at = now
            try:
                self._keys = KeySet.import_key_set(await self.ask("GET", told.keys))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError):
                raise IssuerAway(f"{self.name} sends keys that cannot be read.") from None
        return self._keys

    async def further(self, told: Metadata, tokens: Json, subject: str) -> Json:
        """What it tells only when asked: some keep the groups out of the token."""
        access = tokens.get("access_token")
        if not told.userinfo or not isinstance(access, str):
            return {}
        claims = await self.ask("GET", told.userinfo, headers={"Authorization": f"Bearer {access}"})
        return claims if claims.get("sub") == subject else {}

    async def ask(self, method: str, address: str, **options: Any) -> Json:
        """A JSON object of the issuer. Raises `IssuerAway`, and `SignInFailed` where it refuses."""
        if self._http is None:  # to read the certificates takes a moment
            self._http = await asyncio.to_thread(httpx.AsyncClient, timeout=LIMIT, follow_redirects=False)
        try:
            async with asyncio.timeout(LIMIT), self._http.stream(method, address, **options) as reply:
                content = b""
                async for piece in reply.aiter_bytes():
                    content += piece
                    if len(content) > LARGEST:
                        raise IssuerAway(f"{self.name} answers with too much.")
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            log.warning("%s does not answer: %s", self.issuer, type(error).__name__)
            raise IssuerAway(f"{self.name} does not answer. Try again in a moment.") from None
        data = json_in(content)
        if reply.status_code >= 400 and method == "POST":
            log.warning("%s refused a code: %s", self.issuer, printable(str(data.get("error", reply.status_code))))
            raise SignInFailed("The code from the sign-in is not good any more. Begin the sign-in anew.")
        if reply.status_code != 200 or not data:
            log.warning("%s answered %s with %s", self.issuer, urlsplit(address).path, reply.status_code)
            raise IssuerAway(f"{self.name} does not answer as it should. Try again in a moment.")
        return data

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def metadata_of(data: Json, issuer: str, now: datetime) -> Metadata:
    """What an issuer tells of itself, as far as it may be used. Raises `IssuerAway`."""
    if data.get("issuer") != issuer:
        raise IssuerAway(
            f"The issuer calls itself {printable(str(data.get('issuer')))}. Set CRONAPP_OIDC_ISSUER to exactly that."
        )
    places = {name: place_in(data, name, issuer) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if missing := [name for name, place in places.items() if place is None]:
        raise IssuerAway(f"The issuer names no {missing[0]} that is reached by https.")
    methods = texts_in(data, "token_endpoint_auth_methods_supported") or ("client_secret_basic",)
    signed = texts_in(data, "id_token_signing_alg_values_supported") or ("RS256",)
    return Metadata(
        authorization=places["authorization_endpoint"] or "",
        token=places["token_endpoint"] or "",
        keys=places["jwks_uri"] or "",
        userinfo=place_in(data, "userinfo_endpoint", issuer),
        end_session=place_in(data, "end_session_endpoint", issuer),
        methods=methods,
        algorithms=tuple(name for name in ALGORITHMS if name in signed),
        names_itself=data.get("authorization_response_iss_parameter_supported") is True,
        at=now,
    )


def place_in(data: Json, name: str, issuer: str) -> str | None:
    """An address that the issuer names, if nobody on the way can read what goes there."""
    place = data.get(name)
    if not isinstance(place, str):
        return None
    parts, home = urlsplit(place), urlsplit(issuer)
    at_home = home.hostname in LOOPBACK and parts.hostname in LOOPBACK
    return place if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and at_home)) else None


def name_in(claims: Mapping[str, Any]) -> str:
    """What somebody is called: a label, by which nobody is recognised."""
    named = (claims.get(name) for name in ("preferred_username", "email", "name", "sub"))
    return printable(next(name for name in named if isinstance(name, str) and name.strip()))


def groups_in(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Somebody's groups: a list of texts, or one text."""
    groups = at_path(claims, path)
    listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return frozenset(group for group in listed if isinstance(group, str))


def at_path(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by a path within objects, as `realm_access.roles`."""
    found: Any = claims.get(path)
    if found is None and "." in path:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    return found


def texts_in(data: Json, name: str) -> tuple[str, ...]:
    listed = data.get(name)
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def json_in(content: bytes) -> Json:
    """The JSON object that was sent; an empty one if it is something else."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def refused(what: str, error: Exception | None = None) -> SignInFailed:
    log.warning("an ID token was refused for %s%s", what, f": {error}" if error else "")
    return SignInFailed(f"The issuer's word cannot be trusted: {what} is not as it must be. Begin the sign-in anew.")


def derived(secret: str, what: str) -> str:
    return encoded(hmac.new(secret.encode(), what.encode(), hashlib.sha256).digest())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def with_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"
