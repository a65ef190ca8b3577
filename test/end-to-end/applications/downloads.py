"""A WSGI application for real clients: a file that can be had in ranges, and all of exercise.py.

`/ranges` honours one byte range (RFC 9110 section 14.2) and has a validator, so that an interrupted
download can go on. The server has no part in that: it hands Range on and the answer back.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from exercise import app as exercise_app
from exercise import number

if TYPE_CHECKING:
    from collections.abc import Iterable

Environ = dict[str, Any]
BYTE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
BLOCK_BYTES = 1_024


def content_of(size: int) -> bytes:
    """Bytes of which no two stretches are alike, so that a piece at a wrong place is noticed."""
    count = size // BLOCK_BYTES + 1
    blocks = (hashlib.shake_256(str(index).encode()).digest(BLOCK_BYTES) for index in range(count))
    return b"".join(blocks)[:size]


def ranges(environ: Environ, start_response: Any) -> Iterable[bytes]:
    content = content_of(int(number(environ, "size", 1_000_000)))
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Accept-Ranges", "bytes"),
        ("ETag", f'"{hashlib.sha256(content).hexdigest()}"'),
    ]
    found = BYTE_RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    if found is None:
        start_response("200 OK", [*headers, ("Content-Length", str(len(content)))])
        return [content]
    first, last = found.groups()
    begin = int(first) if first else len(content) - int(last)
    end = int(last) + 1 if first and last else len(content)
    if begin >= len(content):
        headers.append(("Content-Range", f"bytes */{len(content)}"))
        start_response("416 Range Not Satisfiable", headers)
        return []
    piece = content[begin:end]
    headers.append(("Content-Range", f"bytes {begin}-{begin + len(piece) - 1}/{len(content)}"))
    start_response("206 Partial Content", [*headers, ("Content-Length", str(len(piece)))])
    return [piece]


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/ranges":
        return ranges(environ, start_response)
    return exercise_app(environ, start_response)
