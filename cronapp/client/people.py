"""Who gets in, with what; stored secrets; and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cronapp import wire
from cronapp.client.carrying import call, flow, pages
from cronapp.client.steps import Ask, Flow, ask, at, given, nothing
from cronapp.wire import Items

Moment = datetime | str


class PeopleCalls:
    @call
    def me(self) -> Ask[wire.Me]:
        """Who asks, and what they may do."""
        return ask(wire.Me, "GET", "/me")

    @flow
    def users(self) -> Flow[wire.User]:
        """The accounts, in the order of their names."""
        return pages(ask(Items[wire.User], "GET", "/users"))

    @call
    def user(self, name: str) -> Ask[wire.User]:
        """One account."""
        return ask(wire.User, "GET", at("users", name))

    @call
    def add_user(self, name: str, password: str, role: str, tags: Sequence[str] | None = None) -> Ask[wire.User]:
        """Makes an account; `tags` limit it to the jobs that have one of them."""
        return ask(wire.User, "POST", "/users", {"name": name, "password": password, "role": role, "tags": tags})

    @call
    def change_user(
        self,
        name: str,
        *,
        role: str | None = None,
        tags: Sequence[str] | None = None,
        all_jobs: bool = False,
        disabled: bool | None = None,
    ) -> Ask[wire.User]:
        """Gives another role, other tags or with `all_jobs` none; disables the account or enables it."""
        said = given(role=role, tags=tags, disabled=disabled)
        return ask(wire.User, "PATCH", at("users", name), {**said, **({"tags": None} if all_jobs else {})})

    @call
    def set_password(self, name: str, password: str) -> Ask[None]:
        """Sets a new password, and signs them out everywhere."""
        return nothing("POST", at("users", name, "password"), {"password": password})

    @call
    def sign_out(self, name: str) -> Ask[wire.SignedOut]:
        """Signs them out everywhere."""
        return ask(wire.SignedOut, "DELETE", at("users", name, "sessions"))

    @call
    def end_second_factor(self, name: str) -> Ask[None]:
        """Turns the second factor off, for who lost it."""
        return nothing("DELETE", at("users", name, "second-factor"))

    @call
    def remove_user(self, name: str) -> Ask[None]:
        """Removes an account."""
        return nothing("DELETE", at("users", name))

    @flow
    def tokens(self) -> Flow[wire.Token]:
        """The API tokens, the newest first."""
        return pages(ask(Items[wire.Token], "GET", "/tokens"))

    @call
    def token(self, number: int) -> Ask[wire.Token]:
        """One token."""
        return ask(wire.Token, "GET", at("tokens", number))

    @call
    def create_token(
        self, role: str, *, name: str = "", tags: Sequence[str] | None = None, expires: str | None = "90d"
    ) -> Ask[wire.MadeToken]:
        """Makes a token; the answer holds it as `token`, and no other one ever does."""
        return ask(wire.MadeToken, "POST", "/tokens", {"role": role, "name": name, "tags": tags, "expires": expires})

    @call
    def rename_token(self, number: int, name: str) -> Ask[wire.Token]:
        """Gives a token another name."""
        return ask(wire.Token, "PATCH", at("tokens", number), {"name": name})

    @call
    def revoke_token(self, number: int) -> Ask[None]:
        """Makes a token good for nothing, at once."""
        return nothing("DELETE", at("tokens", number))

    @flow
    def secrets(self) -> Flow[wire.Secret]:
        """The stored secrets, without their values."""
        return pages(ask(Items[wire.Secret], "GET", "/secrets"))

    @call
    def secret(self, name: str) -> Ask[wire.UsedSecret]:
        """One stored secret, and the jobs that name it."""
        return ask(wire.UsedSecret, "GET", at("secrets", name))

    @call
    def put_secret(self, name: str, value: str) -> Ask[wire.Secret]:
        """Stores a value under this name."""
        return ask(wire.Secret, "PUT", at("secrets", name), {"value": value})

    @call
    def remove_secret(self, name: str) -> Ask[None]:
        """Removes a stored secret. Runs that need it fail from then on."""
        return nothing("DELETE", at("secrets", name))

    @flow
    def audit(
        self,
        *,
        by: str | None = None,
        action: str | None = None,
        target: str | None = None,
        address: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        most: int | None = None,
    ) -> Flow[wire.AuditRow]:
        """Who did what, the newest first."""
        query = given(by=by, action=action, target=target, address=address, since=since, until=until)
        return pages(ask(Items[wire.AuditRow], "GET", "/audit", query=query), most)
