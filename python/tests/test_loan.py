"""Large content that a worker sends to the client by itself, over a socket that it was lent."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import unittest
from typing import TYPE_CHECKING, Any
from unittest import mock

from portico_worker import loan as loan_module
from portico_worker.loan import Loan, Patience
from portico_worker.outlet import LOAN_AGAIN_BYTES, LOAN_BEHIND_BYTES, LOAN_MIN_BYTES
from portico_worker.wire import Channel, ProtocolError
from portico_worker.worker import Worker

from tests.applications import TEXT, Application, Content, Environ, giving, length
from tests.client_socket import LARGE, Client, PatientCase, lent
from tests.gateway_side import (
    ABORT,
    BORROW,
    END,
    HEAD,
    RESPONSE,
    RETURNED,
    SENT,
    TIMEOUT_S,
    Answer,
    Gateway,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE = bytes(range(255)) * 257


class LentSocket(PatientCase):
    def check(self, application: Application, content: bytes) -> Answer:
        """All of it arrives, by one way or the other."""
        client = Client()
        answer = lent(application, client)
        directly = client.end()
        self.assertEqual(answer.sent_bytes, len(directly))
        self.assertEqual(answer.loans[-1].flags, RETURNED)
        self.assertEqual(answer.kinds[-1], END)
        # What came through the gateway before the loan comes first, and the rest behind it.
        began = len(answer.frames[0].body)
        self.assertEqual(answer.content[:began] + directly + answer.content[began:], content)
        return answer

    def test_a_large_piece(self) -> None:
        for content in ([LARGE], (LARGE,), [LARGE[:100], LARGE[100:]]):
            answer = self.check(giving(content), LARGE)
            self.assertEqual((answer.kinds, answer.content), ([HEAD, END], b""))
            self.assertEqual(answer.content_length, len(LARGE))
            self.assertEqual([frame.kind for frame in answer.loans], [BORROW, SENT])

    def test_a_large_piece_of_an_iterable(self) -> None:
        answer = self.check(giving(iter([LARGE]), headers=(length(len(LARGE)),)), LARGE)
        self.assertEqual(answer.content, b"")

    def test_many_pieces_whose_length_is_declared(self) -> None:
        pieces = [PIECE] * 20
        headers = (TEXT, length(20 * len(PIECE)))
        answer = self.check(giving(iter(pieces), headers=headers), b"".join(pieces))
        self.assertEqual((answer.kinds, answer.content), ([HEAD, END], b""))

    def test_write(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT, length(3 * len(LARGE) + 3)])
            write(LARGE)
            write(b"odd")
            write(LARGE)
            return [LARGE]

        self.check(application, LARGE + b"odd" + LARGE + LARGE)

    def test_empty_pieces_between(self) -> None:
        pieces = [b"", LARGE, b"", b"x", b""]
        headers = (length(len(LARGE) + 1),)
        self.check(giving(iter(pieces), headers=headers), LARGE + b"x")

    def test_no_more_than_was_declared(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT, length(len(LARGE))])
            return iter([LARGE[:-1], LARGE])

        client = Client()
        with Gateway(application) as gateway:
            gateway.client = client.socket
            answer = gateway.ask()
        self.assertEqual(client.end() + answer.content, LARGE[:-1] + LARGE[:1])
        self.assertIn("longer than its Content-Length", gateway.stderr)

    def test_less_than_was_declared(self) -> None:
        headers = (length(len(LARGE) + 7),)
        client = Client()
        with Gateway(giving(iter([LARGE]), headers=headers)) as gateway:
            gateway.client = client.socket
            answer = gateway.ask()
        self.assertEqual(client.end(), LARGE)
        self.assertEqual((answer.kinds, answer.sent_bytes), ([HEAD, END], len(LARGE)))
        self.assertIn("7 bytes shorter", gateway.stderr)

    def test_the_application_raises_in_the_middle(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT, length(3 * len(LARGE))])
            yield LARGE
            raise ValueError("in the middle")

        client = Client()
        with Gateway(application) as gateway:
            gateway.client = client.socket
            answer = gateway.ask()
        self.assertEqual(client.end(), LARGE)
        self.assertEqual((answer.kinds, answer.sent_bytes), ([HEAD, ABORT], len(LARGE)))
        self.assertEqual(answer.loans[-1].flags, RETURNED)

    def test_the_iterable_is_closed_behind_it(self) -> None:
        content = Content([LARGE])
        self.check(giving(content, headers=(length(len(LARGE)),)), LARGE)
        self.assertEqual(content.closed, 2)

    def test_progress_is_reported(self) -> None:
        pieces = [LARGE] * 4
        with mock.patch.object(loan_module, "REPORT_INTERVAL_S", 0):
            headers = (length(4 * len(LARGE)),)
            answer = self.check(giving(iter(pieces), headers=headers), LARGE * 4)
        self.assertEqual([frame.kind for frame in answer.loans], [BORROW, *[SENT] * 5])
        self.assertEqual([frame.flags for frame in answer.loans[1:]], [0, 0, 0, 0, RETURNED])

    def test_hooks_are_told_how_much_was_sent(self) -> None:
        counted: list[int] = []

        class Counting(Worker):
            def _settle(self, *parts: Any) -> None:
                counted.append(self._answer.content_bytes)
                super()._settle(*parts)

        client = Client()
        with Gateway(giving([LARGE]), make=Counting) as gateway:
            gateway.client = client.socket
            gateway.ask()
        client.end()
        self.assertEqual(counted, [len(LARGE)])


class NotLent(PatientCase):
    def test_small_content_is_not_asked_for(self) -> None:
        small = LARGE[: LOAN_MIN_BYTES - 1]
        for application in (
            giving([small]),
            giving(iter([small]), headers=(length(len(small)),)),
            giving(iter([LARGE[: LOAN_BEHIND_BYTES - 1], b"x"])),
            giving([LARGE], "304 Not Modified"),
        ):
            client = Client()
            answer = lent(application, client)
            self.assertEqual((answer.loans, client.end()), ([], b""))

    def test_head_is_not_asked_for(self) -> None:
        client = Client()
        answer = lent(giving([LARGE]), client, method="HEAD")
        self.assertEqual((answer.kinds, answer.loans), ([RESPONSE], []))
        client.end()

    def test_refused_it_goes_to_the_gateway(self) -> None:
        for content in ([LARGE], iter([LARGE])):
            with Gateway(giving(content, headers=(length(len(LARGE)),))) as gateway:
                answer = gateway.ask()
            self.assertEqual(answer.content, LARGE)
            self.assertEqual([frame.kind for frame in answer.loans], [BORROW])

    def test_refused_it_is_asked_again_after_a_while(self) -> None:
        count = (2 * LOAN_AGAIN_BYTES + LOAN_MIN_BYTES) // len(PIECE) + 5
        headers = (length(count * len(PIECE)),)
        with Gateway(giving(iter([PIECE] * count), headers=headers)) as gateway:
            answer = gateway.ask()
        self.assertEqual(answer.content, PIECE * count)
        self.assertEqual([frame.kind for frame in answer.loans], [BORROW, BORROW, BORROW])

    def test_no_room_for_a_descriptor(self) -> None:
        # The kernel drops it, and the byte comes alone.
        gateway = Gateway(giving([LARGE]))
        lend = mock.patch.object(gateway, "lend", lambda: gateway.files.sendall(b"S"))
        with gateway, lend:
            answer = gateway.ask()
        self.assertEqual(answer.content, LARGE)
        self.assertEqual([frame.kind for frame in answer.loans], [BORROW, SENT])
        self.assertEqual((answer.sent_bytes, answer.loans[-1].flags), (0, RETURNED))

    def test_another_answer_than_one_of_the_two_ends_the_worker(self) -> None:
        with Gateway(giving([LARGE]), expect=ProtocolError) as gateway:
            gateway.send([request()])
            kinds = []
            while (frame := gateway.frame()) is not None:
                kinds.append(frame.kind)
                if frame.kind == BORROW:
                    gateway.files.sendall(b"?")
            self.assertEqual(kinds, [HEAD, BORROW])

    def test_files_of_later_requests_may_come_before(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] != "/large":
                start_response("200 OK", [TEXT])
                return [environ["wsgi.input"].read()]
            return giving([LARGE])(environ, start_response)

        client = Client()
        with contextlib.ExitStack() as files, Gateway(application) as gateway:
            gateway.client = client.socket
            requests = [request(slot=1, path="/large")]
            for slot, content in ((2, b"first"), (3, b"second")):
                descriptor = os.memfd_create("content")
                files.callback(os.close, descriptor)
                os.write(descriptor, content)
                gateway.send_file(descriptor)
                requests.append(request(slot=slot, method="PUT", body=len(content)))
            gateway.send(requests)
            self.assertEqual(gateway.answer(1).sent_bytes, len(LARGE))
            self.assertEqual(gateway.answer(2).content, b"first")
            self.assertEqual(gateway.answer(3).content, b"second")
        self.assertEqual(client.end(), LARGE)


class SlowClient(unittest.TestCase):
    def test_the_rest_goes_to_the_gateway(self) -> None:
        client = Client(reads=False)
        began = time.monotonic()
        answer = lent(giving([LARGE]), client)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(answer.loans[-1].flags, RETURNED)
        self.assertGreater(answer.sent_bytes, 0)
        self.assertEqual(len(answer.content) + answer.sent_bytes, len(LARGE))
        self.assertEqual(client.end() + answer.content, LARGE)

    def test_patience_ends_also_with_one_that_takes_a_little_at_a_time(self) -> None:
        client = Client(reads=False)
        lender = Loan(os.dup(client.socket.fileno()))
        given = 0
        while not lender.rest:
            lender.send([LARGE])
            given += len(LARGE)
        for _ in range(3):
            client.peer.recv(1000)
            lender.send([b"x" * 1000])
            given += 1000
        lender.close()
        self.assertEqual(lender.take_unreported(), (given - len(lender.rest), 0))
        client.end()

    def test_it_is_waited_for_within_patience(self) -> None:
        client = Client(reads=False)
        with mock.patch.object(loan_module, "PATIENCE_S", TIMEOUT_S):
            lender = Loan(os.dup(client.socket.fileno()))
        reader = threading.Timer(0.01, client.read)
        reader.start()
        lender.send([LARGE])
        self.assertFalse(lender.rest)
        reader.join()
        lender.close()
        self.assertEqual(client.end(), LARGE)

    def test_one_that_is_gone(self) -> None:
        client = Client(reads=False)
        client.peer.close()
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            answer = lent(giving([LARGE]), client)
        finally:
            signal.signal(signal.SIGPIPE, before)
        self.assertEqual((answer.sent_bytes, answer.content), (0, LARGE))
        client.socket.close()

    def test_a_default_timeout_of_the_application_does_not_hold(self) -> None:
        client = Client(reads=False)
        socket.setdefaulttimeout(60)
        try:
            answer = lent(giving([LARGE]), client)
        finally:
            socket.setdefaulttimeout(None)
        self.assertEqual(client.end() + answer.content, LARGE)


class Doubt(unittest.TestCase):
    """A signal's handler raises while content is being sent: nobody knows how much has gone."""

    def test_the_answer_is_cut_short(self) -> None:
        class Interrupted(Exception):
            pass

        def send(self: Loan, pieces: list[bytes]) -> None:
            self.in_doubt = True
            raise Interrupted

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT, length(4 * len(LARGE))])
            with contextlib.suppress(Interrupted), mock.patch.object(Loan, "send", send):
                write(LARGE)
            # Whoever goes on all the same cannot send one byte more.
            return iter([LARGE, LARGE, LARGE])

        client = Client()
        with Gateway(application) as gateway:
            gateway.client = client.socket
            answer = gateway.ask()
            self.assertEqual(answer.kinds, [HEAD, ABORT])
        self.assertEqual(client.end(), b"")

    def test_nothing_follows_what_was_sent_in_part_when_a_handler_raised(self) -> None:
        class Interrupted(Exception):
            pass

        def wait(*_: Any) -> bool:
            # The client has taken some of it meanwhile, and the rest is not what it was.
            raise Interrupted

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT, *declared])
            with contextlib.suppress(Interrupted), mock.patch.object(Patience, "wait", wait):
                write(LARGE)
                write(LARGE)
            return iter([LARGE, LARGE])

        for is_chunked, declared in ((False, (length(4 * len(LARGE)),)), (True, ())):
            client = Client(reads=False)
            with Gateway(application) as gateway:
                gateway.client, gateway.is_chunked = client.socket, is_chunked
                answer = gateway.ask()
            self.assertEqual((answer.kinds[-1], answer.loans[-1].head), (ABORT, b""))
            through = 0 if declared else len(LARGE)
            self.assertEqual(len(answer.content), through)
            client.end()

    def test_a_handler_that_raises_leaves_it_in_doubt(self) -> None:
        client = Client(reads=False)
        lender = Loan(os.dup(client.socket.fileno()))

        def handler(*_: object) -> None:
            raise KeyError

        before = signal.signal(signal.SIGALRM, handler)
        try:
            with mock.patch.object(loan_module, "PATIENCE_S", TIMEOUT_S):
                patient = Loan(os.dup(client.socket.fileno()))
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with self.assertRaises(KeyError):
                patient.send([LARGE * 8])
        finally:
            signal.signal(signal.SIGALRM, before)
        self.assertTrue(patient.in_doubt)
        self.assertFalse(lender.in_doubt)
        patient.close()
        lender.close()
        client.end()

    def test_an_exception_while_it_is_waited_for_ends_the_worker(self) -> None:
        class Interrupted(Exception):
            pass

        application = giving([LARGE])
        # Whatever comes for the first wish must not be taken for the answer to the second.
        wait = mock.patch.object(Channel, "_receive_loan", side_effect=Interrupted)
        with wait, Gateway(application, expect=ProtocolError) as gateway:
            gateway.send([request(1), request(2)])
            self.assertEqual([frame.kind for frame in gateway.rest()], [HEAD, BORROW])


class AfterFork(unittest.TestCase):
    def test_a_child_of_the_application_does_not_keep_the_socket(self) -> None:
        client = Client(reads=False)
        ours, theirs = socket.socketpair()
        files, their_files = socket.socketpair()
        channel = Channel(theirs, their_files)
        socket.send_fds(files, [b"S"], [client.socket.fileno()])
        lender = channel.borrow(b"the wish")
        assert lender is not None
        channel.disown()
        lender.send([b"x"])
        self.assertEqual(lender.rest, b"x")
        for each in (ours, files):
            each.close()
        self.assertEqual(client.end(), b"")
