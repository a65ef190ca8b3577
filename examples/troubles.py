"""A shop with three troubles to look for; docs/observe.md tells how each of them is found.

    portico troubles:app

It needs nothing but the standard library:

    /           a page, made in 20 ms
    /report     waits for a database that answers after two seconds
    /search     keeps what it finds for ever: a leak of 200 kB for each different question
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PAGE_SECONDS = 0.02
DATABASE_SECONDS = 2
FOUND_BYTES = 200_000

found: dict[str, bytearray] = {}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ.get("PATH_INFO", "")
    if path == "/report":
        text = report()
    elif path == "/search":
        text = search(environ.get("QUERY_STRING", ""))
    else:
        text = page()
    content = text.encode()
    fields = [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))]
    start_response("200 OK", fields)
    return [content]


def page() -> str:
    time.sleep(PAGE_SECONDS)
    return "a page\n"


def report() -> str:
    return f"sold today: {query('SELECT count(*) FROM orders')}\n"


def query(_sql: str) -> int:
    """Stands for a database whose answer is waited for."""
    time.sleep(DATABASE_SECONDS)
    return 42


def search(question: str) -> str:
    """Keeps every answer, because it might be asked for again."""
    if question not in found:
        found[question] = bytearray(b"x") * FOUND_BYTES
    return f"{len(found[question])} bytes found\n"
