"""Which role somebody has who is signed in elsewhere, by the groups that they are in there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cronapp.core.access import Role, Sight

HOW = 'Write each as group=role or group=role:tag+tag, as "cron-admins=admin, finance=editor:finance+tax".'
ROLES = ", ".join(Role)


@dataclass(frozen=True, slots=True)
class GroupRole:
    """What being in a group gives."""

    group: str
    sight: Sight


def parse_groups(text: str) -> tuple[GroupRole, ...]:
    """`"cron-admins=admin, ops=operator, finance=editor:finance+tax"`; raises `ValueError` in words."""
    return tuple(group_of(part.strip()) for part in text.split(",") if part.strip())


def group_of(text: str) -> GroupRole:
    group, equals, sight = text.rpartition("=")  # the name of a group may hold one: cn=ops
    if not group.strip() or not equals:
        raise ValueError(f"{text!r} names no group with its role. {HOW}")
    return GroupRole(group.strip(), parse_sight(sight))


def parse_sight(text: str) -> Sight:
    """`"editor:finance+tax"`, or `"viewer"`; raises `ValueError` in words."""
    name, colon, tags = text.strip().partition(":")
    limits = frozenset(tag.strip() for tag in tags.split("+") if tag.strip())
    if name not in list(Role):
        raise ValueError(f"{name!r} is no role. Choose one of {ROLES}.")
    if colon and not limits:
        raise ValueError(f"{text.strip()!r} names no tag after the colon. {HOW}")
    if limits and Role(name) is Role.ADMIN:
        raise ValueError("An admin keeps all jobs and cannot be limited to tags. Choose editor, or leave the tags out.")
    return Sight(Role(name), limits or None)


def sight_of(groups: Collection[str], rules: Iterable[GroupRole], default: Sight | None = None) -> Sight | None:
    """The highest role that one of the groups gives, for all that it is given for; else the default."""
    given = [rule.sight for rule in rules if rule.group in groups]
    if not given:
        return default
    highest = max((sight.role for sight in given), key=list(Role).index)
    limits = [sight.tags for sight in given if sight.role is highest]
    return Sight(highest, None if None in limits else frozenset().union(*(tags or () for tags in limits)))
