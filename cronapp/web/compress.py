"""Pages, fragments and static files go out compressed, to whoever can read that. The stream does not, since each of its
messages must go at once, nor does the API, whose ETags name the very bytes."""

from __future__ import annotations

import gzip
from asyncio import to_thread
from functools import lru_cache
from pathlib import Path

from quart import Response, request
from quart.wrappers.response import DataBody, FileBody

LEAST = 600  # bytes; less fits into one packet anyway
IN_THREAD = 100_000  # bytes from which on the loop does not wait for it
PAGE, FILE = 5, 9  # how hard: a page is made each time, a file once
TYPES = ("text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml", "application/json")


async def compress(response: Response) -> Response:
    """After each request."""
    if response.mimetype not in TYPES or request.path.startswith("/api/"):
        return response
    response.vary.add("Accept-Encoding")
    if not worth_it(response):
        return response
    if isinstance(response.response, FileBody):
        small = await to_thread(file_compressed, Path(response.response.file_path))
    else:
        whole: bytes = await response.get_data(as_text=False)
        if len(whole) < LEAST:
            return response
        small = squeeze(whole) if len(whole) < IN_THREAD else await to_thread(squeeze, whole)
    response.set_data(small)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(small))
    if "ETag" in response.headers:  # the same content in other bytes
        response.set_etag(response.get_etag()[0] or "", weak=True)
    return response


def worth_it(response: Response) -> bool:
    """Whether the reply may be changed at all: a whole one that lies there ready, for somebody who can read it."""
    return (
        request.accept_encodings["gzip"] > 0
        and request.method != "HEAD"
        and response.status_code not in (204, 206, 304)
        and "Content-Encoding" not in response.headers
        and isinstance(response.response, DataBody | FileBody)
    )


def file_compressed(path: Path) -> bytes:
    return version_compressed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def version_compressed(path: Path, changed: int) -> bytes:
    """A static file; `changed` is when, so that another version is another entry."""
    return squeeze(path.read_bytes(), FILE)


def squeeze(content: bytes, level: int = PAGE) -> bytes:
    return gzip.compress(content, level, mtime=0)
