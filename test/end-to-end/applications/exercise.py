"""A WSGI application that does, route by route, what a server must cope with.

`app` is the application; `validated` is the same under wsgiref.validate, which raises where the
server or the application breaks PEP 3333. Closed iterables are counted in the file that
EXERCISE_NOTES names, one line each.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.validate import validator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Environ = dict[str, Any]
TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Pieces:
    """An iterable that says when it is closed."""

    def __init__(self, name: str, pieces: Iterable[bytes]) -> None:
        self.name = name
        self.pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        note(self.name)


def note(line: str) -> None:
    """Appends a line to the test's file; one write, so that lines of several workers do not mix."""
    file = os.environ.get("EXERCISE_NOTES")
    if file is not None:
        with open(file, "ab") as closed:
            closed.write(f"{line}\n".encode())


def number(environ: Environ, name: str, default: float) -> float:
    values = parse_qs(environ["QUERY_STRING"]).get(name)
    return float(values[0]) if values else default


def hello(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "6")])
    return [b"hello\n"]


def environ_json(environ: Environ, start_response: Any) -> Iterable[bytes]:
    strings = {name: value for name, value in environ.items() if isinstance(value, str)}
    others = {name: repr(value) for name, value in environ.items() if not isinstance(value, str)}
    body = json.dumps({"strings": strings, "others": others}).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


def echo(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Gives the content back, and says what was read of it."""
    content = environ["wsgi.input"].read(-1)
    digest = hashlib.sha256(content).hexdigest()
    start_response(
        "200 OK",
        [TEXT, ("X-Length", str(len(content))), ("X-Digest", digest), ("X-Pid", str(os.getpid()))],
    )
    return [content]


def lines(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Reads by line, by readlines and by iteration."""
    stream = environ["wsgi.input"]
    read = [stream.readline(), stream.readline(4)]
    read += stream.readlines(1)
    read += list(stream)
    read.append(stream.read(10))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([piece.decode("latin-1") for piece in read]).encode()]


def slow(environ: Environ, start_response: Any) -> Iterable[bytes]:
    time.sleep(number(environ, "s", 0.2))
    start_response("200 OK", [TEXT])
    return [f"{environ['QUERY_STRING']} by {os.getpid()}".encode()]


def burn(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Computes for so many seconds of CPU time."""
    until = time.process_time() + number(environ, "s", 0.2)
    while time.process_time() < until:
        pass
    start_response("200 OK", [TEXT, ("X-Pid", str(os.getpid())), ("X-Zygote", str(os.getppid()))])
    return []


def stream(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])

    def pieces() -> Iterator[bytes]:
        for count in range(int(number(environ, "n", 3))):
            yield f"piece {count}\n".encode()
            time.sleep(number(environ, "s", 0.1))

    return Pieces("stream", pieces())


def endless(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Never ends by itself: only a server that tells it so makes it stop."""
    start_response("200 OK", [TEXT])

    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    return Pieces("endless", pieces())


def large(environ: Environ, start_response: Any) -> Iterable[bytes]:
    size = int(number(environ, "size", 1_000_000))
    start_response("200 OK", [TEXT, ("Content-Length", str(size))])
    return Pieces("large", [bytes(range(256)) * (size // 256) + b"y" * (size % 256)])


def short(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    return Pieces("short", [b"12345"])


def long(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return Pieces("long", [b"1234567890"])


def written(environ: Environ, start_response: Any) -> Iterable[bytes]:
    write = start_response("200 OK", [TEXT])
    write(b"written, ")
    write(b"not returned, ")
    return [b"and returned"]


def status(environ: Environ, start_response: Any) -> Iterable[bytes]:
    code = int(number(environ, "code", 204))
    headers = [] if code in (204, 304) else [TEXT]
    start_response(f"{code} Status", headers)
    return [] if code in (204, 304) else [b"content"]


def raises(environ: Environ, start_response: Any) -> Iterable[bytes]:
    message = "secret of the application"
    raise ValueError(message)


def raises_late(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])

    def pieces() -> Iterator[bytes]:
        yield b"begun\n"
        message = "after the head"
        raise ValueError(message)

    return Pieces("raises-late", pieces())


def replaces(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Calls start_response a second time, as PEP 3333 allows it with exc_info."""
    start_response("200 OK", [TEXT])
    try:
        message = "found out in time"
        raise ValueError(message)
    except ValueError:
        start_response("503 Replaced", [TEXT], sys.exc_info())
    return [b"replaced"]


def bad_header(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("X-Bad", "one\r\nSet-Cookie: injected=1")])
    return [b"never"]


def hop_by_hop(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Transfer-Encoding", "chunked")])
    return [b"never"]


def die(environ: Environ, start_response: Any) -> Iterable[bytes]:
    note(f"die {environ['REQUEST_METHOD']}")
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def once(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Dies the first time, and only then."""
    file = os.environ["EXERCISE_NOTES"]
    with open(file, "rb") as closed:
        seen = b"once" in closed.read()
    note("once")
    if not seen:
        os._exit(7)
    start_response("200 OK", [TEXT])
    return [b"the second time"]


def file_wrapper(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    file = open(__file__, "rb")  # noqa: SIM115 - the server closes it
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, 1024)
    return wrapped


def cookies(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [environ.get("HTTP_COOKIE", "").encode()]


def process(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Who runs this, and which descriptors it has open."""
    links = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            links[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # The one that listdir itself had open.
            continue
    body = {"pid": os.getpid(), "ppid": os.getppid(), "descriptors": links}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


ROUTES = {
    "/hello": hello,
    "/environ": environ_json,
    "/echo": echo,
    "/lines": lines,
    "/slow": slow,
    "/burn": burn,
    "/stream": stream,
    "/endless": endless,
    "/large": large,
    "/short": short,
    "/long": long,
    "/written": written,
    "/status": status,
    "/raises": raises,
    "/raises-late": raises_late,
    "/replaces": replaces,
    "/bad-header": bad_header,
    "/hop-by-hop": hop_by_hop,
    "/die": die,
    "/once": once,
    "/file": file_wrapper,
    "/cookies": cookies,
    "/process": process,
}


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    return ROUTES.get(environ["PATH_INFO"], environ_json)(environ, start_response)


validated = validator(app)
