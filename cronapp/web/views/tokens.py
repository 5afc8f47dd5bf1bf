"""The API tokens: which there are, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cronapp.core.access import MEANINGS, Role
from cronapp.core.events import Event, TokensChanged
from cronapp.core.tokens import LIFE, NEVER, Token, TokenEnd
from cronapp.web.addresses import whole
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown

ROLES = [(role.value, f"{role.capitalize()}: {MEANINGS[role]}") for role in Role]
LIVES = [("30d", "30 days"), (LIFE, "90 days"), ("365d", "a year"), (NEVER, "never")]


@dataclass(frozen=True, slots=True)
class TokenRow:
    token: Token
    end: TokenEnd | None


class TokensView(Shown):
    def __init__(self, parts: Parts, query: dict[str, str], address: str) -> None:
        super().__init__(parts)
        self.query = query
        self.address = address

    def heed(self, event: Event) -> Iterable[str]:
        return self.parts() if isinstance(event, TokensChanged) else ()

    def parts(self) -> Iterable[str]:
        return () if self.query.get("cursor") else ("tokens",)

    async def show(self, part: str) -> Markup:
        context = await tokens_context(self.house, self.query, self.address)
        return partial("#settings-tokens", fragment("_settings_tokens", **context))

    def pause(self, part: str) -> float:
        return 1.0


async def tokens_context(house: Parts, query: dict[str, str], address: str) -> dict[str, Any]:
    """`address` is where the site was asked for, to write down how a program does."""
    before, now = whole(query.get("cursor")), house.clock()
    tokens, following = await house.tokens.page(before=before)
    rows = [TokenRow(token, token.end(now)) for token in tokens]
    return {
        "tokens": sorted(rows, key=lambda row: row.end is not None),
        "first": before is None,
        "next": following,
        "set_by": house.settings.origin("admin_token"),
        "address": address,
    }
