"""Takes and gives content of all sizes; what is posted is read to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KIB = 1024
MIB = 1024 * KIB
CHUNK = b"c" * (4 * KIB)
BLOCK = b"b" * (64 * KIB)
CONTENTS = {"/10k": b"x" * (10 * KIB), "/1m": b"x" * MIB}


def blocks(size: int) -> Iterator[bytes]:
    """A large answer in blocks, as one that is read from a file: not in memory as a whole."""
    for _ in range(size // len(BLOCK)):
        yield BLOCK


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // len(CHUNK)):
        yield CHUNK


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    fields = [("Content-Type", "application/octet-stream")]
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", fields)
        return chunks(MIB)
    if path == "/100m":
        start_response("200 OK", [*fields, ("Content-Length", str(100 * MIB))])
        return blocks(100 * MIB)
    if environ["REQUEST_METHOD"] == "POST":
        length = int(environ["CONTENT_LENGTH"])
        received = environ["wsgi.input"].read(length)
        if len(received) != length:
            # The load generator counts it as an error, so a server gains nothing by it.
            start_response("400 Bad Request", fields)
            return [b"content is missing\n"]
        content = b"%d\n" % length
    else:
        content = CONTENTS.get(path, b"ready\n")
    start_response("200 OK", [*fields, ("Content-Length", str(len(content)))])
    return [content]
