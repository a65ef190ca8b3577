"""The worker's end of its channel: frames in and out, as docs/worker-protocol.md lays them down.

Owns the sockets and the receive buffer. Knows nothing of WSGI. The sockets block: a worker has
nothing else to do.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import socket
import struct
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn

from portico_worker.lent_content import LentContent
from portico_worker.loan import Loan

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BytesIO

RESPONSE = 1
HEAD = 2
CHUNK = 3
END = 4
ABORT = 5
ERROR = 6
READY = 7
INTERIM = 8
REPORT = 9
BORROW = 10
SENT = 11
TAKEN = 12
RETURNED = 13

FLAG_CONTENT_LENGTH = 1
FLAG_RETURNED = 2

# A frame's header has two halves: what differs with each answer, and what a repeated head has in
# common.
pack_address = struct.Struct("<IIII").pack
pack_kind = struct.Struct("<BBHIQ").pack
unpack_length = struct.Struct("<I").unpack_from

LENGTH_BYTES = 4
RECEIVE_BUFFER_BYTES = 262_144
# Enough for one request; a large buffer costs a process that has just been forked 100 us.
REQUEST_BUFFER_BYTES = 16_384
# The gateway bounds what it sends by its own limits, far below this; a longer frame is a mistake.
FRAME_MAX_BYTES = 1 << 30
# What a byte from the second socket says of the descriptor that comes with it. None comes with
# NO_SOCKET_MARK, and none need come with CONTENT_SOCKET_MARK.
FILE_MARK = b"F"
SOCKET_MARK = b"S"
CHUNKED_SOCKET_MARK = b"C"
NO_SOCKET_MARK = b"N"
CONTENT_SOCKET_MARK = b"I"
unpack_descriptor = struct.Struct("=i").unpack_from
DESCRIPTOR_SPACE = socket.CMSG_SPACE(4)
# So that no program that another thread starts in between inherits what has just come.
RECEIVE_CLOSED_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

CHUNK_HEAD = pack_kind(CHUNK, 0, 0, 0, 0)
END_HEAD = pack_kind(END, 0, 0, 0, 0)
ABORT_HEAD = pack_kind(ABORT, 0, 0, 0, 0)
ERROR_HEAD = pack_kind(ERROR, 0, 0, 0, 0)
BORROW_HEAD = pack_kind(BORROW, 0, 0, 0, 0)
TAKEN_HEAD = pack_kind(TAKEN, 0, 0, 0, 0)


IN_DOUBT = "an exception came up while a message was being sent or received"


class ChannelError(BaseException):
    """The channel is of no use any more, which is the end of this worker.

    Not an Exception: it can come up inside the application's call of write(), and no application
    may take it for a mistake of its own.
    """


class ChannelClosed(ChannelError):
    """The gateway is gone, or wants no more answers."""


class ProtocolError(ChannelError):
    """The gateway sent what it cannot mean, or what this process cannot take."""


def disowned(*_: object) -> NoReturn:
    raise ConnectionResetError


class Channel:
    """One serial conversation with the gateway."""

    def __init__(
        self,
        stream: socket.socket,
        files: socket.socket | None,
        buffer_bytes: int = RECEIVE_BUFFER_BYTES,
    ) -> None:
        for each in (stream, files):
            if each is not None:
                # The application may have called socket.setdefaulttimeout, which holds for these.
                each.settimeout(None)
        self._stream = stream
        self._files = files
        self._receive_into: Callable[..., int] = stream.recv_into
        self._send_all: Callable[..., None] = stream.sendall
        # What came for later requests while a socket was waited for: marks and descriptors. The
        # gateway bounds what a worker has.
        self._early: deque[tuple[bytes, int | None]] = deque()
        self._buffer = bytearray(buffer_bytes)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        # The last one; over, mostly.
        self._loan: Loan | None = None
        # Of frames, in all.
        self.sent_bytes = 0
        # Whether something was left in its middle: a signal's handler of the application has
        # raised. Nobody knows what has gone or come then, and so nothing may follow.
        self.in_doubt = False

    def disown(self) -> None:
        """Makes it a closed channel, in a process that the application has forked.

        The conversation is its parent's. A child that comes back from the application's call would
        answer the same request a second time, and would keep the channel open after its parent.
        """
        self._receive_into = self._send_all = disowned
        if self._loan is not None:
            self._loan.close()
        self.close()

    def close(self) -> None:
        """Ends the conversation, as the end of the process would."""
        self._stream.close()
        if self._files is not None:
            self._files.close()

    def stop_receiving(self) -> None:
        """From another thread: what has arrived is still to be received, then the channel ends."""
        # It may have been closed already.
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RD)

    def send(self, data: bytes, content: bytes | memoryview | None = None) -> None:
        """The content is what the last frame of the data announces. Raises ChannelError."""
        self._begin()
        self._send_out(data, content)
        self.in_doubt = False

    def send_beside(self, data: bytes) -> bool:
        """Whole frames, in another thread than the one that serves this channel.

        That one must send nothing meanwhile. Returns whether they have gone: not while it receives
        something, and not where it was left in the middle of that.
        """
        if self.in_doubt:
            return False
        # It will see for itself that the gateway is gone.
        with contextlib.suppress(ConnectionError):
            self._send_all(data)
            self.sent_bytes += len(data)
        return True

    def say_ready(self, pid: int, progress: int) -> None:
        """The first message.

        progress: the descriptor of the file that it is in, 0 for none.
        """
        self.send(pack_address(pid, progress, 0, 0) + pack_kind(READY, 0, 0, 0, 0))

    def receive(self) -> Any:
        """The next frame's value, waiting for it; None at the end of the channel."""
        while True:
            value = self.take()
            if value is not None:
                return value
            if not self._fill(0):
                return None

    def receive_ready(self) -> Any:
        """The next frame's value if it has arrived already, else None; does not wait."""
        value = self.take()
        while value is None:
            try:
                if not self._fill(socket.MSG_DONTWAIT):
                    return None
            except BlockingIOError:
                return None
            value = self.take()
        return value

    @property
    def has_more(self) -> bool:
        """Whether a whole frame is in the buffer."""
        return self._end_of_frame() is not None

    def take(self) -> Any:
        """The next frame's value if it is whole in the buffer, else None."""
        end = self._end_of_frame()
        if end is None:
            return None
        begin = self._start + LENGTH_BYTES
        self._start = end
        return marshal.loads(self._view[begin:end])

    def _end_of_frame(self) -> int | None:
        """Where in the buffer the next frame ends; None while it is not whole."""
        begin = self._start + LENGTH_BYTES
        if begin > self._end:
            return None
        end: int = begin + unpack_length(self._buffer, self._start)[0]
        return end if end <= self._end else None

    @property
    def can_borrow(self) -> bool:
        """Whether the gateway could send a client's socket."""
        return self._files is not None

    def receive_file(self) -> int:
        """A descriptor that the gateway has sent ahead of the request that names it.

        Raises ProtocolError, also where this process has no room for another descriptor: then the
        kernel drops it.
        """
        mark, descriptor = self._next_descriptor()
        if mark != FILE_MARK or descriptor is None:
            raise ProtocolError("a file was announced and did not come, or there is no room for it")
        return descriptor

    def take_content(self, address: tuple[int, int], received: bytes, size: int) -> BytesIO | None:
        """Content that the request's client is still sending, off its socket.

        None where it did not come soon: then the gateway has it back, and the request is not this
        worker's any more. Raises ChannelError.
        """
        began = perf_counter()
        mark, descriptor = self._next_descriptor()
        if mark != CONTENT_SOCKET_MARK:
            raise ProtocolError("a client's socket was announced and did not come")
        content = LentContent(received, size)
        self._begin()
        is_whole = content.take(descriptor)
        self.in_doubt = False
        if is_whole:
            self.send(pack_address(*address, 0, 0) + TAKEN_HEAD)
            return content.input
        for piece in content.taken():
            head = pack_kind(RETURNED, 0, 0, len(piece), 0)
            self.send(pack_address(*address, 0, 0) + head, piece)
        elapsed_us = int((perf_counter() - began) * 1e6)
        head = pack_kind(RETURNED, FLAG_RETURNED, 0, 0, 0)
        self.send(pack_address(*address, elapsed_us, 0) + head)
        return None

    def borrow(self, data: bytes) -> Loan | None:
        """Sends the data, which ends with the wish for a client's socket.

        None where it is not lent. Raises ChannelError.
        """
        self._begin()
        self._send_out(data, None)
        loan = self._receive_loan()
        self.in_doubt = False
        return loan

    def _begin(self) -> None:
        """Nothing follows what was left in its middle. Raises ProtocolError."""
        if self.in_doubt:
            raise ProtocolError(IN_DOUBT)
        self.in_doubt = True

    def _send_out(self, data: bytes, content: bytes | memoryview | None) -> None:
        # PEP 475: what a signal interrupts goes on by itself, unless a handler raises.
        try:
            self._send_all(data)
            self.sent_bytes += len(data)
            if content is not None:
                self._send_all(content)
                self.sent_bytes += len(content)
        except ConnectionError as error:
            self.in_doubt = False
            raise ChannelClosed(str(error)) from None

    def _receive_loan(self) -> Loan | None:
        while True:
            mark, descriptor = self._receive_descriptor()
            if mark in (SOCKET_MARK, CHUNKED_SOCKET_MARK):
                self._loan = Loan(descriptor, mark == CHUNKED_SOCKET_MARK)
                return self._loan
            if mark not in (FILE_MARK, CONTENT_SOCKET_MARK):
                break
            self._early.append((mark, descriptor))
        if mark == NO_SOCKET_MARK:
            return None
        if not mark:
            raise ChannelClosed
        raise ProtocolError("a socket was asked for and neither lent nor refused")

    def _next_descriptor(self) -> tuple[bytes, int | None]:
        """What was sent ahead of the next request that has something sent ahead."""
        if self._early:
            return self._early.popleft()
        self._begin()
        received = self._receive_descriptor()
        self.in_doubt = False
        return received

    def _receive_descriptor(self) -> tuple[bytes, int | None]:
        """What has come, and None where this process has no room for it."""
        if self._files is None:
            raise ProtocolError("there is no socket for descriptors")
        mark, ancillary, _, _ = self._files.recvmsg(1, DESCRIPTOR_SPACE, RECEIVE_CLOSED_ON_EXEC)
        if not ancillary:
            return mark, None
        ((_, _, data),) = ancillary
        (descriptor,) = unpack_descriptor(data)
        if not RECEIVE_CLOSED_ON_EXEC:
            os.set_inheritable(descriptor, False)
        return mark, descriptor

    def _fill(self, flags: int) -> int:
        """Receives once, after making room for a whole frame. 0 at the end of the channel.

        Raises ProtocolError.
        """
        self._begin()
        start, end = self._start, self._end
        if start == end:
            self._start = self._end = start = end = 0
            if len(self._buffer) > RECEIVE_BUFFER_BYTES:
                self._replace(RECEIVE_BUFFER_BYTES)
        needed = LENGTH_BYTES
        if end - start >= LENGTH_BYTES:
            needed += unpack_length(self._buffer, start)[0]
            if needed > FRAME_MAX_BYTES:
                raise ProtocolError(f"a frame of {needed} bytes")
        if start + needed > len(self._buffer) or end == len(self._buffer):
            rest = bytes(self._view[start:end])
            if needed > len(self._buffer):
                self._replace(needed)
            self._view[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        try:
            count = self._receive_into(self._view[self._end :], 0, flags)
        except BlockingIOError:
            self.in_doubt = False
            raise
        except ConnectionError:
            # The gateway went without reading everything: an end like any other.
            count = 0
        self._end += count
        self.in_doubt = False
        return count

    def _replace(self, size: int) -> None:
        self._view.release()
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
