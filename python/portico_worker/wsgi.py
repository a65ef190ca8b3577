"""The server side of PEP 3333 for one request: start_response, write, and what becomes of the iterable.

An `Answer` is used again for each request of a worker. It turns what the application does into frames, and knows the
channel only as something that sends bytes and says whether the client is still there.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, Callable

from portico_worker import wire
from portico_worker.heads import Head, HeadCache, HeadError

if TYPE_CHECKING:
    from types import TracebackType

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

# Content from this size on is sent from where it lies, not copied together with other answers.
COPIED_MAX_BYTES = 65_536
ELAPSED_MAX_US = 2**32 - 1
# A frame's length has 32 bits; a longer piece of content becomes several frames.
FRAME_CONTENT_MAX_BYTES = 1 << 30


class Disconnected(Exception):
    """The client is gone: the gateway has cancelled the request."""


class Answer:
    """The answer to the present request."""

    def __init__(self, send: Callable[[bytes | memoryview], None], heads: HeadCache) -> None:
        self._send = send
        self._heads = heads
        self._kept_heads = heads.kept
        self._write = self.write
        # Frames of finished answers that leave with the next `flush`.
        self.unsent: list[bytes] = []
        self.slot = 0
        self.generation = 0
        self.began = 0.0
        self.bodyless_method = False
        self.head: Head | None = None
        self.head_sent = False
        # Content that may still be sent where its length was declared; None where it was not.
        self._remaining: int | None = None
        self.cut = False
        self.is_cancelled: Callable[[int, int], bool] = lambda slot, generation: False

    def reset(self) -> None:
        """Makes ready for the next request, after one whose answer was not the simplest kind."""
        self.head_sent = False
        self._remaining = None
        self.cut = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333, "The start_response() Callable"."""
        if exc_info is not None:
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                # A traceback that refers to this frame would keep the request's objects alive.
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called again without exc_info")
        try:
            self.head = self._kept_heads[(status, *headers)]
        except (KeyError, TypeError):
            # Not met before; or something cannot be hashed or iterated over, and the checks say what.
            self.head = self._heads.add(status, headers)
        return self._write

    def write(self, data: bytes) -> None:
        """PEP 3333, "The write() Callable": the data leaves at once."""
        if not isinstance(data, bytes):
            raise TypeError(f"write() takes bytes, not {type(data).__name__}")
        if data:
            self.stream(data)

    def complete_list(self, pieces: Any) -> None:
        """Answers with content that is there already: a list or tuple of bytes."""
        for piece in pieces:
            require_bytes(piece)
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        head = self._require_head()
        if self.head_sent:
            if content:
                self.stream(content)
            self.end()
            return
        if self.bodyless_method or head.bodyless:
            if head.content_length is None and content and not head.bodyless:
                head = head.with_length(len(content))
            self.whole(head, b"")
            return
        if head.content_length is None:
            self.whole(head.with_length(len(content)), content)
            return
        self._remaining = head.content_length
        self.whole(head, self._admit(content))
        if self._remaining:
            self.abort_short()

    def complete_iterable(self, pieces: Any, flush_now: bool) -> None:
        """Answers with what an iterable gives; each piece leaves before the next is asked for.

        flush_now: whether an answer in one piece should leave at once, because no other will join it.
        """
        for piece in pieces:
            require_bytes(piece)
            if not piece and self.head is None:
                continue
            head = self._require_head()
            if self.bodyless_method or head.bodyless:
                break
            if not piece:
                continue
            if not self.head_sent and head.content_length == len(piece):
                self.whole(head, piece)
                if flush_now:
                    self.flush()
                return
            self.stream(piece)
            if self._remaining == 0:
                break
        head = self._require_head()
        if not self.head_sent and (self.bodyless_method or head.bodyless):
            self.whole(head, b"")
            return
        self.end()

    def whole(self, head: Head, content: bytes) -> None:
        """The whole answer in one frame."""
        size = len(content)
        if size > FRAME_CONTENT_MAX_BYTES:
            self._in_several_frames(head, memoryview(content))
            return
        self.head_sent = True
        self.unsent.append(wire.pack_address(self.slot, self.generation, self._elapsed_us(), size))
        self.unsent.append(head.whole_frame)
        if size <= COPIED_MAX_BYTES:
            self.unsent.append(content)
        else:
            self.flush()
            self._send(content)

    def stream(self, content: bytes) -> None:
        """One more piece, at once. Raises Disconnected when nobody waits for it."""
        head = self._require_head()
        if self.bodyless_method or head.bodyless:
            return
        if not self.head_sent:
            self._remaining = head.content_length
            content = self._admit(content)
            self.head_sent = True
            self._frame(head.first_frame, content)
            return
        content = self._admit(content)
        if not content:
            return
        if self.is_cancelled(self.slot, self.generation):
            raise Disconnected
        self._frame(wire.CHUNK_HEAD, content)

    def end(self) -> None:
        """Ends a streamed answer; one without any content gets its head only now."""
        if not self.head_sent:
            head = self._require_head()
            if head.content_length is None and not self.bodyless_method and not head.bodyless:
                head = head.with_length(0)
            self._remaining = head.content_length
            self.whole(head, b"")
        else:
            self._frame(wire.END_HEAD, b"")
        if self._remaining and not self.bodyless_method:
            self.abort_short()
        self.flush()

    def abort_short(self) -> None:
        """The gateway sees by itself that content is missing, and ends the connection; the log should say why."""
        log(f"the content is {self._remaining} bytes shorter than its Content-Length")

    def fail(self) -> None:
        """The application raised."""
        kind = wire.ABORT_HEAD if self.head_sent else wire.ERROR_HEAD
        self.unsent.append(wire.pack_address(self.slot, self.generation, self._elapsed_us(), 0) + kind)

    def forsake(self) -> None:
        """Ends an answer that nobody waits for."""
        self.unsent.append(
            wire.pack_address(self.slot, self.generation, self._elapsed_us(), 0) + wire.END_HEAD
        )

    def flush(self) -> None:
        unsent = self.unsent
        if unsent:
            self._send(b"".join(unsent))
            unsent.clear()

    def _in_several_frames(self, head: Head, content: memoryview) -> None:
        kind = head.first_frame
        for start in range(0, len(content), FRAME_CONTENT_MAX_BYTES):
            self._frame(kind, content[start : start + FRAME_CONTENT_MAX_BYTES])
            kind = wire.CHUNK_HEAD
            self.head_sent = True
        self._frame(wire.END_HEAD, b"")

    def _frame(self, kind: bytes, content: bytes | memoryview) -> None:
        address = wire.pack_address(self.slot, self.generation, self._elapsed_us(), len(content))
        self.unsent.append(address)
        self.unsent.append(kind)
        if len(content) <= COPIED_MAX_BYTES:
            self.unsent.append(content)
            self.flush()
        else:
            self.flush()
            self._send(content)

    def _admit(self, content: bytes) -> bytes:
        """As much of the content as its declared length leaves room for."""
        if self._remaining is None:
            return content
        if len(content) > self._remaining:
            if not self.cut:
                log("the content is longer than its Content-Length, and cut")
            self.cut = True
            content = content[: self._remaining]
        self._remaining -= len(content)
        return content

    def _require_head(self) -> Head:
        if self.head is None:
            raise HeadError("the application gave content before it called start_response")
        return self.head

    def _elapsed_us(self) -> int:
        elapsed = int((perf_counter() - self.began) * 1e6)
        return elapsed if elapsed < ELAPSED_MAX_US else ELAPSED_MAX_US


def require_bytes(piece: Any) -> None:
    if not isinstance(piece, bytes):
        raise TypeError(f"the iterable must give bytes, not {type(piece).__name__}")


def log(message: str) -> None:
    """One line on standard error, by one write, so that lines of several processes do not mix."""
    try:
        sys.stderr.write(f"portico: {message}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        # There is nowhere left to say so.
        pass
