"""Waits as for a database: as many milliseconds as the path says, at `/` not at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONTENT = b"waited\n"
FIELDS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(CONTENT)))]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    time.sleep(int(environ["PATH_INFO"].removeprefix("/") or 0) / 1000)
    start_response("200 OK", FIELDS)
    return [CONTENT]
