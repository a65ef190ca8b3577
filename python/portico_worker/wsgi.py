"""The server side of PEP 3333 for one request: start_response, write, and what the iterable gives.

An `Answer` is used again for each request of a worker. How what it gives leaves is `outlet.py`'s.
"""

from __future__ import annotations

from _thread import get_ident
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from portico_worker import wire
from portico_worker.content import FileWrapper
from portico_worker.error_records import log
from portico_worker.heads import (
    INTERIM_ANSWERS_MAX,
    INTERIM_HEADS_MAX_BYTES,
    Head,
    HeadCache,
    HeadError,
    encode_interim,
)
from portico_worker.outlet import END, Outlet
from portico_worker.pieces import exact_bytes, mistake_in
from portico_worker.wire import CHUNK_HEAD, pack_address

if TYPE_CHECKING:
    from types import TracebackType

    from portico_worker.loan import Loan
    from portico_worker.progress import KeptAnswers

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

EARLY_HINTS = 103


class Answer(Outlet):
    """The answer to the present request."""

    def __init__(
        self,
        send: Callable[[bytes, bytes | memoryview | None], None],
        send_beside: Callable[[bytes], bool] | None,
        is_cancelled: Callable[[int, int], bool],
        borrow: Callable[[bytes], Loan | None] | None,
        kept: KeptAnswers,
        heads: HeadCache,
    ) -> None:
        super().__init__(send, send_beside, is_cancelled, borrow, kept)
        self._heads = heads
        self._kept_heads = heads.kept
        self.bodyless_method = False
        self.head: Head | None = None
        # Whether the frame that ends this answer has been made; there must not be a second one.
        self._complete = False
        # Whether the head and everything behind it has left or is gathered, and more may follow.
        self._is_under_way = False
        self._cut = False
        self._thread = get_ident()
        # Interim answers, and the bytes of their heads, of the request with this address.
        self._hinted = (-1, -1)
        self._hints = 0
        self._hints_bytes = 0

    def reset(self) -> None:
        super().reset()
        self.head = None
        self._complete = False
        self._is_under_way = False
        self._cut = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333, "The start_response() Callable". Nothing is sent before there is content.

        Raises HeadError where the status or the headers cannot be sent, AssertionError where it is
        called again without exc_info, and exc_info's exception where the head has left.
        """
        if exc_info is not None:
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                # A traceback that refers to this frame would keep the request's objects alive.
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called again without exc_info")
        # Only a list is looked up: what the checks refuse must not pass for its elements.
        head = None
        if type(headers) is list:
            try:
                head = self._kept_heads.get((status, *headers))
            except TypeError:
                # Something cannot be hashed, and the checks say what.
                head = None
        self.head = head or self._heads.add(status, headers)
        # An application that keeps `write` must not reach the client of a later request with it.
        return partial(self._write, self.began)

    def _write(self, began: float, data: bytes) -> None:
        """PEP 3333, "The write() Callable": the data leaves at once.

        began: when the request began whose answer it belongs to. Raises Disconnected where nobody
        waits for it any more, AssertionError where another request has begun.
        """
        if began is not self.began:
            raise AssertionError("write() was called after its request had been answered")
        if not isinstance(data, bytes):
            raise TypeError(f"write() takes bytes, not {type(data).__name__}")
        if data:
            self._stream(exact_bytes(data, data))

    def early_hints(self, began: float, headers: list[tuple[str, str]]) -> None:
        """wsgi.early_hints: sends a 103 (Early Hints) with these fields at once (RFC 8297).

        Does nothing where it would be too late, after the head has left or the request is over;
        in a thread that is not the request's, which cannot know whether it is; and beyond the
        bounds on a request's interim answers, which is logged.

        began: as in `_write`. Raises HeadError where the fields cannot be sent.
        """
        if began is not self.began or self.head_sent or self._complete:
            return
        if get_ident() != self._thread:
            return
        encoded = encode_interim(headers)
        if not headers:
            return
        address = (self.slot, self.generation)
        if address != self._hinted:
            self._hinted = address
            self._hints = self._hints_bytes = 0
        self._hints += 1
        self._hints_bytes += len(encoded)
        if self._hints > INTERIM_ANSWERS_MAX or self._hints_bytes > INTERIM_HEADS_MAX_BYTES:
            log("early hints beyond the bounds for one request are not sent")
            return
        kind = wire.pack_kind(wire.INTERIM, 0, EARLY_HINTS, len(encoded), 0)
        self.unsent.append(pack_address(*address, self._elapsed_us(), 0))
        self.unsent.append(kind + encoded)
        self.flush()

    def complete_list(self, pieces: list[bytes] | tuple[bytes, ...]) -> None:
        """Answers with content that is there already."""
        # One piece is not copied by this.
        content = b"".join([p if type(p) is bytes else exact_bytes(p, pieces) for p in pieces])
        head = self._require_head()
        if self.head_sent:
            if content:
                self._stream(content)
            self._end()
            return
        declared = head.content_length
        if self.bodyless_method or head.bodyless:
            # To HEAD, an application may give the content of GET, or none: then its length is not
            # known. A 304 speaks of content that is not here (RFC 9110 section 8.6).
            if declared is None and content and not head.bodyless:
                head = head.with_length(len(content))
            self._whole(head, b"")
            return
        if declared is None:
            self._whole(head.with_length(len(content)), content)
            return
        self._remaining = declared
        self._whole(head, self._admit(content))
        self._check_all_there()

    def complete_iterable(self, pieces: Any, flush_now: bool) -> None:
        """Answers with what an iterable gives; each piece leaves before the next is asked for, or
        while that is made.

        flush_now: whether an answer in one piece should leave at once, because no other will join
        it. Raises Disconnected.
        """
        if type(pieces) is FileWrapper and self._send_file(pieces):
            self._end()
            return
        try:
            iterator = iter(pieces)
        except TypeError:
            mistake = mistake_in(pieces)
            if mistake is None:
                raise
            raise TypeError(mistake) from None
        piece: Any = next(iterator, END)
        while piece is not END:
            content = piece if type(piece) is bytes else exact_bytes(piece, pieces)
            size = len(content)
            if not size:
                # There is nothing to send yet; PEP 3333 lets an application say so.
                self._require_client()
            elif self._is_under_way:
                if self._remaining is not None:
                    if size >= self._remaining:
                        self._stream(content)
                        break
                    self._remaining -= size
                self._next_piece(content)
            else:
                head = self.head or self._require_head()
                if self.bodyless_method or head.bodyless:
                    break
                if head.content_length == size and not self.head_sent:
                    self._whole(head, content)
                    if flush_now:
                        self.flush()
                    return
                self._stream(content)
                if self._remaining == 0:
                    break
            piece = self._gather(iterator)
        self._end()

    def fail(self) -> None:
        """The application raised, or did what it must not."""
        self._finish(wire.ABORT_HEAD if self.head_sent else wire.ERROR_HEAD)

    def forsake(self) -> None:
        """Ends an answer that nobody waits for."""
        self._finish(wire.END_HEAD)

    def _finish(self, kind: bytes) -> None:
        if self._complete:
            # What went wrong did so after the answer was made, and the client has it.
            return
        self._complete = True
        if (self._has_gathered or self._loan is not None) and not self._leave_last():
            # Nobody knows how much of the content the client has.
            kind = wire.ABORT_HEAD
        address = pack_address(self.slot, self.generation, self._elapsed_us(), 0)
        self.unsent.append(address + kind)

    def _whole(self, head: Head, content: bytes) -> None:
        """The whole answer; in one frame, where it is not large."""
        if self._is_large(len(content)):
            if self._remaining is None:
                self._remaining = 0
            self._piece(head.first_frame, content)
            self._finish(wire.END_HEAD)
            return
        self.head_sent = self._complete = True
        self.content_bytes += len(content)
        self._frame(head.whole_frame, content)

    def _stream(self, content: bytes) -> None:
        """One more piece, at once. Raises Disconnected."""
        head = self._require_head()
        if self.bodyless_method or head.bodyless:
            return
        kind = CHUNK_HEAD
        if self.head_sent:
            self._require_client()
        else:
            self._begin_content(head.content_length)
            kind = head.first_frame
        content = self._admit(content)
        if content or not self.head_sent:
            self._piece(kind, content)
        self._is_under_way = True

    def _send_file(self, wrapped: FileWrapper) -> bool:
        """Has the kernel send a large file to the client, as far as that takes it.

        Returns whether that is all that was declared; what is left is read from the file.
        """
        head = self.head
        size = None if head is None else head.content_length
        if head is None or size is None or self.head_sent or not self._may_borrow(size):
            return False
        file = None if self.bodyless_method or head.bodyless else wrapped.plain_file()
        if file is None:
            return False
        at = file.tell()
        self._remaining = size
        loan = self._ask(head.first_frame)
        if loan is None:
            return False
        while self._remaining and (sent := loan.send_file(file.fileno(), at, self._remaining)):
            at += sent
            self._remaining -= sent
            self.content_bytes += sent
            self._report_when_due(loan)
        if self._remaining:
            self._return_loan(loan)
            file.seek(at)
        return not self._remaining

    def _end(self) -> None:
        """Ends a streamed answer; one without any content gets its head only now."""
        head = self._require_head()
        if self.head_sent:
            self._finish(wire.END_HEAD)
            self._check_all_there()
        elif self.bodyless_method or head.bodyless:
            self._whole(head, b"")
            return
        else:
            declared = head.content_length
            self._whole(head.with_length(0) if declared is None else head, b"")
            self._remaining = declared
            self._check_all_there()
        self.flush()

    def _check_all_there(self) -> None:
        """The gateway sees for itself that content is missing; the log should say why."""
        if self._remaining:
            log(f"the content is {self._remaining} bytes shorter than its Content-Length")

    def _admit(self, content: bytes) -> bytes:
        """As much of the content as its declared length leaves room for."""
        if self._remaining is None:
            return content
        if len(content) > self._remaining:
            if not self._cut:
                log("the content is longer than its Content-Length, and cut")
            self._cut = True
            content = content[: self._remaining]
        self._remaining -= len(content)
        return content

    def _require_head(self) -> Head:
        if self.head is None:
            raise HeadError("the application did not call start_response before its first content")
        return self.head
