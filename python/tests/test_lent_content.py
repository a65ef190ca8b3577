"""Content of requests that a worker takes off the client's socket by itself, or gives back."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
import unittest
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any
from unittest import mock

from portico_worker import loan
from portico_worker.lent_content import LentContent
from portico_worker.wire import ProtocolError

from tests.applications import TEXT, Environ, echo_path, length
from tests.client_socket import Client as Reader
from tests.client_socket import PatientCase
from tests.gateway_side import (
    ERROR,
    GIVEN_BACK,
    RESPONSE,
    RETURNED,
    TAKEN,
    TIMEOUT_S,
    Frame,
    Gateway,
    request,
)
from tests.test_spooled_content import open_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CONTENT = bytes(range(251)) * 4_000
BEFORE = CONTENT[:1_000]
# Of the content, what the client has sent when it is slow.
HALF = CONTENT[1_000:300_000]
NEXT_REQUEST = b"POST / HTTP/1.1\r\n"


class Client:
    """A client, and the gateway's end of its connection, which does not block."""

    def __init__(self) -> None:
        self.socket, self.peer = socket.socketpair()
        self.socket.setblocking(False)
        self._thread: threading.Thread | None = None

    def begin(self, content: bytes, then: Callable[[], Any] | None = None) -> None:
        """Sends in a thread, as far as it is taken."""

        def send() -> None:
            self.peer.sendall(content)
            if then is not None:
                then()

        self._thread = threading.Thread(target=send, daemon=True)
        self._thread.start()

    def end(self) -> bytes:
        """What nobody has taken, once all is sent."""
        if self._thread is not None:
            self._thread.join(TIMEOUT_S)
            assert not self._thread.is_alive(), "the client still sends"
        left = b""
        try:
            while data := self.socket.recv(65_536):
                left += data
        except BlockingIOError:
            pass
        self.socket.close()
        self.peer.close()
        return left


