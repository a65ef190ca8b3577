"""A client's socket, lent by the gateway: a worker sends large content there by itself.

Content that goes through the gateway crosses a socket more, and is copied twice more. The
descriptor is a duplicate, and lent for one answer: until it is given back, the gateway sends
nothing to that client. A client that does not take what is sent is waited for briefly; the gateway
knows how to wait longer.
"""

from __future__ import annotations

import contextlib
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
# Up to so many pieces are sent from where they lie.
SENT_AS_THEY_ARE = 64
LINE_END = b"\r\n"
# Of a file, what is sent by one call: a signal's handler runs only behind it.
FILE_MAX_BYTES = 1 << 24

# For so long a client is waited for in all, while others may want this worker. It may take some
# time to take a megabyte, even on the same machine.
PATIENCE_S = 0.01
# Of what has been sent, the gateway is told at least so often.
REPORT_INTERVAL_S = 0.25


class Patience:
    """How long a client is waited for in all."""

    def __init__(self) -> None:
        self._left_s = PATIENCE_S

    def wait(self, client: socket.SocketType, event: int) -> bool:
        """Whether the client takes, or has sent, more now: POLLOUT, POLLIN."""
        if self._left_s <= 0:
            return False
        began = perf_counter()
        ready = poll()
        ready.register(client, event)
        is_ready = bool(ready.poll(self._left_s * 1_000))
        self._left_s -= perf_counter() - began
        return is_ready


class Loan:
    """The socket, until `close`."""

    def __init__(self, descriptor: int | None, is_chunked: bool = False) -> None:
        """None where this process had no room for another: then nothing can be sent.

        is_chunked: whether content has to leave in chunks (RFC 9112 section 7.1).
        """
        self._socket: socket.SocketType | None = None
        self._send: Callable[..., int] = nothing_sent
        self._send_several: Callable[..., int] = nothing_sent
        if descriptor is not None:
            self._socket = client = open_client(descriptor)
            self._send, self._send_several = client.send, client.sendmsg
        self.is_chunked = is_chunked
        self._patience = Patience()
        # When the gateway is to be told, by perf_counter.
        self.report_at = perf_counter() + REPORT_INTERVAL_S
        # What was sent, as far as the gateway has not been told.
        self.unreported_bytes = 0
        # Of that and of the rest, what is no content but the framing of chunks.
        self.unreported_framing_bytes = 0
        # What the client has not taken of what it was sent; with its framing, where there is one.
        self.rest: bytes | memoryview = b""
        # Whether sending was left in a way that does not tell how much has gone: a signal's handler
        # has raised.
        self.in_doubt = False

    def take_unreported(self) -> tuple[int, int]:
        """Bytes that were sent since the last report, and those of the framing."""
        taken = (self.unreported_bytes, self.unreported_framing_bytes)
        self.unreported_bytes = self.unreported_framing_bytes = 0
        self.report_at = perf_counter() + REPORT_INTERVAL_S
        return taken

    def send(self, pieces: list[bytes]) -> None:
        """Sends content, as far as the client takes it before patience ends.

        Where there is a `rest` afterwards, the loan is of no use any more. Also where the client is
        gone: the gateway will find out for itself. Where chunks are due, this is one: no more than
        the rest of it has room in a report.
        """
        self.in_doubt = True
        self._send_now(pieces)
        if self.rest:
            self._send_rest()
        self.in_doubt = False

    def send_beside(self, pieces: list[bytes]) -> None:
        """Sends content in another thread than the request's, as far as the client takes it now."""
        self._send_now(pieces)

    def _send_now(self, pieces: list[bytes]) -> None:
        """Sends the rest and the pieces behind it. What is not taken is the rest."""
        data, size = self._framed(pieces)
        sent = 0
        with contextlib.suppress(OSError):
            if len(data) == 1:
                sent = self._send(data[0], NO_SIGNAL)
            else:
                sent = self._send_several(data, (), NO_SIGNAL)
        self.unreported_bytes += sent
        self.rest = b"" if sent == size else memoryview(b"".join(data))[sent:]

    def _framed(self, pieces: list[bytes]) -> tuple[list[bytes], int]:
        """What to send, and its size: the rest, and the pieces, as a chunk where that is due."""
        size = sum(map(len, pieces))
        # Of many small ones a copy is cheaper.
        data = pieces if len(pieces) <= SENT_AS_THEY_ARE else [b"".join(pieces)]
        # A chunk without content would be the last one.
        if self.is_chunked and size:
            size_line = b"%x\r\n" % size
            data = [size_line, *data, LINE_END]
            self.unreported_framing_bytes += len(size_line) + len(LINE_END)
            size += len(size_line) + len(LINE_END)
        if self.rest:
            data = [bytes(self.rest), *data]
            size += len(self.rest)
        return data, size

    def close(self) -> None:
        self._send = self._send_several = nothing_sent
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

    def _send_rest(self) -> None:
        """Goes on with what the client did not take at once."""
        rest = memoryview(self.rest)
        while rest:
            sent = self._attempt(self._send, rest, NO_SIGNAL)
            if not sent:
                break
            self.unreported_bytes += sent
            rest = rest[sent:]
        self.rest = rest

    def _attempt(self, send: Callable[..., int], *parts: Any) -> int:
        """What one call sends, once the client takes something; 0 where it does not, or is gone."""
        while True:
            try:
                return send(*parts)
            except BlockingIOError:
                if self._socket is None or not self._patience.wait(self._socket, POLLOUT):
                    return 0
            except OSError:
                return 0


def open_client(descriptor: int) -> socket.SocketType:
    """A client's socket, which does not block; closing it closes the descriptor."""
    # Its family is of no interest; asking for it would cost three system calls.
    client = Socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
    # Where socket.setdefaulttimeout was called, Python would wait in its place.
    if client.gettimeout() is not None:
        client.settimeout(0)
    return client


def nothing_sent(*_: object) -> NoReturn:
    raise ConnectionError
