"""The key for secrets beside an SQLite file, for whoever sets none: made at the first start, readable for its owner."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from pathlib import Path

from cronapp.core.errors import CannotStart
from cronapp.store.open import named_database

log = logging.getLogger(__name__)


def key_path(url: str) -> Path | None:
    """`cronapp.db.key` beside `cronapp.db`; None: this database is no file."""
    parsed = named_database(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    path = Path(str(parsed.database))
    return path.with_name(path.name + ".key")


def keys_for(url: str, given: tuple[str, ...], *, make: bool = True) -> tuple[str, ...]:
    """The keys that are set, then the one in the file. With `make` the file is made where there is neither."""
    path = key_path(url)
    if path is None:
        return given
    try:
        kept = read(path)
        if kept is None and make and not given:
            kept = made(path)
    except OSError as error:
        raise CannotStart(f"The key for secrets, {path}, cannot be used: {error.strerror}. Check the owner.") from None
    return tuple(dict.fromkeys((*given, *((kept,) if kept else ()))))


def read(path: Path) -> str | None:
    """The key in the file; None: there is no file."""
    try:
        with path.open() as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                log.warning("%s can be read by others than its owner. Change that: chmod 600 %s", path, path)
            key = file.read().strip()
    except FileNotFoundError:
        return None
    if not key:
        raise CannotStart(f"The key for secrets, {path}, is empty. Put it back from a backup, or remove the file.")
    return key


def made(path: Path) -> str:
    key = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    log.info(
        "A key for secrets was made: %s. Without it stored secrets cannot be read: keep a copy, but not beside the "
        "database's own. Or set CRONAPP_SECRET_KEY instead.",
        path,
    )
    return key