def reading(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Answers with the content, which it reads in several ways."""
    stream = environ["wsgi.input"]
    content = stream.readline() + stream.read(7) + b"".join(stream)
    start_response("200 OK", [TEXT, length(len(content))])
    return [content]


def given_back(gateway: Gateway) -> tuple[bytes, Frame]:
    """What a worker returns, and the frame by which it leaves the request."""
    content = b""
    while (frame := gateway.frame()) is not None:
        assert (frame.kind, frame.body) == (GIVEN_BACK, b""), frame
        if frame.flags == RETURNED:
            assert frame.head == b"", frame
            return content, frame
        content += frame.head
    raise AssertionError("the channel ended")


class TakenContent(PatientCase):
    def test_it_is_read_as_any_content_and_no_further(self) -> None:
        for before in (b"", BEFORE, CONTENT[:-1]):
            client = Client()
            client.begin(CONTENT[len(before) :] + NEXT_REQUEST)
            with Gateway(reading) as gateway:
                descriptors = open_descriptors()
                gateway.send_content_socket(client.socket.fileno())
                answer = gateway.ask(method="POST", body=(before, len(CONTENT)))
                self.assertTrue(answer.content == CONTENT, len(answer.content))
                gateway.ask(path="/next")
                self.assertEqual(open_descriptors(), descriptors)
            self.assertEqual(client.end(), NEXT_REQUEST)

    def test_the_gateway_hears_of_it_before_the_application_is_called(self) -> None:
        is_called, goes_on = threading.Event(), threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            is_called.set()
            goes_on.wait(TIMEOUT_S)
            return reading(environ, start_response)

        client = Client()
        with Gateway(application) as gateway:
            gateway.send_content_socket(client.socket.fileno())
            gateway.send([request(4, method="POST", body=(BEFORE, len(CONTENT)))])
            self.assertFalse(is_called.is_set())
            client.begin(CONTENT[1_000:])
            frame = gateway.frame()
            assert frame is not None
            self.assertEqual((frame.slot, frame.kind, frame.head, frame.body), (4, TAKEN, b"", b""))
            goes_on.set()
            self.assertTrue(gateway.answer(4).content == CONTENT)
        client.end()

    def test_whoever_reads_all_of_it_gets_it_without_a_copy(self) -> None:
        client = Client()
        client.begin(CONTENT[1_000:])
        content = LentContent(BEFORE, len(CONTENT))
        self.assertTrue(content.take(os.dup(client.socket.fileno())))
        whole = content.input.read()
        self.assertTrue(whole == CONTENT)
        self.assertIs(content.input.getvalue(), whole)
        self.assertIs(type(content.input), BytesIO)
        client.end()

    def test_several_in_a_batch_each_by_its_own_socket(self) -> None:
        clients = [Client() for _ in range(3)]
        with Gateway(reading) as gateway:
            for number, client in enumerate(clients):
                client.begin(bytes([number]) * 200_000)
                gateway.send_content_socket(client.socket.fileno())
            body = (b"", 200_000)
            gateway.send([request(slot, method="POST", body=body) for slot in range(3)])
            for slot in range(3):
                content = gateway.answer(slot).content
                self.assertTrue(content == bytes([slot]) * 200_000, content[:10])
        for client in clients:
            self.assertEqual(client.end(), b"")

    def test_files_and_sockets_of_later_requests_come_before_the_answer_to_a_wish(self) -> None:
        large = b"x" * 1_000_000

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            if environ["PATH_INFO"] == "/large":
                return [large]
            return [sha256(environ["wsgi.input"].read()).digest()]

        client, reader = Client(), Reader()
        client.begin(CONTENT[1_000:])
        with Gateway(application) as gateway:
            gateway.client = reader.socket
            gateway.send_content_socket(client.socket.fileno())
            with tempfile.TemporaryFile() as file:
                file.write(b"in a file")
                file.flush()
                gateway.send_file(file.fileno())
            body = (BEFORE, len(CONTENT))
            gateway.send(
                [
                    request(1, path="/large"),
                    request(2, method="POST", body=body),
                    request(3, method="POST", body=9),
                ]
            )
            gateway.answer(1)
            self.assertEqual(gateway.answer(2).content, sha256(CONTENT).digest())
            self.assertEqual(gateway.answer(3).content, sha256(b"in a file").digest())
        client.end()
        self.assertTrue(reader.end())

    def test_where_python_has_a_default_timeout_it_is_the_same(self) -> None:
        client = Client()
        self.addCleanup(socket.setdefaulttimeout, None)
        socket.setdefaulttimeout(1e-9)
        content = LentContent(BEFORE, len(CONTENT))
        timer = threading.Timer(0.1, client.begin, (CONTENT[1_000:],))
        timer.start()
        self.addCleanup(timer.join)
        self.assertTrue(content.take(os.dup(client.socket.fileno())))
        client.end()

    def test_an_application_that_fails_or_closes_it(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.input"].close()
            raise ValueError

        client = Client()
        client.begin(CONTENT[1_000:])
        with Gateway(application) as gateway:
            gateway.send_content_socket(client.socket.fileno())
            answer = gateway.ask(method="POST", body=(BEFORE, len(CONTENT)))
            self.assertEqual(answer.kinds, [ERROR])
        client.end()


class ReturnedContent(unittest.TestCase):
    def check(self, client: Client, sent: bytes) -> None:
        """The worker gives back what was sent, calls nobody, and goes on."""
        called: list[str] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            called.append(environ["PATH_INFO"])
            return echo_path(environ, start_response)

        with Gateway(application) as gateway:
            descriptors = open_descriptors()
            gateway.send_content_socket(client.socket.fileno())
            body = (BEFORE, len(CONTENT))
            gateway.send(
                [request(5, method="POST", path="/lent", body=body), request(6, path="/next")]
            )
            content, last = given_back(gateway)
            self.assertEqual((last.slot, last.generation), (5, 1))
            self.assertEqual(gateway.answer(6).kinds, [RESPONSE])
            self.assertEqual(open_descriptors(), descriptors)
        self.assertEqual(called, ["/next"])
        self.assertEqual(gateway.stderr, "")
        self.assertTrue(content == sent, len(content))

    def test_a_client_that_is_slow(self) -> None:
        for sent in (b"", b"x", HALF):
            client = Client()
            client.begin(sent)
            with mock.patch.object(loan, "PATIENCE_S", 0.3):
                self.check(client, sent)
            self.assertEqual(client.end(), b"")

    def test_a_client_that_is_gone(self) -> None:
        client = Client()
        client.begin(HALF, lambda: client.peer.shutdown(socket.SHUT_WR))
        with mock.patch.object(loan, "PATIENCE_S", TIMEOUT_S):
            self.check(client, HALF)
        client.end()

    def test_patience_is_for_all_waits_together(self) -> None:
        client = Client()
        is_over = threading.Event()

        def drip() -> None:
            for _ in range(int(TIMEOUT_S / 0.02)):
                if is_over.wait(0.02):
                    break
                client.peer.sendall(b"x")

        thread = threading.Thread(target=drip, daemon=True)
        content = LentContent(b"", 100_000)
        with mock.patch.object(loan, "PATIENCE_S", 0.2):
            thread.start()
            began = time.monotonic()
            self.assertFalse(content.take(os.dup(client.socket.fileno())))
        self.assertLess(time.monotonic() - began, TIMEOUT_S / 2)
        is_over.set()
        thread.join()
        taken = b"".join(content.taken())
        self.assertEqual(taken, b"x" * len(taken))
        client.end()

    def test_a_socket_that_did_not_come(self) -> None:
        with Gateway(echo_path) as gateway:
            gateway.send_content_socket(None)
            gateway.send([request(method="POST", body=(BEFORE, len(CONTENT)))])
            self.assertEqual(given_back(gateway)[0], b"")
            self.assertEqual(gateway.ask(path="/next").kinds, [RESPONSE])

    def test_another_descriptor_than_was_announced_ends_the_worker(self) -> None:
        with Gateway(echo_path, expect=ProtocolError) as gateway:
            gateway.send_file(0)
            gateway.send([request(method="POST", body=(BEFORE, len(CONTENT)))])
            self.assertIsNone(gateway.frame())

    def test_a_handler_that_raises_ends_the_worker(self) -> None:
        # Nobody knows what the client's socket has given by then.
        content = LentContent(b"", 10)
        client = Client()
        before = open_descriptors()

        def interrupt(*_: Any) -> None:
            raise KeyError

        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with mock.patch.object(loan, "PATIENCE_S", TIMEOUT_S), self.assertRaises(KeyError):
            content.take(os.dup(client.socket.fileno()))
        self.assertEqual(open_descriptors(), before)
        client.end()

        with Gateway(echo_path, expect=ProtocolError) as gateway:
            gateway.send_content_socket(0)
            with mock.patch.object(LentContent, "take", side_effect=KeyError):
                gateway.send([request(method="POST", body=(b"", 10))])
                self.assertIsNone(gateway.frame())
