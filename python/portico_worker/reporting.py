"""What a worker says of itself between answers: that it has grown too large, and what it imported.

Only the workers of a zygote that was asked for it have a `ReportingChannel`; nobody else pays.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from portico_worker import source_files, wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from portico_worker.worker import Application, Environ

STATM = "/proc/self/statm"
STATM_MAX_BYTES = 128
PAGE_BYTES = resource.getpagesize()
# getrusage(2) says kilobytes, but on macOS bytes.
MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
ROUTES_MAX = 256
ROUTES_SHOWN_MAX = 5
ROUTE_MAX_CHARACTERS = 200
# What is counted together once there are ROUTES_MAX others.
OTHER_ROUTES = "(other)"
# The protocol's bound on the head of such a frame, docs/worker-protocol.md.
REPORT_MAX_BYTES = 16_384
# A segment that names one of many things: a number, a UUID, a long hexadecimal number.
match_identifiers = re.compile(
    r"(?<=/)"
    r"(?:[0-9]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,})"
    r"(?=/|\Z)"
)


def route_of(path: str) -> str:
    """The path with `*` in place of what differs from one thing to the next."""
    return match_identifiers.sub("*", path)[:ROUTE_MAX_CHARACTERS]


def resident_bytes_reader() -> Callable[[], int]:
    """A function that tells the resident set of this process; to be made after the fork.

    By one pread of proc(5) on a descriptor that is kept. Where there is none, the largest size that
    the process ever had, which for a bound is as good.
    """
    try:
        descriptor = os.open(STATM, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT_BYTES
    pread = os.pread
    return lambda: int(pread(descriptor, STATM_MAX_BYTES, 0).split(b" ", 2)[1]) * PAGE_BYTES


class Growth:
    """How much the process grew by the requests of one route, and how many there were."""

    __slots__ = ("grew_bytes", "requests")

    def __init__(self) -> None:
        self.grew_bytes = 0
        self.requests = 0


class SizeWatch:
    """The resident set and who made it grow.

    Shared by the channels of a process. Where several threads serve, what one of them took is laid
    at the door of whichever request ends next.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._read = resident_bytes_reader()
        self._lock = threading.Lock()
        self._bytes = self._read()
        self._routes: dict[str, Growth] = {}
        self._told = False

    def end_request(self, path: str) -> None:
        route = route_of(path)
        with self._lock:
            now = self._read()
            growth = self._routes.get(route)
            if growth is None:
                if len(self._routes) >= ROUTES_MAX:
                    route = OTHER_ROUTES
                growth = self._routes.setdefault(route, Growth())
            growth.requests += 1
            growth.grew_bytes += now - self._bytes
            self._bytes = now

    def report(self) -> dict[str, Any] | None:
        """Said once: that the process is larger than it should be."""
        if self._told or self._bytes <= self._max_bytes:
            return None
        with self._lock:
            if self._told:
                return None
            self._told = True
            grown = [(route, growth) for route, growth in self._routes.items()]
            size = self._bytes
        grown.sort(key=lambda pair: pair[1].grew_bytes, reverse=True)
        routes = [
            {"route": legible(route), "grewBytes": growth.grew_bytes, "requests": growth.requests}
            for route, growth in grown[:ROUTES_SHOWN_MAX]
            if growth.grew_bytes > 0
        ]
        return {"rssBytes": size, "routes": routes}


class FileWatch:
    """Source files that are imported after the first ones, as a view may do when it is called."""

    def __init__(self) -> None:
        self._modules = len(sys.modules)
        self._files = source_files.imported()

    def report(self) -> list[str]:
        """Those that have not been reported yet."""
        if len(sys.modules) == self._modules:
            return []
        # Two threads may report the same file; no harm is done.
        self._modules = len(sys.modules)
        new = source_files.imported() - self._files
        self._files |= new
        return source_files.listed(new)


class Reports:
    """What the channels of one process report; made after the fork."""

    def __init__(self, max_rss_bytes: int | None, files: FileWatch | None) -> None:
        self.size = None if max_rss_bytes is None else SizeWatch(max_rss_bytes)
        self.files = files


class ReportingChannel(wire.Channel):
    """A channel that reports before it waits for requests, when all answers have left."""

    def __init__(
        self,
        stream: socket.socket,
        files: socket.socket | None,
        buffer_bytes: int,
        reports: Reports,
    ) -> None:
        super().__init__(stream, files, buffer_bytes)
        self._reports = reports
        # The path of the last request that was begun and not yet accounted for.
        self._path: str | None = None

    def watch(self, application: Application) -> Application:
        """The application, with the growth of each request accounted for."""
        if self._reports.size is None:
            return application
        end_request = self._reports.size.end_request

        def watched(environ: Environ, start_response: Any) -> Any:
            # A request of a batch ends where the next one begins.
            if self._path is not None:
                end_request(self._path)
            self._path = environ["PATH_INFO"]
            return application(environ, start_response)

        return watched

    def receive(self) -> Any:
        size, files = self._reports.size, self._reports.files
        # Not before the first request: one worker after the other that begins too large would be
        # replaced before it has done anything.
        if size is not None and self._path is not None:
            size.end_request(self._path)
            self._path = None
            report = size.report()
            if report is not None:
                self._send_report(encode(report))
        if files is not None:
            for head in in_reports(files.report()):
                self._send_report(head)
        return super().receive()

    def _send_report(self, head: bytes) -> None:
        kind = wire.pack_kind(wire.REPORT, 0, 0, len(head), 0)
        self.send(wire.pack_address(0, 0, 0, 0) + kind + head)


def in_reports(files: Iterable[str]) -> list[bytes]:
    """The files as the heads of as many frames as it takes."""
    reports: list[list[str]] = []
    room = 0
    for file in files:
        needed = len(encode(file)) + len(", ")
        if needed > room:
            reports.append([])
            room = REPORT_MAX_BYTES - len(encode({"files": []}))
        reports[-1].append(file)
        room -= needed
    return [encode({"files": report}) for report in reports]


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def legible(path: str) -> str:
    """PATH_INFO, whose characters are bytes, as the text that it most likely is."""
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
