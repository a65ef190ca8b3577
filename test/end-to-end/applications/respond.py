"""The WSGI applications of the vectors in `vectors/http1/respond/`: the path names the one to run.

What each of them looks like to the gateway is in `test/server/respond-programs.ts`, under the same
name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Environ = dict[str, Any]
Program = Callable[[Environ, Any], "Iterable[bytes]"]

TEXT = ("Content-Type", "text/plain")
HELLO = b"hello\n"


def answer(status: str, *headers: tuple[str, str], content: bytes | None = HELLO) -> Program:
    """An application that always gives the same, in a list; None: an empty list."""

    def program(_environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response(status, list(headers))
        return [] if content is None else [content]

    return program


def streamed(status: str, *headers: tuple[str, str], raises: bool = False) -> Program:
    """An application that gives two pieces one by one."""

    def program(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response(status, list(headers))
        yield b"one\n"
        yield b"two\n"
        if raises:
            raise RuntimeError("after the head")

    return program


def echo(environ: Environ, start_response: Any) -> Iterable[bytes]:
    query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
    target = environ["SCRIPT_NAME"] + environ["PATH_INFO"] + query
    line = f"{environ['REQUEST_METHOD']} {target} {environ.get('HTTP_HOST', '-')}\n"
    start_response("200 OK", [TEXT])
    return [line.encode("latin-1") + environ["wsgi.input"].read()]


def no_pieces(_environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield from ()


def early_hints(environ: Environ, start_response: Any) -> Iterable[bytes]:
    environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
    start_response("200 OK", [TEXT])
    return [HELLO]


def raises(_environ: Environ, _start_response: Any) -> Iterable[bytes]:
    raise RuntimeError("before the head")


def no_start_response(_environ: Environ, _start_response: Any) -> Iterable[bytes]:
    return [HELLO]


def field(name: str, value: str) -> Program:
    return answer("200 OK", (name, value))


PROGRAMS: dict[str, Program] = {
    "hello": answer("200 OK", TEXT),
    "echo": echo,
    "empty": answer("200 OK", TEXT, content=None),
    "no-length": streamed("200 OK", TEXT),
    "no-length-no-content": no_pieces,
    "streamed-with-length": streamed("200 OK", TEXT, ("Content-Length", "8")),
    "too-long": answer("200 OK", TEXT, ("Content-Length", "3")),
    "too-short": answer("200 OK", TEXT, ("Content-Length", "10")),
    "too-short-no-content": answer("200 OK", TEXT, ("Content-Length", "10"), content=None),
    "status-201": answer("201 Created", ("Location", "/hello"), TEXT),
    "status-204": answer("204 No Content", content=None),
    "status-204-with-content": answer("204 No Content", TEXT, ("Content-Length", "6")),
    "status-205": answer("205 Reset Content", content=None),
    "status-205-with-content": answer("205 Reset Content", TEXT),
    "status-205-streamed": streamed("205 Reset Content", TEXT),
    "status-206": answer(
        "206 Partial Content", ("Content-Range", "bytes 1-3/6"), TEXT, content=b"ell"
    ),
    "status-304": answer("304 Not Modified", ("ETag", '"a"'), content=None),
    "status-304-with-length": answer(
        "304 Not Modified", ("ETag", '"a"'), ("Content-Length", "6"), content=None
    ),
    "status-304-with-content": answer("304 Not Modified", ("ETag", '"a"')),
    "status-401": answer("401 Unauthorized", ("WWW-Authenticate", 'Basic realm="a"'), content=None),
    "status-405": answer("405 Method Not Allowed", ("Allow", "GET, HEAD"), content=None),
    "status-416": answer("416 Range Not Satisfiable", ("Content-Range", "bytes */6"), content=None),
    "status-599": answer("599 ", content=None),
    "with-date": field("Date", "Tue, 15 Nov 1994 08:12:31 GMT"),
    "with-date-lower-case": field("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
    "with-server": field("Server", "own/1.0"),
    "with-cookies": answer("200 OK", ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
    "with-obs-text": field("X-Name", "J\xfcrgen"),
    "with-white-space": answer("200 OK", ("X-Padded", " \ta \t b\t "), ("X-Empty", " ")),
    "early-hints": early_hints,
    "raises-after-head": streamed("200 OK", TEXT, raises=True),
    "raises-within-length": streamed("200 OK", TEXT, ("Content-Length", "10"), raises=True),
    # What follows must not reach a client: each of them is answered with 500.
    "raises": raises,
    "no-start-response": no_start_response,
    "split-value": field("X-A", "a\r\nSet-Cookie: stolen=1"),
    "split-value-lf": field("X-A", "a\nSet-Cookie: stolen=1"),
    "split-value-cr": field("X-A", "a\rSet-Cookie: stolen=1"),
    "split-name": field("X-A: a\r\nSet-Cookie", "stolen=1"),
    "split-status": answer("200 OK\r\nSet-Cookie: stolen=1", TEXT),
    "nul-value": field("X-A", "a\0b"),
    "space-in-name": field("X A", "a"),
    "colon-in-name": field("X-A:", "a"),
    "empty-name": field("", "a"),
    "two-lengths": answer("200 OK", ("Content-Length", "6"), ("content-length", "5")),
    "two-lengths-same": answer("200 OK", ("Content-Length", "6"), ("Content-Length", "6")),
    "length-sign": field("Content-Length", "+6"),
    "length-list": field("Content-Length", "6, 6"),
    "length-empty": field("Content-Length", ""),
    "length-text": field("Content-Length", "six"),
    "length-huge": field("Content-Length", "9007199254740992"),
    "with-connection-field": field("Connection", "close"),
    "with-keep-alive-field": field("Keep-Alive", "timeout=5"),
    "with-transfer-encoding-field": field("Transfer-Encoding", "chunked"),
    "with-te-field": field("TE", "trailers"),
    "with-trailer-field": field("Trailer", "X-A"),
    "with-upgrade-field": field("Upgrade", "websocket"),
    "with-proxy-authenticate-field": field("Proxy-Authenticate", 'Basic realm="a"'),
    "status-100": answer("100 Continue", content=None),
    "status-101": answer("101 Switching Protocols", content=None),
    "status-103": answer("103 Early Hints", content=None),
    "status-099": answer("099 Low", content=None),
    "status-600": answer("600 High", content=None),
    "status-without-reason": answer("200", content=None),
    "status-letters": answer("OK 200", content=None),
}


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Runs the application that the first segment of the path names."""
    name = environ["PATH_INFO"].split("/")[1]
    return PROGRAMS[name](environ, start_response)
