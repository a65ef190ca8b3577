"""Small pieces in quick succession: together, in order, and on their way while others are made."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
import unittest
from typing import TYPE_CHECKING, Any
from unittest import mock

from portico_worker import gathered as gathered_module
from portico_worker import outlet
from portico_worker.gathered import Gathered
from portico_worker.loan import Loan
from portico_worker.wire import Channel

from tests.applications import TEXT, Content, Environ, giving, length
from tests.client_socket import Client, PatientCase
from tests.gateway_side import (
    ABORT,
    BORROW,
    CHUNK,
    END,
    HEAD,
    RETURNED,
    SENT,
    TIMEOUT_S,
    Answer,
    Gateway,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# As slow as the machine may be, pieces without a pause come in quick succession.
ALWAYS_QUICK = mock.patch.object(outlet, "QUICK_S", TIMEOUT_S)
NOTHING_TO_LEND = mock.patch.object(outlet, "LOAN_BEHIND_BYTES", 1 << 40)


def wait_and_rest(arrived: threading.Event) -> None:
    assert arrived.wait(TIMEOUT_S), "it has not come"
    time.sleep(0.1)


def rows(count: int, size: int = 20) -> list[bytes]:
    return [b"%0*d\n" % (size - 1, number) for number in range(count)]


class GatheredCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        for patch in (ALWAYS_QUICK, NOTHING_TO_LEND):
            patch.start()
            self.addCleanup(patch.stop)

    def read(self, gateway: Gateway, size: int) -> bytes:
        """As much content of an answer as that, which must come while the application waits."""
        content = b""
        while len(content) < size:
            frame = gateway.content_frame()
            assert frame is not None
            self.assertIn(frame.kind, (HEAD, CHUNK))
            content += frame.body
        return content


class QuickPieces(GatheredCase):
    def test_they_leave_together_behind_the_first_ones(self) -> None:
        pieces = rows(20_000)
        with Gateway(giving(iter(pieces))) as gateway:
            answer = gateway.ask()
        self.assertEqual(answer.content, b"".join(pieces))
        self.assertEqual(answer.pieces[: outlet.GATHERED_FROM + 1], pieces[:3])
        self.assertLess(len(answer.frames), 2_000)
        self.assertEqual(answer.kinds[-1], END)

    def test_of_all_sizes_and_also_empty_ones(self) -> None:
        sizes = random.Random(5)
        for _ in range(20):
            pieces = [
                bytes([sizes.randrange(256)])
                * sizes.choice((0, 1, 7, 4_096, 16_384, 16_385, 70_000))
                for _ in range(sizes.randrange(100))
            ]
            content = b"".join(pieces)
            for headers in ((TEXT,), (TEXT, length(len(content)))):
                with Gateway(giving(iter(pieces), headers=headers)) as gateway:
                    answer = gateway.ask()
                self.assertEqual(answer.content, content)

    def test_no_more_than_was_declared_and_less(self) -> None:
        pieces = rows(100)
        for declared, said in ((1_501, "longer than its"), (2_001, "1 bytes shorter than its")):
            content = giving(iter(pieces), headers=(length(declared),))
            with Gateway(content) as gateway:
                answer = gateway.ask()
            self.assertEqual(answer.content, b"".join(pieces)[:declared])
            self.assertIn(said, gateway.stderr)

    def test_a_piece_that_is_none_is_refused_as_ever(self) -> None:
        with Gateway(giving(iter([*rows(50), "text"]))) as gateway:
            answer = gateway.ask()
        self.assertEqual((answer.content, answer.kinds[-1]), (b"".join(rows(50)), ABORT))
        self.assertIn("must give bytes, not str", gateway.stderr)

    def test_what_was_gathered_leaves_before_an_answer_is_cut(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            yield from rows(50)
            raise ValueError("in the middle")

        with Gateway(application) as gateway:
            answer = gateway.ask()
        self.assertEqual((answer.content, answer.kinds[-1]), (b"".join(rows(50)), ABORT))

    def test_write_keeps_the_order(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])

            def pieces() -> Iterator[bytes]:
                yield from rows(50)
                # PEP 3333 forbids it, and nothing is lost by it.
                write(b"written")
                yield from rows(50)

            return pieces()

        with Gateway(application) as gateway:
            answer = gateway.ask()
        self.assertEqual(answer.content, b"".join([*rows(50), b"written", *rows(50)]))

    def test_the_next_answer_begins_anew(self) -> None:
        def application(environ: Environ, start_response: Any) -> Any:
            return giving(iter(rows(50)))(environ, start_response)

        with Gateway(application) as gateway:
            for _ in range(3):
                answer = gateway.ask()
                self.assertEqual(answer.content, b"".join(rows(50)))
                self.assertEqual(answer.pieces[:3], rows(3))

    def test_cancelled_it_stops(self) -> None:
        content = Content(iter(lambda: b"x" * 100, None))
        with Gateway(giving(content)) as gateway:
            gateway.send([request()])
            self.read(gateway, 1_000_000)
            gateway.cancel(0, 1)
            while (frame := gateway.frame()) is not None and frame.kind != END:
                pass
        self.assertEqual(content.closed, 1)

    def test_a_gateway_that_does_not_read_is_waited_for(self) -> None:
        made = 0

        def pieces() -> Iterator[bytes]:
            nonlocal made
            for _ in range(20_000):
                made += 1
                yield b"x" * 1_000

        with Gateway(giving(pieces())) as gateway:
            gateway.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            gateway.send([request()])
            before = -1
            while before != made:
                before = made
                time.sleep(0.2)
            self.assertLess(made, 2_000)
            self.assertEqual(gateway.answer().content, b"x" * 20_000_000)


class WhileTheApplicationWorks(GatheredCase):
    """What has been given arrives before the next piece is made, however long that takes."""

    def check(self, work: Any, *, make: Any = None) -> None:
        arrived = threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            for _ in range(3):
                yield from rows(50)
                yield b"a row that ends a part\n"
                work(arrived)
                arrived.clear()

        with Gateway(application) as gateway:
            gateway.send([request()])
            for _ in range(3):
                part = b"".join(rows(50)) + b"a row that ends a part\n"
                self.assertEqual(self.read(gateway, len(part)), part)
                arrived.set()
            frame = gateway.frame()
            assert frame is not None
            self.assertEqual(frame.kind, END)

    def test_it_waits(self) -> None:
        self.check(lambda arrived: arrived.wait(TIMEOUT_S) or self.fail("it has not come"))

    def test_it_computes(self) -> None:
        def compute(arrived: threading.Event) -> None:
            end = time.monotonic() + TIMEOUT_S
            while not arrived.is_set():
                assert time.monotonic() < end, "it has not come"

        self.check(compute)

    def test_the_thread_had_ended(self) -> None:
        with mock.patch.multiple(gathered_module, REST_S=0.01, QUIET_LOOKS=1):
            self.check(wait_and_rest)

    def test_no_thread_can_be_had(self) -> None:
        refused = mock.patch.object(gathered_module, "start_new_thread", side_effect=RuntimeError)
        with refused as start:
            self.check(lambda arrived: arrived.wait(TIMEOUT_S) or self.fail("it has not come"))
        self.assertEqual(start.call_count, 1)

    def test_a_message_is_being_received(self) -> None:
        # As long as that is so, the other thread leaves the channel alone, and comes again.
        looks: list[bool] = []
        beside = Channel.send_beside

        def send_beside(self: Channel, data: bytes) -> bool:
            looks.append(True)
            if len(looks) % 3:
                self.in_doubt = True
            try:
                return beside(self, data)
            finally:
                self.in_doubt = False

        with mock.patch.object(Channel, "send_beside", send_beside):
            self.check(lambda arrived: arrived.wait(TIMEOUT_S) or self.fail("it has not come"))
        self.assertGreater(len(looks), 2)

    def test_the_application_goes_on_while_the_other_thread_sends(self) -> None:
        beside = Channel.send_beside

        def send_beside(self: Channel, data: bytes) -> bool:
            sending.set()
            time.sleep(0.01)
            return beside(self, data)

        sending = threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            for _ in range(20):
                yield from rows(50)
                assert sending.wait(TIMEOUT_S), "it does not"
                sending.clear()

        slow = mock.patch.object(Channel, "send_beside", send_beside)
        with slow, Gateway(application) as gateway:
            self.assertEqual(gateway.ask().content, b"".join(rows(50)) * 20)


class Doubt(GatheredCase):
    def test_pieces_that_were_leaving_when_a_handler_raised_are_not_left_out(self) -> None:
        class Interrupted(Exception):
            pass

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])

            def pieces() -> Iterator[bytes]:
                yield from rows(10)
                interrupted = mock.patch.object(outlet.Outlet, "_chunk", side_effect=Interrupted)
                # It is too early for the other thread, most of the time.
                with contextlib.suppress(Interrupted), interrupted:
                    write(b"written")
                yield from rows(10)

            return pieces()

        with Gateway(application) as gateway:
            answer = gateway.ask()
        self.assertTrue(b"".join(rows(10)).startswith(answer.content))
        self.assertEqual(answer.kinds[-1], ABORT)


class Chunks(PatientCase):
    """Content without a length goes to the client in chunks, once there is enough of it."""

    def setUp(self) -> None:
        super().setUp()
        ALWAYS_QUICK.start()
        self.addCleanup(ALWAYS_QUICK.stop)

    def received(self, answer: Answer, directly: bytes) -> bytes:
        """What a client gets in all: through the gateway, and directly."""
        content = b""
        for frame in sorted([*answer.frames, *answer.loans], key=self.order.index):
            if frame.kind == SENT:
                sent, directly = directly[: frame.content_length], directly[frame.content_length :]
                content += sent + frame.head
            elif frame.body:
                content += b"%x\r\n%s\r\n" % (len(frame.body), frame.body)
        self.assertEqual(directly, b"")
        return content

    def check(self, pieces: Iterable[bytes], client: Client | None = None) -> Answer:
        """The client gets all of it in chunks, and the gateway is told what was framing."""
        pieces = list(pieces)
        client = client or Client()
        self.order: list[Any] = []
        with Gateway(giving(iter(pieces))) as gateway:
            gateway.client, gateway.is_chunked = client.socket, True
            frame = gateway.frame

            def noted() -> Any:
                self.order.append(frame())
                return self.order[-1]

            with mock.patch.object(gateway, "frame", noted):
                answer = gateway.ask()
        self.assertEqual(gateway.stderr, "")
        received = self.received(answer, client.end())
        self.assertEqual(unchunked(received), b"".join(pieces))
        framing = sum(frame.elapsed_us for frame in answer.loans if frame.kind == SENT)
        through = sum(len(frame.head) for frame in answer.loans)
        self.assertEqual(
            len(answer.content) + answer.sent_bytes + through - framing, len(b"".join(pieces))
        )
        self.assertEqual(answer.kinds[-1], END)
        if answer.loans:
            self.assertEqual(answer.loans[-1].flags, RETURNED)
        return answer

    def test_many_small_pieces(self) -> None:
        answer = self.check(rows(50_000))
        self.assertEqual(answer.loans[0].kind, BORROW)
        self.assertGreater(answer.sent_bytes, 500_000)

    def test_large_pieces(self) -> None:
        for size in (70_000, 131_072, 1_000_000):
            answer = self.check([bytes([number]) * size for number in range(5)])
            self.assertGreater(answer.sent_bytes, 2 * size)

    def test_little_content_is_not_asked_for(self) -> None:
        self.assertEqual(self.check(rows(1_000)).loans, [])

    def test_of_all_sizes(self) -> None:
        sizes = random.Random(6)
        for _ in range(20):
            choice = (1, 7, 4_096, 16_384, 16_385, 70_000, 200_000)
            self.check(b"x" * sizes.choice(choice) for _ in range(sizes.randrange(200)))

    def test_a_slow_client_gets_the_rest_by_the_gateway(self) -> None:
        with mock.patch("portico_worker.loan.PATIENCE_S", 0.01):
            for pieces in (rows(100_000), [b"x" * 100_000] * 20):
                answer = self.check(pieces, Client(reads=False))
                self.assertGreater(answer.sent_bytes, 0)
                self.assertGreater(len(answer.content), 1_000_000)

    def test_what_a_client_does_not_take_at_once_follows_later(self) -> None:
        client = Client(reads=False)
        lender = Loan(os.dup(client.socket.fileno()), is_chunked=True)
        pieces = [bytes([number]) * 100_000 for number in range(5)]
        for piece in pieces:
            lender.send_beside([piece])
        self.assertTrue(lender.rest)
        client.read()
        end = time.monotonic() + TIMEOUT_S
        while lender.rest and time.monotonic() < end:
            lender.send_beside([])
            time.sleep(0.001)
        lender.close()
        self.assertEqual(unchunked(client.end()), b"".join(pieces))


class Thread(unittest.TestCase):
    def test_it_ends_and_comes_back(self) -> None:
        left: list[bytes] = []
        done, ended = threading.Event(), threading.Event()

        def leave() -> bool:
            left.extend(gathered.pieces)
            gathered.pieces.clear()
            done.set()
            return False

        class Noted(Gathered):
            def _run(self) -> None:
                super()._run()
                ended.set()

        gathered = Noted(leave)
        with mock.patch.object(gathered_module, "REST_S", 0.01):
            for _ in range(5):
                self.assertTrue(gathered.watch(100))
                gathered.pieces.append(b"x")
                self.assertTrue(done.wait(TIMEOUT_S))
                # What comes next leaves at once.
                self.assertEqual(gathered.enough_bytes, 0)
                self.assertTrue(ended.wait(TIMEOUT_S))
                done.clear()
                ended.clear()
        self.assertEqual(left, [b"x"] * 5)

    def test_it_comes_again_where_something_could_not_leave(self) -> None:
        looks: list[int] = []
        done = threading.Event()

        def leave() -> bool:
            looks.append(len(gathered.pieces))
            gathered.pieces.clear()
            if len(looks) == 4:
                done.set()
            return len(looks) < 4

        gathered = Gathered(leave)
        gathered.watch(100)
        gathered.pieces.append(b"x")
        self.assertTrue(done.wait(TIMEOUT_S))
        time.sleep(0.02)
        self.assertEqual(looks, [1, 0, 0, 0])

    def test_in_a_fork_nothing_is_left(self) -> None:
        gathered = Gathered(lambda: False)
        gathered.pieces.append(b"x")
        gathered.lock.acquire()
        gathered.forget()
        self.assertEqual((gathered.pieces, gathered.enough_bytes), ([], 0))
        self.assertTrue(gathered.lock.acquire(blocking=False))


def unchunked(data: bytes) -> bytes:
    """The content of whole chunks (RFC 9112 section 7.1)."""
    content = b""
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        assert size > 0, "the last chunk is the gateway's"
        assert data[size : size + 2] == b"\r\n", data[size : size + 2]
        content += data[:size]
        data = data[size + 2 :]
    return content
