"""What was written, as it can be stored and shown.

Text may hold bytes that are no UTF-8, each as the lone surrogate that Python's `surrogateescape` makes of it. So bytes
may be decoded piece by piece, wherever they were cut: put together again they are the bytes that they were.
"""

from __future__ import annotations

import re

ODD = re.compile("[\0\ud800-\udfff]")
NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
MARK = "\ufffd"


def text_of(data: bytes) -> str:
    """Bytes as text that `bytes_of` turns back."""
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The bytes that were written. Surrogates that stand for no byte become marks, pairs of them one character."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return NO_BYTE.sub(MARK, paired).encode("utf-8", "surrogateescape")


def storable(text: str) -> tuple[str, bytes | None]:
    """The text as every database can hold it, and its bytes where they differ. NUL and bytes that are no UTF-8 become
    marks."""
    if (text.isascii() and "\0" not in text) or not ODD.search(text):
        return text, None
    raw = bytes_of(text)
    shown = raw.decode("utf-8", "replace").replace("\0", MARK)
    return shown, raw if shown.encode() != raw else None


def clean(text: str) -> str:
    """The text as every database can hold it: no NUL, no lone surrogates."""
    return storable(text)[0]


def lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def size_in_words(size: int) -> str:
    """`10 MB` for 10 * 2**20 and for 10 * 10**6 alike: people write both."""
    step = 1024 if size % 1024 == 0 else 1000
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if size >= step**power:
            return f"{size / step**power:.3g} {unit}"
    return f"{size} bytes"
