"""A WSGI application that tells what it finds around itself: user, environment, descriptors."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Environ = dict[str, Any]
FOREIGN_STATUS = 3
SERVICE_VARIABLES = ("LISTEN_", "NOTIFY_", "WATCHDOG_", "PORTICO_TAKEOVER")


def identity() -> dict[str, Any]:
    return {"uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups()}


# Who ran the application's first line.
AT_IMPORT = identity()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def facts(environ: Environ) -> dict[str, Any]:
    return {
        **identity(),
        "atImport": AT_IMPORT,
        "umask": umask(),
        "home": os.environ.get("HOME"),
        "serviceVariables": [name for name in os.environ if name.startswith(SERVICE_VARIABLES)],
        "listening": listening(),
        "wroteBytecode": not sys.dont_write_bytecode,
        "contentLength": len(environ["wsgi.input"].read()),
    }


def listening() -> list[str]:
    """Descriptors above 2 that are sockets other than the links to the gateway."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if int(name) > 2 and link.startswith("socket:"):
            found.append(link)
    return found


def leave_orphan() -> int:
    """A process whose parent ends first; it ends itself by a status that is nobody's business."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        if (orphan := os.fork()) == 0:
            os._exit(FOREIGN_STATUS)
        os.write(writer, str(orphan).encode())
        os._exit(0)
    os.waitpid(child, 0)
    orphan = int(os.read(reader, 32))
    for descriptor in (reader, writer):
        os.close(descriptor)
    return orphan


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    answer = leave_orphan() if environ["PATH_INFO"] == "/orphan" else facts(environ)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
