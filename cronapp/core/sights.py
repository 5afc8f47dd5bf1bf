"""A role and the tags that limit it, as they were sent."""

from __future__ import annotations

from typing import Any

from cronapp.core.access import Role, Sight
from cronapp.core.errors import InvalidInput

LONGEST_TAG, MOST_TAGS = 50, 50


def sight_of(role: Any, tags: Any) -> Sight:
    """Raises `InvalidInput`. `tags` is a list, or None for all jobs."""
    errors: dict[str, str] = {}
    if role not in list(Role):
        errors["role"] = f"Choose a role: {', '.join(list(Role)[:-1])} or {Role.ADMIN}."
    if tags is not None and (wrong := wrong_tags(tags)):
        errors["tags"] = wrong
    elif tags is not None and role == Role.ADMIN:
        errors["tags"] = "An admin sees all jobs. Choose another role, or leave the tags away."
    if errors:
        raise InvalidInput(errors)
    return Sight.of(role, tags)


def wrong_tags(tags: Any) -> str:
    """What is wrong with these tags; empty: nothing."""
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        return "The tags must be a list of texts, or null for all jobs."
    if not tags:
        return "Name at least one tag. For all jobs leave the tags away."
    if len(tags) > MOST_TAGS:
        return f"At most {MOST_TAGS} tags are possible."
    if any(not tag or len(tag) > LONGEST_TAG or tag != tag.strip() or "," in tag for tag in tags):
        return f"A tag has 1 to {LONGEST_TAG} characters and no comma."
    return ""
