"""Starts a program as systemd does for a socket unit: pass_sockets.py [PID|-] SOCKET... -- PROGRAM.

Each SOCKET becomes a descriptor from 3 on: `tcp` (a port of the kernel's choice), `unix:PATH`, and
`udp`, `idle` (not listening) or `file`, which no web server can use. LISTEN_PID is the
program's own for `-`.
"""

from __future__ import annotations

import os
import socket
import sys

FIRST_DESCRIPTOR = 3
LOOPBACK = ("127.0.0.1", 0)


def descriptor_of(kind: str) -> int:
    if kind == "file":
        return os.open(os.devnull, os.O_RDONLY)
    family = socket.AF_UNIX if kind.startswith("unix:") else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    made.bind(kind[len("unix:") :] if family == socket.AF_UNIX else LOOPBACK)
    if kind == "tcp" or family == socket.AF_UNIX:
        made.listen(16)
    return made.detach()


def main() -> None:
    pid, *rest = sys.argv[1:]
    end = rest.index("--")
    kinds, program = rest[:end], rest[end + 1 :]
    # First out of the way, then in order.
    made = [os.dup2(descriptor_of(kind), 100 + place) for place, kind in enumerate(kinds)]
    for place, descriptor in enumerate(made):
        os.dup2(descriptor, FIRST_DESCRIPTOR + place)
        os.close(descriptor)
    os.environ["LISTEN_FDS"] = str(len(kinds))
    os.environ["LISTEN_PID"] = str(os.getpid()) if pid == "-" else pid
    os.environ["LISTEN_FDNAMES"] = ":".join(kind.split(":")[0] for kind in kinds)
    os.execv(program[0], program)


main()
