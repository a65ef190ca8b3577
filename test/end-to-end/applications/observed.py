"""What is looked at while it runs: answers of known sizes, calls that hang, children of workers."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable

CHILDREN: list[subprocess.Popen[bytes]] = []


def wait_until(name: str) -> None:
    while not Path(name).exists():
        time.sleep(0.005)


def hang_in_a_view(name: str) -> None:
    wait_until(name)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    status, content = "200 OK", b"hello"
    if path == "/hang":
        hang_in_a_view(query)
    elif path == "/large":
        content = b"x" * int(query)
    elif path == "/fails":
        status = "503 Service Unavailable"
    elif path == "/starts":
        CHILDREN.append(subprocess.Popen(["sleep", "600"]))
    elif path == "/ends":
        # Ended and not waited for: a zombie until the worker looks.
        CHILDREN.append(subprocess.Popen(["true"]))
    elif path == "/thread":
        threading.Thread(target=hang_in_a_view, args=(query,), daemon=True).start()
    start_response(status, [("Content-Length", str(len(content)))])
    return [content]
