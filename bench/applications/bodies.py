"""Takes and gives content of all sizes; what is posted is read to its end."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KIB = 1024
MIB = 1024 * KIB
CHUNK = b"c" * (4 * KIB)
BLOCK = b"b" * (64 * KIB)
FILE_SIZE = 10 * MIB
FILE = tempfile.TemporaryFile()  # noqa: SIM115 - it is there as long as the process
FILE.write(BLOCK * (FILE_SIZE // len(BLOCK)))
FILE.flush()
CONTENTS = {"/10k": b"x" * (10 * KIB), "/1m": b"x" * MIB}


def blocks(size: int) -> Iterator[bytes]:
    """A large answer in blocks, as one that is read from a file: not in memory as a whole."""
    for _ in range(size // len(BLOCK)):
        yield BLOCK


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // len(CHUNK)):
        yield CHUNK


def file_content(environ: WSGIEnvironment) -> Iterable[bytes]:
    """The file, opened anew, as the server's own wrapper or as blocks that are read."""
    # It has no name, and each request is to have an offset of its own.
    file = open(f"/proc/self/fd/{FILE.fileno()}", "rb")  # noqa: SIM115 - the server closes it
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return iter(lambda: file.read(len(BLOCK)), b"")
    return wrapper(file, len(BLOCK))


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    fields = [("Content-Type", "application/octet-stream")]
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", fields)
        return chunks(MIB)
    if path == "/100m":
        start_response("200 OK", [*fields, ("Content-Length", str(100 * MIB))])
        return blocks(100 * MIB)
    if path == "/file":
        start_response("200 OK", [*fields, ("Content-Length", str(FILE_SIZE))])
        return file_content(environ)
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
