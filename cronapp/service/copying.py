"""Moves everything from one database into another, as when one machine is no longer enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cronapp.core.errors import CannotCopy
from cronapp.core.vault import key_id
from cronapp.store import copying, sealing
from cronapp.store.copying import Copied
from cronapp.store.ends import name_of, source_at, target_at
from cronapp.store.keyfile import key_path, keys_for

Tell = Callable[[int, int, str], None]
"""Is told how many rows of how many were read or read again, and of which table the last were."""


def copy(source: str, target: str, given: Sequence[str], tell: Tell) -> list[Copied]:
    """Copies all there is. `given` are the keys for secrets that are set. Raises `CannotStart`: then the target is as
    it was."""
    if name_of(source) == name_of(target):
        raise CannotCopy(f"Source and target are both {name_of(source)}. Name two databases.")
    with source_at(source) as read:
        keys = {key_id(key) for key in keys_for(target, tuple(given), make=False)}
        if not sealing.keys(read) <= keys:
            raise CannotCopy(key_missing(source, target))
        with target_at(target) as write:
            total, done = 2 * copying.rows_in(read), 0

            def further(rows: int, table: str) -> None:
                nonlocal done
                done += rows
                tell(done, total, table)

            return copying.copy(read, write, further)


def key_missing(source: str, target: str) -> str:
    """What to do about it."""
    kept, beside = key_path(source), key_path(target)
    if kept is None or not kept.exists():
        how = "Set CRONAPP_SECRET_KEY to that key, here and for the servers"
    elif beside is not None:
        how = f"Copy {kept} to {beside}, and keep it as closed as it is"
    else:
        how = (
            f"Set CRONAPP_SECRET_KEY to what stands in {kept}, or CRONAPP_SECRET_KEY_FILE to its copy, here and for all"
        )
    return f"The secrets are encrypted with a key that {name_of(target)} does not have yet. {how}. Then copy again."
