"""Which role the groups of another place give."""

from __future__ import annotations

import pytest

from cronapp.core.access import Role, Sight
from cronapp.core.groups import parse_groups, sight_of

RULES = parse_groups("cron-admins=admin, ops=operator, finance=editor:finance+tax, tax=editor:tax+audit, cn=x=viewer,")
FINANCE = frozenset(("finance", "tax"))


@pytest.mark.parametrize(
    ("groups", "sight"),
    [
        (["ops"], Sight(Role.OPERATOR)),
        (["ops", "cron-admins", "finance"], Sight(Role.ADMIN)),
        (["ops", "finance"], Sight(Role.EDITOR, FINANCE)),
        (["tax", "finance"], Sight(Role.EDITOR, FINANCE | {"audit"})),
        (["cn=x"], Sight(Role.VIEWER)),
        (["OPS", "cron-admin", "cron-admins "], None),
        ([], None),
    ],
)
def test_the_highest_role_wins_with_all_its_tags(groups: list[str], sight: Sight | None) -> None:
    assert sight_of(groups, RULES) == sight
    assert sight_of(groups, RULES, Sight(Role.VIEWER)) == (sight or Sight(Role.VIEWER))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ops", "'ops' names no group with its role."),
        ("=admin", "'=admin' names no group with its role."),
        ("ops=root", "'root' is no role. Choose one of viewer, operator, editor, admin."),
        ("ops=editor:", "'editor:' names no tag after the colon."),
        ("ops=admin:finance", "An admin keeps all jobs and cannot be limited to tags."),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("(", "\\(").replace(".", "\\.")):
        parse_groups(text)
