"""How content leaves a worker: in frames to the gateway, or to the client by the worker itself.

Large content goes to the client directly, as far as the gateway lends its socket (`loan.py`). Small
pieces that come in quick succession leave together (`gathered.py`). What an application may give,
and when, is `wsgi.py`'s.
"""

from __future__ import annotations

from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, Callable

from portico_worker import wire
from portico_worker.gathered import Gathered
from portico_worker.wire import CHUNK_HEAD, pack_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portico_worker.loan import Loan
    from portico_worker.progress import KeptAnswers

# Content from this size on is sent from where it lies, not copied together with other answers.
COPIED_MAX_BYTES = 65_536
ELAPSED_MAX_US = 2**32 - 1
# A frame's length has 32 bits; a longer piece of content becomes several frames.
FRAME_CONTENT_MAX_BYTES = 1 << 30
# Content of at least this size goes to the client directly, where its length was declared: less is
# not worth asking for the client's socket.
LOAN_MIN_BYTES = 262_144
# Where it was not, so much of an answer goes to the gateway before it is asked: whoever has made
# that much will make more.
LOAN_BEHIND_BYTES = 65_536
# So much goes to the gateway before it is asked again, where it did not lend the socket, or the
# client did not take enough.
LOAN_AGAIN_BYTES = 1_048_576
# Of a large piece, what is one chunk. What the client does not take of one, and of what was sent
# before by another thread, has room in a report.
CHUNK_MAX_BYTES = 131_072
# Once so many small pieces have come so soon behind the one before, the next ones are gathered,
GATHERED_FROM = 2
QUICK_S = 0.0001
# and leave with so many bytes, or after so long. The clock is looked at behind so many of them.
GATHERED_MAX_BYTES = 98_304
GATHERED_MAX_S = 0.001
PIECES_PER_LOOK = 8
# Larger pieces are worth a send each.
GATHERED_PIECE_MAX_BYTES = 16_384
# The same where they go to the client without a copy, and without framing.
LENT_PIECE_MAX_BYTES = 65_536
LENT_MAX_BYTES = 262_144
# How often it is looked whether the client of an answer under way is still there, at most: a look
# is a system call that finds nothing.
LOOK_INTERVAL_S = 0.002
# `Outlet.began` of a request that is over, while it is being settled.
NO_REQUEST = 0.0
# What comes behind the last piece.
END = object()


class Disconnected(Exception):
    """The client is gone: the gateway has cancelled the request."""


