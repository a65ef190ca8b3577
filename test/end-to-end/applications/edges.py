"""A WSGI application that remembers what reached its one worker, and speaks CORS itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# What reached the application since it was asked last: method, path and cookie.
seen: list[list[str]] = []

OWN_CORS = [
    ("Access-Control-Allow-Origin", "https://own.example"),
    ("access-control-allow-credentials", "true"),
    ("Access-Control-Expose-Headers", "X-Own"),
    ("Access-Control-Allow-Private-Network", "true"),
]
# A page that says that it is shown, to whoever shows it.
FRAMED = b"<!doctype html><script>parent.postMessage('shown', '*')</script>"
DOT = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/seen":
        body = json.dumps(seen).encode()
        seen.clear()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]
    seen.append([environ["REQUEST_METHOD"], path, environ.get("HTTP_COOKIE", "")])
    environ["wsgi.input"].read()
    if path.endswith("/raises"):
        raise RuntimeError("as asked for")
    if path.endswith("/slow"):
        time.sleep(5)
    kind = "text/html"
    body = b"<!doctype html><title>page</title>"
    if path.endswith("/frame"):
        body = FRAMED
    elif path.endswith("/image"):
        kind, body = "image/svg+xml", DOT
    fields = [("Content-Type", kind), ("Vary", "Cookie"), ("X-Own", "yes"), ("X-Other", "yes")]
    if path.endswith("/login"):
        fields.append(("Set-Cookie", "session=1; Path=/"))
    start_response("200 OK", [*fields, *OWN_CORS])
    return [body]
