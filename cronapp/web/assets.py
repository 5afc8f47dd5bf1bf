"""Where templates and static files are, and under which address a static file may be kept for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache
def assets_root() -> Path:
    """The folder with `templates/` and `static/`: within the package when installed from a wheel, else beside it."""
    package = Path(__file__).resolve().parent.parent
    return package if (package / "templates" / "base.html").is_file() else package.parent


@lru_cache
def static_url(path: str) -> str:
    """The address of a static file, with the hash of its content, so that a new version is a new address."""
    digest = hashlib.sha256((assets_root() / "static" / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"
