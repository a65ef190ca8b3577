"""A client's socket, lent by the gateway: a worker sends large content there by itself.

Content that goes through the gateway crosses a socket more, and is copied twice more. The
descriptor is a duplicate, and lent for one answer: until it is given back, the gateway sends
nothing to that client. A client that does not take what is sent is waited for briefly; the gateway
knows how to wait longer.
"""

from __future__ import annotations

import os
import signal
import socket
from select import POLLOUT, poll
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

# The application may have put another in its place by the time of a loan (gevent does).
Socket = socket.SocketType
# An application that has given SIGPIPE its default back would die of a client that is gone.
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)

sendfile: Callable[[int, int, int, int], int] | None = getattr(os, "sendfile", None)
# Of a file, what is sent by one call: a signal's handler runs only behind it.
FILE_MAX_BYTES = 1 << 24

# For so long a client is waited for in all, while others may want this worker. It may take some
# time to take a megabyte, even on the same machine.
PATIENCE_S = 0.01
# Of what has been sent, the gateway is told at least so often.
REPORT_INTERVAL_S = 0.25


class Loan:
    """The socket, until `close`."""

    def __init__(self, descriptor: int | None) -> None:
        """None where this process had no room for another: then nothing can be sent."""
        self._socket: socket.SocketType | None = None
        self._send: Callable[[bytes | memoryview, int], int] = nothing_sent
        if descriptor is not None:
            # Its family is of no interest; asking for it would cost three system calls.
            self._socket = client = Socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
            self._send = client.send
            # It does not block. But where socket.setdefaulttimeout was called, Python would.
            if client.gettimeout() is not None:
                client.settimeout(0)
        self._patience_s = PATIENCE_S
        # When the gateway is to be told, by perf_counter.
        self.report_at = perf_counter() + REPORT_INTERVAL_S
        # What was sent, as far as the gateway has not been told.
        self.unreported_bytes = 0
        # Whether sending was left in a way that does not tell how much has gone: a signal's handler
        # has raised.
        self.in_doubt = False

    def take_unreported(self) -> int:
        """Bytes that were sent since the last report."""
        count, self.unreported_bytes = self.unreported_bytes, 0
        self.report_at = perf_counter() + REPORT_INTERVAL_S
        return count

    def send(self, content: bytes) -> int:
        """As much of the content as the client takes before patience ends.

        Returns how many bytes those are. With fewer than all, the loan is of no use any more. Also
        where the client is gone: the gateway will find out for itself.
        """
        self.in_doubt = True
        try:
            sent = self._send(content, NO_SIGNAL)
        except OSError:
            sent = 0
        if sent < len(content):
            sent = self._send_rest(content, sent)
        self.unreported_bytes += sent
        self.in_doubt = False
        return sent

    def close(self) -> None:
        self._send = nothing_sent
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send_file(self, descriptor: int, start: int, size: int) -> int:
        """As much of a file as the client takes at once, or before patience ends: sendfile(2).

        Returns how many bytes those are; 0 at the end of the file, and where the loan is of no use
        any more.
        """
        # It cannot be told to raise no SIGPIPE, as send(2) can.
        is_deadly = signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
        if self._socket is None or sendfile is None or is_deadly:
            return 0
        self.in_doubt = True
        count = min(size, FILE_MAX_BYTES)
        sent = self._attempt(sendfile, self._socket.fileno(), descriptor, start, count)
        self.unreported_bytes += sent
        self.in_doubt = False
        return sent

    def _send_rest(self, content: bytes, start: int) -> int:
        """Goes on with what the client did not take at once. Returns how much has gone in all."""
        sent = start
        rest = memoryview(content)
        while sent < len(content):
            count = self._attempt(self._send, rest[sent:], NO_SIGNAL)
            if not count:
                break
            sent += count
        return sent

    def _attempt(self, send: Callable[..., int], *parts: Any) -> int:
        """What one call sends, once the client takes something; 0 where it does not, or is gone."""
        while True:
            try:
                return send(*parts)
            except BlockingIOError:
                if not self._wait():
                    return 0
            except OSError:
                return 0

    def _wait(self) -> bool:
        """Whether the client takes more now."""
        if self._socket is None or self._patience_s <= 0:
            return False
        began = perf_counter()
        room = poll()
        room.register(self._socket, POLLOUT)
        is_ready = bool(room.poll(self._patience_s * 1_000))
        self._patience_s -= perf_counter() - began
        return is_ready


def nothing_sent(_content: bytes | memoryview, _flags: int) -> NoReturn:
    raise ConnectionError