class Outlet:
    """The way out for one request after the other."""

    def __init__(
        self,
        send: Callable[[bytes, bytes | memoryview | None], None],
        send_beside: Callable[[bytes], bool] | None,
        is_cancelled: Callable[[int, int], bool],
        borrow: Callable[[bytes], Loan | None] | None,
        kept: KeptAnswers,
    ) -> None:
        self._send = send
        # For another thread; None where each piece has to leave by itself.
        self._send_beside = send_beside
        self._is_cancelled = is_cancelled
        # Asks for the client's socket by what it sends; None where nobody could lend it.
        self._borrow = borrow
        # Frames of finished answers that leave with the next `flush`, and when the last one was.
        self.unsent: list[bytes | memoryview] = []
        self.flushed_at = 0.0
        # Of these, what the gateway would find if this process ended.
        self._kept = kept
        self.slot = 0
        self.generation = 0
        # When the present request began, or the next one will have. What an application may keep,
        # `write` and `wsgi.early_hints`, knows its request by this very object: a clock may stand
        # still, but each reading is an object of its own for as long as somebody holds it.
        self.began = NO_REQUEST
        self.head_sent = False
        # Content that may still be sent where its length was declared; None where it was not.
        self._remaining: int | None = None
        self._next_look = 0.0
        # The client's socket, while large content goes there directly; and how much of the content
        # goes to the gateway before it is asked for the next time.
        self._loan: Loan | None = None
        self._bytes_until_asked = 0
        self._gathered = Gathered(self._leave_beside)
        # Whether anything of this answer was gathered, and so may be leaving in another thread.
        self._has_gathered = False
        self._gathered_bytes = 0
        # When the last small piece had left, and how many came soon behind the one before.
        self._piece_at = 0.0
        self._quick_pieces = 0
        # Of content, what was sent or gathered in all; of the simplest answers, none.
        self.content_bytes = 0
        # Whether gathered pieces were left in the middle of leaving: a signal's handler has raised.
        self._in_doubt = False

    def reset(self) -> None:
        """Ends a request whose answer was not the simplest kind."""
        self.began = NO_REQUEST
        self.head_sent = False
        self._remaining = None
        self._next_look = 0.0
        self._bytes_until_asked = 0
        self._gathered_bytes = self._quick_pieces = 0
        self._piece_at = 0.0
        with self._gathered.lock:
            self._gathered.pieces.clear()
            if self._loan is not None:
                self._loan.close()
                self._loan = None
        self._has_gathered = self._in_doubt = False

    def leave_to_parent(self) -> None:
        """In a process that the application has forked: what waits is the parent's to send."""
        self._kept.disown()
        self._gathered.forget()

    def flush(self) -> None:
        """Sends what has been finished. Raises ChannelClosed."""
        if self.unsent:
            self._send(self._take_unsent(), None)
            self.flushed_at = perf_counter()

    def _take_unsent(self) -> bytes:
        data = b"".join(self.unsent)
        self.unsent.clear()
        self._kept.clear()
        return data

    def _begin_content(self, declared: int | None) -> None:
        """declared: how many bytes there are to be; None where nobody knows."""
        self._remaining = declared
        if declared is None:
            self._bytes_until_asked = LOAN_BEHIND_BYTES

    def _piece(self, kind: bytes, content: bytes) -> None:
        """A piece of an answer, at once.

        kind: that of the frame which is due; a head leaves first, and is the gateway's to write.
        """
        if self._has_gathered:
            self._leave()
        self.content_bytes += len(content)
        loan = self._loan
        if loan is None and self._may_borrow(self._coming_bytes(len(content))):
            loan = self._ask(kind)
            kind = CHUNK_HEAD
        if loan is None:
            self._bytes_until_asked -= len(content)
            self._frames(kind, content)
            self.flush()
        else:
            with self._gathered.lock:
                self._send_lent(loan, content)
        self._piece_at = perf_counter()

    def _next_piece(self, content: bytes) -> None:
        """A piece behind the first one, at once. Raises Disconnected."""
        self._require_client()
        largest, _ = self._gathering()
        if len(content) > largest or perf_counter() - self._piece_at > QUICK_S:
            self._quick_pieces = 0
        else:
            self._quick_pieces += 1
        self._piece(CHUNK_HEAD, content)

    def _gather(self, iterator: Iterator[Any]) -> Any:
        """The next piece that has to be looked at; END behind the last one.

        The pieces before it are taken, as long as they are small and come in quick succession. Most
        of what a streamed answer consists of, and so written for speed. Raises Disconnected, and
        what the application does.
        """
        gathered = self._gathered
        if self._quick_pieces < GATHERED_FROM or self._send_beside is None:
            return next(iterator, END)
        largest, enough_bytes = self._gathering()
        if not gathered.watch(enough_bytes):
            self._send_beside = None
            return next(iterator, END)
        loan = self._loan
        append, waiting = gathered.pieces.append, self._gathered_bytes
        self._has_gathered = True
        now = gathered.left_at = perf_counter()
        while True:
            count = 0
            try:
                for piece in islice(iterator, PIECES_PER_LOOK):
                    count += 1
                    if type(piece) is not bytes or not 0 < len(piece) <= largest:
                        return piece
                    size = len(piece)
                    if self._remaining is not None:
                        if size >= self._remaining:
                            return piece
                        self._remaining -= size
                    append(piece)
                    waiting += size
                    if waiting >= gathered.enough_bytes:
                        self._gathered_bytes = waiting
                        waiting = 0
                        self._leave()
            finally:
                self._gathered_bytes = waiting
            before, now = now, perf_counter()
            if count < PIECES_PER_LOOK:
                return END
            if now >= self._next_look:
                self._require_client()
            if gathered.enough_bytes == 0 or now - before > PIECES_PER_LOOK * QUICK_S:
                self._quick_pieces = 0
                self._leave()
            if self._quick_pieces == 0 or self._loan is not loan:
                return next(iterator, END)
            if now - gathered.left_at >= GATHERED_MAX_S:
                self._leave()
                waiting = 0

    def _gathering(self) -> tuple[int, int]:
        """How large a piece may be that is gathered, and how many bytes are."""
        if self._loan is None or self._loan.is_chunked:
            return GATHERED_PIECE_MAX_BYTES, GATHERED_MAX_BYTES
        return LENT_PIECE_MAX_BYTES, LENT_MAX_BYTES

    def _leave(self) -> None:
        """Has what was gathered leave. Raises Disconnected behind what may be missing.

        That is so within a signal's handler, too, which has interrupted this very function.
        """
        if self._in_doubt:
            raise Disconnected
        gathered = self._gathered
        gathered_bytes, self._gathered_bytes = self._gathered_bytes, 0
        self.content_bytes += gathered_bytes
        with gathered.lock:
            gathered.left_at = perf_counter()
            if not gathered.pieces:
                return
            self._in_doubt = True
            pieces = gathered.pieces[:]
            gathered.pieces.clear()
            loan = self._loan
            if loan is None:
                # It is worth asking for these already: they are there to be sent.
                self._bytes_until_asked -= gathered_bytes
                if self._may_borrow(self._coming_bytes(gathered_bytes)):
                    loan = self._ask(CHUNK_HEAD)
            if loan is None:
                self._send(self._chunk(pieces), None)
            else:
                self._send_pieces_lent(loan, pieces)
            self._in_doubt = False

    def _leave_beside(self) -> bool:
        """The same in another thread, which has the lock. Returns whether something waits still."""
        loan, waiting = self._loan, self._gathered.pieces
        pieces = waiting[:]
        if self._in_doubt or self._send_beside is None:
            return False
        if loan is None:
            if pieces and self._send_beside(self._chunk(pieces)):
                del waiting[: len(pieces)]
            return bool(waiting)
        if not loan.in_doubt:
            del waiting[: len(pieces)]
            loan.send_beside(pieces)
        return bool(loan.rest)

    def _leave_last(self) -> bool:
        """Puts what was gathered in front of the answer's end; gives the socket back.

        Returns whether all that the application has given is on its way.
        """
        self.content_bytes += self._gathered_bytes
        with self._gathered.lock:
            # Behind what may be missing nothing is sent.
            pieces = [] if self._in_doubt else self._gathered.pieces[:]
            self._gathered.pieces.clear()
            loan = self._loan
            if loan is not None:
                if pieces and not loan.in_doubt:
                    loan.send(pieces)
                self._return_loan(loan)
            elif pieces:
                self.unsent.append(self._chunk(pieces))
        return not (self._in_doubt or (loan is not None and loan.in_doubt))

    def _is_large(self, size: int) -> bool:
        """Whether so much content had better not leave in one frame."""
        return size > FRAME_CONTENT_MAX_BYTES or self._may_borrow(size)

    def _may_borrow(self, size: int) -> bool:
        """size: of the content that is still to come, this included."""
        return size >= LOAN_MIN_BYTES and self._bytes_until_asked <= 0 and self._borrow is not None

    def _coming_bytes(self, size: int) -> int:
        """How much content is to come, this included; where no length was declared, a guess."""
        return LOAN_MIN_BYTES if self._remaining is None else size + self._remaining

    def _ask(self, kind: bytes) -> Loan | None:
        """Asks for the client's socket, behind the head where that has not left."""
        if self._borrow is None:
            return None
        if not self.head_sent:
            self.head_sent = True
            self._frame(kind, b"")
        self.unsent.append(pack_address(self.slot, self.generation, 0, 0) + wire.BORROW_HEAD)
        self._bytes_until_asked = LOAN_AGAIN_BYTES
        self._loan = loan = self._borrow(self._take_unsent())
        return loan

    def _send_lent(self, loan: Loan, content: bytes) -> None:
        """To the client directly, as far as it takes that; what is left goes to the gateway."""
        if not loan.is_chunked:
            self._send_pieces_lent(loan, [content])
            return
        for start in range(0, len(content), CHUNK_MAX_BYTES):
            end = start + CHUNK_MAX_BYTES
            self._send_pieces_lent(loan, [content[start:end]])
            if self._loan is None:
                self._send_rest(memoryview(content)[end:])
                self.flush()
                break

    def _send_pieces_lent(self, loan: Loan, pieces: list[bytes]) -> None:
        if loan.in_doubt:
            # Another byte could be one too many, which would be taken for the next answer's first.
            raise Disconnected
        loan.send(pieces)
        if loan.rest:
            self._return_loan(loan)
            self.flush()
        else:
            self._report_when_due(loan)

    def _return_loan(self, loan: Loan) -> None:
        """From here on the client's socket is the gateway's alone."""
        self._loan = None
        loan.close()
        # In doubt some of the rest may have gone: it would be sent twice.
        rest = b"" if loan.in_doubt else loan.rest
        if loan.is_chunked:
            self._report_sent(loan, wire.FLAG_RETURNED, bytes(rest))
        else:
            self._report_sent(loan, wire.FLAG_RETURNED, b"")
            self._send_rest(rest)

    def _send_rest(self, content: bytes | memoryview) -> None:
        if content:
            self._bytes_until_asked -= len(content)
            self._frames(CHUNK_HEAD, content)

    def _report_when_due(self, loan: Loan) -> None:
        if perf_counter() >= loan.report_at:
            self._report_sent(loan, 0, b"")
            self.flush()

    def _report_sent(self, loan: Loan, flags: int, rest: bytes) -> None:
        """rest: what the gateway is to send as it is."""
        sent, framing = loan.take_unreported()
        kind = wire.pack_kind(wire.SENT, flags, 0, len(rest), sent)
        self.unsent.append(pack_address(self.slot, self.generation, framing, 0) + kind + rest)

    def _chunk(self, pieces: list[bytes]) -> bytes:
        """One frame."""
        size = sum(map(len, pieces))
        address = pack_address(self.slot, self.generation, self._elapsed_us(), size)
        return b"".join((address, CHUNK_HEAD, *pieces))

    def _frames(self, kind: bytes, content: bytes | memoryview) -> None:
        """One frame, or several where it would be too long."""
        self.head_sent = True
        if len(content) <= FRAME_CONTENT_MAX_BYTES:
            self._frame(kind, content)
            return
        view = memoryview(content)
        for start in range(0, len(content), FRAME_CONTENT_MAX_BYTES):
            self._frame(kind, view[start : start + FRAME_CONTENT_MAX_BYTES])
            kind = CHUNK_HEAD

    def _frame(self, kind: bytes, content: bytes | memoryview) -> None:
        unsent = self.unsent
        size = len(content)
        unsent.append(pack_address(self.slot, self.generation, self._elapsed_us(), size))
        unsent.append(kind)
        if size <= COPIED_MAX_BYTES:
            unsent.append(content)
        else:
            self._send(self._take_unsent(), content)

    def _require_client(self) -> None:
        now = perf_counter()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_INTERVAL_S
        if self._is_cancelled(self.slot, self.generation):
            raise Disconnected

    def _elapsed_us(self) -> int:
        elapsed_us = int((perf_counter() - self.began) * 1e6)
        if elapsed_us > ELAPSED_MAX_US:
            elapsed_us = ELAPSED_MAX_US
        return elapsed_us
