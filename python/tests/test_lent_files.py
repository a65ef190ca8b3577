"""wsgi.file_wrapper over large files, which the kernel sends where the gateway lends the socket."""

from __future__ import annotations

import gzip
import os
import signal
import tempfile
from typing import TYPE_CHECKING, Any, Callable
from unittest import mock

from portico_worker import loan
from portico_worker.content import FileWrapper
from portico_worker.loan import Loan

from tests.applications import TEXT, Application, Environ, length
from tests.client_socket import LARGE, Client, PatientCase, lent
from tests.gateway_side import END, HEAD, Gateway

if TYPE_CHECKING:
    from collections.abc import Iterable


class LentForFiles(PatientCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by the cleanup
        self.addCleanup(self.file.close)
        self.file.write(LARGE)
        self.file.flush()

    def wrapping(
        self, make: Callable[[], Any], declared: int = len(LARGE), skip: int = 0
    ) -> Application:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            file = make()
            file.read(skip)
            start_response("200 OK", [TEXT, length(declared)])
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, 4096)
            return wrapped

        return application

    def opened(self) -> Any:
        return open(self.file.name, "rb")

    def unbuffered(self) -> Any:
        return open(self.file.name, "rb", buffering=0)

    def test_it_is_sent_whole_and_none_of_it_is_read(self) -> None:
        for make in (self.opened, self.unbuffered):
            client = Client()
            unread = mock.patch.object(FileWrapper, "__next__", side_effect=AssertionError)
            with unread, Gateway(self.wrapping(make)) as gateway:
                gateway.client = client.socket
                answer = gateway.ask()
            self.assertEqual((client.end(), gateway.stderr), (LARGE, ""))
            self.assertEqual((answer.kinds, answer.content), ([HEAD, END], b""))
            self.assertEqual(answer.sent_bytes, len(LARGE))

    def test_from_where_it_stands_and_no_more_than_was_declared(self) -> None:
        client = Client()
        declared = len(LARGE) - 1000
        lent(self.wrapping(self.opened, declared, skip=777), client)
        self.assertEqual(client.end(), LARGE[777 : 777 + declared])

    def test_what_was_written_and_not_flushed_is_sent_too(self) -> None:
        def written() -> Any:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the wrapper
            file.write(LARGE)
            file.seek(0)
            file.seek(0, os.SEEK_END)
            file.write(b"end")
            file.seek(0)
            return file

        client = Client()
        lent(self.wrapping(written, len(LARGE) + 3), client)
        self.assertEqual(client.end(), LARGE + b"end")

    def test_one_that_is_shorter_than_was_declared(self) -> None:
        client = Client()
        with Gateway(self.wrapping(self.opened, len(LARGE) + 9)) as gateway:
            gateway.client = client.socket
            answer = gateway.ask()
        self.assertEqual(client.end() + answer.content, LARGE)
        self.assertIn("9 bytes shorter", gateway.stderr)

    def test_a_slow_client_gets_the_rest_by_the_gateway(self) -> None:
        client = Client(reads=False)
        with mock.patch.object(loan, "PATIENCE_S", 0.01):
            answer = lent(self.wrapping(self.opened), client)
        self.assertGreater(len(answer.content), 0)
        self.assertEqual(client.end() + answer.content, LARGE)

    def test_refused_it_is_read(self) -> None:
        with Gateway(self.wrapping(self.opened)) as gateway:
            self.assertEqual(gateway.ask().content, LARGE)

    def test_what_reads_other_bytes_than_its_descriptor_has_is_read(self) -> None:
        packed = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by the cleanup
        self.addCleanup(packed.close)
        with gzip.open(packed.name, "wb", 1) as file:
            file.write(LARGE)
        client = Client()
        with mock.patch.object(Loan, "send_file", side_effect=AssertionError):
            lent(self.wrapping(lambda: gzip.GzipFile(packed.name)), client)
        self.assertEqual(client.end(), LARGE)

    def test_head_and_small_files_are_not_asked_for(self) -> None:
        for method, declared in (("HEAD", len(LARGE)), ("GET", 1000)):
            client = Client()
            with Gateway(self.wrapping(self.opened, declared)) as gateway:
                gateway.client = client.socket
                self.assertEqual(gateway.ask(method=method).loans, [])
            client.end()

    def test_no_signal_kills_the_worker_where_the_client_is_gone(self) -> None:
        for action in (signal.SIG_DFL, signal.SIG_IGN):
            client = Client(reads=False)
            client.peer.close()
            before = signal.signal(signal.SIGPIPE, action)
            try:
                answer = lent(self.wrapping(self.opened), client)
            finally:
                signal.signal(signal.SIGPIPE, before)
            self.assertEqual((answer.sent_bytes, answer.content), (0, LARGE))
            client.socket.close()
