"""Early hints by bare WSGI; `hints_flask.py` and `hints_django.py` do the same.

The paths that all have: `/` gives two hints and answers; `/held` gives one, waits until the
file that HINTS_GATE names is there, and answers; `/raise` gives one and fails; `/none` gives none.
Here are more: `/stream`, `/many`, `/kept`, `/refused` and `/die`.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GATE_WAIT_S = 20
STYLE = ("Link", "</style.css>; rel=preload; as=style")
SCRIPT = ("Link", "</app.js>; rel=preload; as=script")
TEXT = ("Content-Type", "text/plain")

kept: list[Any] = []


def give_hints(path: str, environ: dict[str, Any]) -> str:
    """What the three applications have in common. Returns the content."""
    early_hints = environ["wsgi.early_hints"]
    if path == "/":
        early_hints([STYLE])
        early_hints([SCRIPT])
    elif path == "/held":
        early_hints([STYLE])
        end = time.monotonic() + GATE_WAIT_S
        while not os.path.exists(os.environ["HINTS_GATE"]) and time.monotonic() < end:
            time.sleep(0.005)
    elif path == "/raise":
        early_hints([STYLE])
        raise ValueError("after a hint")
    return f"content of {path}"


def stream(early_hints: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    early_hints([STYLE])
    yield b"a"
    early_hints([SCRIPT])
    yield b"b"


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    early_hints = environ["wsgi.early_hints"]
    if path == "/stream":
        return stream(early_hints, start_response)
    if path == "/many":
        for _ in range(40):
            early_hints([STYLE])
    elif path == "/kept":
        for other in kept:
            other([SCRIPT])
        kept.append(early_hints)
    elif path == "/refused":
        early_hints([("X", "a\r\nSet-Cookie: b=c")])
    elif path == "/die":
        early_hints([STYLE])
        if not os.path.exists(os.environ["HINTS_GATE"]):
            with open(os.environ["HINTS_GATE"], "w"):
                os.kill(os.getpid(), signal.SIGKILL)
    content = give_hints(path, environ).encode()
    start_response("200 OK", [TEXT, ("Content-Length", str(len(content)))])
    return [content]
