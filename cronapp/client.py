"""Talks to a running server, for the command line and for programs."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import httpx

from cronapp.core.errors import CronAppError

Json = dict[str, Any]
TRIES = 5  # while the server says that too many calls came at once,
LONGEST_WAIT = 30  # each time after so many seconds at the most


class ServerSaysNo(CronAppError):
    """The server answered that it will not. Its words say why."""

    status = 400


class NotReached(CronAppError):
    """The server cannot be reached. Is it running, and is its address right?"""

    status = 503


class Client:
    """One server, by its address (`http://127.0.0.1:5000`) and an API token."""

    def __init__(self, url: str, token: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def safe_restart(self, minutes: float = 5) -> Json:
        """What runs, what is due, and the next gap of so many minutes."""
        return self.ask("GET", "/safe-restart", params={"minutes": minutes})

    def drain(self) -> Json:
        """The server takes no new slot and starts no run from now on."""
        return self.ask("POST", "/drain")

    def undrain(self) -> Json:
        """The server goes to work again."""
        return self.ask("DELETE", "/drain")

    def secrets(self) -> Json:
        """The stored secrets, without their values."""
        return self.ask("GET", "/secrets")

    def put_secret(self, name: str, value: str) -> Json:
        return self.ask("PUT", f"/secrets/{quote(name, safe='')}", json={"value": value})

    def remove_secret(self, name: str) -> None:
        self.ask("DELETE", f"/secrets/{quote(name, safe='')}")

    def tokens(self) -> list[Json]:
        """All API tokens, the newest first."""
        found: list[Json] = []
        asked = {"limit": "500"}
        while True:
            page = self.ask("GET", "/tokens", params=asked)
            found += page["items"]
            if page["next"] is None:
                return found
            asked["cursor"] = page["next"]

    def create_token(self, role: str, *, name: str = "", tags: list[str] | None = None, expires: str = "90d") -> Json:
        """Makes a token; the answer holds it as `token`, and no other one ever does."""
        return self.ask("POST", "/tokens", json={"role": role, "name": name, "tags": tags, "expires": expires})

    def revoke_token(self, number: int) -> None:
        self.ask("DELETE", f"/tokens/{number}")

    def users(self) -> list[Json]:
        """All accounts, in the order of their names."""
        found: list[Json] = []
        cursor = ""
        while True:
            page = self.ask("GET", "/users", params={"limit": 500, "cursor": cursor})
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = page["next"]

    def add_user(self, name: str, password: str, role: str, tags: list[str] | None = None) -> Json:
        """Makes an account; `tags` limit it to the jobs that have one of them."""
        sent = {"name": name, "password": password, "role": role, "tags": tags}
        return self.ask("POST", "/users", json=sent)

    def set_password(self, name: str, password: str) -> None:
        """Sets a new password, and signs them out everywhere."""
        self.ask("POST", f"/users/{quote(name, safe='')}/password", json={"password": password})

    def disable_user(self, name: str, disabled: bool = True) -> None:
        """Signs them out, and lets them in no more; or lets them in again."""
        self.ask("PATCH", f"/users/{quote(name, safe='')}", json={"disabled": disabled})

    def remove_user(self, name: str) -> None:
        self.ask("DELETE", f"/users/{quote(name, safe='')}")

    def ask(self, method: str, path: str, **options: Any) -> Json:
        """The answer as JSON. Raises `NotReached`, or `ServerSaysNo` with the server's words."""
        reply = self._sent(method, path, **options)
        if reply.status_code == 204:
            return {}
        try:
            answer = reply.json()
        except ValueError:
            raise NotReached(f"{self.url} answers, but not as Cron-App does. Is the address right?") from None
        if reply.is_error:
            fields = answer.get("errors") or {}
            raise ServerSaysNo(" ".join(fields.values()) or str(answer.get("detail") or reply.reason_phrase))
        return dict(answer)

    def _sent(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The reply; where too many calls came at once, that after the time that the server names."""
        for _ in range(TRIES):
            try:
                reply = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                raise NotReached(f"{self.url} cannot be reached: {error}. Is the server running there?") from error
            wait = reply.headers.get("Retry-After", "")
            if reply.status_code != 429 or not wait.isdigit() or int(wait) > LONGEST_WAIT:
                break
            time.sleep(int(wait))
        return reply
