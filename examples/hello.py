"""A WSGI application that shows what it was given: the request, and the environ it came in.

    portico hello:app

It needs nothing but the standard library and runs under any WSGI server (PEP 3333), and must not
know which one. Every path gives the same page, but for three:

    /plain         a line of plain text
    /stream        five lines, each made a moment after the one before
    /environ.json  the environ's strings as JSON
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from html import escape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONTENT_SHOWN_MAX_BYTES = 4096
READ_PIECE_BYTES = 64 * 1024
STREAM_LINES = 5
STREAM_PAUSE_SECONDS = 0.3

PLAIN_TEXT = "text/plain; charset=utf-8"


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application callable: one request in, one response out (PEP 3333)."""
    path = environ.get("PATH_INFO", "")
    if path == "/stream":
        return stream(environ, start_response)
    if path == "/plain":
        return whole(environ, start_response, PLAIN_TEXT, "Hello, world!\n")
    if path == "/environ.json":
        strings = {key: value for key, value in given(environ).items() if type(value) is str}
        text = json.dumps(strings, indent=2, sort_keys=True) + "\n"
        return whole(environ, start_response, "application/json", text)
    return whole(environ, start_response, "text/html; charset=utf-8", page(environ))


def whole(
    environ: WSGIEnvironment, start_response: StartResponse, content_type: str, text: str
) -> list[bytes]:
    """Answers with `text` in one piece; to HEAD, with the same fields and no content."""
    content = text.encode("utf-8")
    fields = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(content))),
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    start_response("200 OK", fields)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers piece by piece: no length is known, and each piece should leave when it is made."""
    start_response("200 OK", [("Content-Type", PLAIN_TEXT), ("Cache-Control", "no-store")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else stream_lines()


def stream_lines() -> Iterator[bytes]:
    for number in range(1, STREAM_LINES + 1):
        if number > 1:
            time.sleep(STREAM_PAUSE_SECONDS)
        yield f"line {number} of {STREAM_LINES}\n".encode()


class Content(NamedTuple):
    """The content of a request: how much there was, and its beginning."""

    size_bytes: int
    beginning: bytes


def read_content(environ: WSGIEnvironment) -> Content:
    """Reads the request's content to its end and keeps at most CONTENT_SHOWN_MAX_BYTES of it.

    Where the server says `wsgi.input_terminated` the input has an end of its own, so that content
    that came in chunks, without a Content-Length, is read as well.
    """
    terminated = bool(environ.get("wsgi.input_terminated"))
    declared = int(environ.get("CONTENT_LENGTH") or 0)
    size = 0
    beginning = b""
    while terminated or size < declared:
        wanted = READ_PIECE_BYTES if terminated else min(READ_PIECE_BYTES, declared - size)
        piece = environ["wsgi.input"].read(wanted)
        if not piece:
            break
        size += len(piece)
        beginning += piece[: CONTENT_SHOWN_MAX_BYTES - len(beginning)]
    return Content(size, beginning)


def given(environ: WSGIEnvironment) -> dict[str, object]:
    """The environ without what only repeats the process's own environment variables.

    Some servers (wsgiref among them) put those into the environ, and they may hold secrets.
    """
    return {key: value for key, value in environ.items() if os.environ.get(key) != value}


def as_unicode(text: str) -> str:
    """Turns one of PEP 3333's strings, whose characters each hold one byte, into what was meant."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def shown(value: object) -> str:
    """A value as HTML: escaped, with characters that cannot be seen written as `\\x00`."""
    text = as_unicode(value) if isinstance(value, str) else repr(value)
    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return escape(visible) or '<span class="none">empty</span>'


# What belongs to the request itself; the rest of the environ falls into groups by its names.
REQUEST_KEYS = (
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REQUEST_URI",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "SERVER_PROTOCOL",
)


def group_of(key: str) -> str:
    if key in REQUEST_KEYS:
        return "Request"
    if key.startswith("HTTP_"):
        return "Headers"
    if key.startswith(("SERVER_", "REMOTE_", "GATEWAY_")):
        return "Server and client"
    return "wsgi.*" if key.startswith("wsgi.") else "Other"


def table(caption: str, rows: Iterable[tuple[str, object]], names: str) -> str:
    """A table of names and values; nothing where there are no rows."""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{shown(value)}</td></tr>\n'
        for name, value in rows
    )
    if not body:
        return ""
    return (
        f'<table><caption>{escape(caption)}</caption><col class="names"><col>\n'
        f'<thead><tr><th scope="col">{names}</th><th scope="col">Value</th></tr></thead>\n'
        f"<tbody>\n{body}</tbody></table>\n"
    )


