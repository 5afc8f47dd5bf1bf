"""Templates that are compiled already, kept beside the program's own bytecode and by the same rules."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket


class Compiled(FileSystemBytecodeCache):
    """To compile them all takes a second of a server's start. Where Python keeps no bytecode, this keeps none."""

    def __init__(self, templates: Path) -> None:
        super().__init__(str(Path(cache_from_source(f"{templates}.py")).parent), "template-%s.cache")

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):  # an installation that nobody may write to
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)
