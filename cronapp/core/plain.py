"""Text that somebody else chose, made harmless where it is written line by line: logs, CSV, JSON lines."""

from __future__ import annotations

import json
import re
from typing import Any

FORMULAS = tuple("=+-@＝＋－＠")
UNSEEN = re.compile("[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What ends lines or turns them around, of what JSON leaves as it is."""


def plain(text: str) -> str:
    """On one line, with nothing in it that cannot be seen: a line break becomes the two letters `\\n`."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def json_line(value: Any) -> str:
    """JSON on one line, whatever reads it by lines."""
    text = json.dumps(value, ensure_ascii=False)
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    text = plain(text)
    return f"'{text}" if text.lstrip().startswith(FORMULAS) else text