def header_rows(environ: WSGIEnvironment) -> list[tuple[str, object]]:
    """The header fields with their names as a browser's tools show them."""
    rows: list[tuple[str, object]] = [
        (key[len("HTTP_") :].replace("_", "-").title(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    for key, name in (("CONTENT_TYPE", "Content-Type"), ("CONTENT_LENGTH", "Content-Length")):
        if environ.get(key):
            rows.append((name, environ[key]))
    return sorted(rows, key=lambda row: row[0])


def environ_tables(environ: WSGIEnvironment) -> str:
    groups: dict[str, list[tuple[str, object]]] = {
        name: [] for name in ("Request", "Headers", "Server and client", "wsgi.*", "Other")
    }
    for key, value in sorted(given(environ).items()):
        groups[group_of(key)].append((key, value))
    return "".join(table(name, rows, "Key") for name, rows in groups.items())


def content_section(content: Content, content_type: str) -> str:
    """What the request carried, for the requests that carried something."""
    if content.size_bytes == 0:
        return ""
    cut = content.size_bytes - len(content.beginning)
    text = "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in content.beginning.decode("utf-8", "replace").replace("\r\n", "\n")
    )
    more = f"<p>… and {cut:,} bytes more.</p>\n" if cut else ""
    fields: list[tuple[str, object]] = []
    if content_type.startswith("application/x-www-form-urlencoded") and not cut:
        text_of_form = content.beginning.decode("latin-1")
        fields += parse_qsl(text_of_form, keep_blank_values=True, encoding="latin-1")
    return (
        '<section aria-labelledby="content">\n<h2 id="content">Content received</h2>\n'
        f"<p>{content.size_bytes:,} {'byte' if content.size_bytes == 1 else 'bytes'}.</p>\n"
        f'<pre tabindex="0" aria-label="Content">{escape(text)}</pre>\n{more}'
        f"{table('Read as a form', fields, 'Field')}</section>\n"
    )


def page(environ: WSGIEnvironment) -> str:
    """The page, as a string of HTML that needs no other resource."""
    content = read_content(environ)
    url = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    root = escape(as_unicode(environ.get("SCRIPT_NAME", "")))
    client = f"{environ.get('REMOTE_ADDR', '')}:{environ.get('REMOTE_PORT', '')}".rstrip(":")
    server = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    query_part = f'<span class="query">?{shown(query)}</span>' if query else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello from WSGI</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<header>
<p class="kicker">Hello from WSGI</p>
<h1><span class="method">{shown(environ["REQUEST_METHOD"])}</span> {shown(url)}{query_part}</h1>
<ol class="way" aria-label="The way of this request">
<li><span>Client</span> <b>{shown(client or "unknown")}</b></li>
<li><span>Server</span> <b>{shown(server)}</b></li>
<li><span>Parent process</span> <b>PID {os.getppid()}</b></li>
<li><span>Worker process</span> <b>PID {os.getpid()}</b></li>
</ol>
</header>
<main>
{content_section(content, environ.get("CONTENT_TYPE", ""))}<section aria-labelledby="try">
<h2 id="try">Try it</h2>
<form method="post" action="{root}/form?sent=yes">
<label for="message">Send something back to this page</label>
<div class="row">
<input id="message" name="message" value="Grüße, 世界" autocomplete="off">
<button>POST</button>
</div>
</form>
<p class="links">Or see
<a href="{root}/any/p%C3%A4th%2Fyou/like?x=1&amp;y=%20">another path</a>,
<a href="{root}/stream">a stream</a>,
<a href="{root}/plain">plain text</a>,
<a href="{root}/environ.json">the environ as JSON</a>.</p>
</section>
<section aria-labelledby="headers">
<h2 id="headers">Headers</h2>
{table("As the client sent them", header_rows(environ), "Name")}</section>
<section aria-labelledby="environ">
<h2 id="environ">The environ</h2>
{environ_tables(environ)}</section>
</main>
</body>
</html>
"""


STYLE = """
:root { color-scheme: light dark; --ground: #fbfaf8; --card: #fff; --ink: #1d2025; --soft: #5a616b;
  --line: #e2dfd8; --accent: #8a3b12; --on-accent: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --card: #1d2024; --ink: #e8e6e1;
  --soft: #a3a9b2; --line: #34383e; --accent: #f0a878; --on-accent: #1d1206; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 58rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 1.25rem; font: 600 1.75rem/1.25 ui-monospace, monospace; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
.kicker { margin: 0 0 .25rem; color: var(--soft); }
.method { color: var(--accent); }
.query, .none { color: var(--soft); }
.none { font-style: italic; }
.way { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0; padding: 0; list-style: none; }
.way li { flex: 1 1 10rem; padding: .6rem .8rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); }
.way span { display: block; color: var(--soft); font-size: .85rem; }
.way b { font-weight: 600; font-variant-numeric: tabular-nums; }
form { padding: 1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); }
label { display: block; margin-bottom: .4rem; }
.row { display: flex; gap: .6rem; }
input, button { padding: .55rem .8rem; border: 1px solid var(--soft); border-radius: .4rem;
  font: inherit; }
input { flex: 1; min-width: 0; background: var(--ground); color: inherit; }
button { border-color: var(--accent); background: var(--accent); color: var(--on-accent);
  font-weight: 600; cursor: pointer; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
table { width: 100%; margin: 0 0 1.5rem; border-collapse: collapse; table-layout: fixed;
  font-size: .92rem; }
caption { padding: .4rem 0; color: var(--soft); text-align: left; }
thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .4rem .6rem .4rem 0; border-top: 1px solid var(--line); text-align: left;
  vertical-align: top; }
.names { width: 34%; }
tbody th { font-weight: 500; }
td, tbody th { font-family: ui-monospace, monospace; font-size: .85rem; }
pre { max-height: 24rem; margin: 0 0 1rem; padding: 1rem; overflow: auto; white-space: pre-wrap;
  border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
"""

# The page may load nothing and run nothing; only its own style is let through, by its digest.
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
