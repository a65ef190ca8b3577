"""Large answers of each kind that an application can give, and a look at who sends them."""

from __future__ import annotations

import functools
import os
import signal
import socket
import stat
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from downloads import content_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Environ = dict[str, Any]
# Longer than any test waits.
FOR_EVER_S = 600
PART_ROWS = 100


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    asked = {name: int(value) for name, value in parse_qsl(environ["QUERY_STRING"])}
    size = asked.get("size", 1_000_000)
    if environ["PATH_INFO"] == "/descriptors":
        return small(start_response, len(os.listdir("/dev/fd")))
    if environ["PATH_INFO"] == "/pid":
        return small(start_response, os.getpid())
    if environ["PATH_INFO"] == "/parts":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return parts()
    content = kept_content(size)
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return pieces(content, asked)
    declared = size + asked.get("more", 0)
    write = start_response("200 OK", [("Content-Length", str(declared))])
    if environ["PATH_INFO"] == "/list":
        return [content]
    if environ["PATH_INFO"] == "/file":
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the wrapper closes it
        file.write(content)
        file.seek(asked.get("from", 0))
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped
    if environ["PATH_INFO"] == "/write":
        write(content)
        return []
    return pieces(content, asked)


kept_content = functools.lru_cache(content_of)


def small(start_response: Any, number: int) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(number).encode()]


def pieces(content: bytes, asked: dict[str, int]) -> Iterator[bytes]:
    """`piece` bytes each; with `raise` or `hang` that happens at such a place.

    With `look`, the last byte says whether this process ever had a client's socket.
    """
    size, had_client = asked.get("piece", 65_536), False
    for start in range(0, len(content), size):
        if start >= asked.get("raise", len(content)):
            raise RuntimeError("in the middle")
        if start >= asked.get("hang", len(content)):
            time.sleep(FOR_EVER_S)
        yield content[start : start + size]
        had_client = had_client or ("look" in asked and has_client())
    if "look" in asked:
        yield b"1" if had_client else b"0"


def parts() -> Iterator[bytes]:
    """Three, of many small pieces each; behind each of them a signal is waited for."""
    for part in range(3):
        told.clear()
        for row in range(PART_ROWS):
            yield b"%d %d\n" % (part, row)
        told.wait(FOR_EVER_S)


told = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: told.set())


def has_client() -> bool:
    """Whether one of its sockets is connected by TCP."""
    for descriptor in range(3, 256):
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
        except OSError:
            continue
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                return True
    return False
