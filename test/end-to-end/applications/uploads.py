"""Says what it was sent, and in what way that came."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Environ = dict[str, Any]


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/descriptors":
        text = str(len(os.listdir("/dev/fd")))
    elif path == "/pid":
        text = str(os.getpid())
    elif path == "/sleep":
        time.sleep(float(environ["QUERY_STRING"]))
        text = "slept"
    else:
        stream = environ["wsgi.input"]
        # What comes with its request lies in memory as well; nothing that is large does.
        way = "file" if hasattr(stream, "raw") else "memory"
        if environ["QUERY_STRING"] == "lines":
            content = b"".join(stream)
        else:
            content = stream.read(10) + stream.read()
        text = f"{way} {len(content)} {sha256(content).hexdigest()}"
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
