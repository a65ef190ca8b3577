"""wsgi.input over content that the gateway spooled, and that no descriptor is left behind."""

from __future__ import annotations

import os
import tempfile
import unittest
from typing import TYPE_CHECKING, Any

from portico_worker.wire import ProtocolError

from tests.applications import TEXT, Environ, echo_path, length
from tests.gateway_side import CHUNK, END, ERROR, HEAD, RESPONSE, Answer, Gateway, request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class SpooledContent(unittest.TestCase):
    """Content in files, handed over by descriptor and by path; the latter is the gateway's."""

    CONTENT = b"line\n" * 30_000

    def setUp(self) -> None:
        self.file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by the cleanup
        self.addCleanup(self.file.close)
        self.file.write(self.CONTENT)
        self.file.flush()

    def ways(self, gateway: Gateway) -> Iterator[int | str]:
        gateway.send_file(self.file.fileno())
        yield len(self.CONTENT)
        yield self.file.name

    def leaks_nothing(self, application: Any, kinds: list[int]) -> list[Answer]:
        """Runs it both ways; as many descriptors are open before as afterwards."""
        answers = []
        with Gateway(application) as gateway:
            before = open_descriptors()
            for body in self.ways(gateway):
                answer = gateway.ask(method="POST", body=body)
                self.assertEqual(answer.kinds, kinds)
                answers.append(answer)
                # The worker closes before it takes the next request.
                gateway.ask(path="/ping")
                self.assertEqual(open_descriptors(), before)
        self.assertTrue(os.path.exists(self.file.name))
        return answers

    def test_it_is_read_as_any_content(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            stream = environ["wsgi.input"]
            content = stream.readline() + stream.read(7) + b"".join(stream)
            self.assertEqual(stream.read(), b"")
            start_response("200 OK", [TEXT, length(len(content))])
            return [content]

        for answer in self.leaks_nothing(application, [RESPONSE]):
            self.assertEqual(answer.content, self.CONTENT)

    def test_the_offset_that_the_gateway_left_does_not_matter(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            return [environ["wsgi.input"].read(5)]

        self.file.seek(0, os.SEEK_END)
        answers = self.leaks_nothing(application, [RESPONSE])
        self.assertEqual(answers[0].content, b"line\n")

    def test_unread(self) -> None:
        self.leaks_nothing(echo_path, [RESPONSE])

    def test_unread_by_an_iterable(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            yield b"one"
            yield b"two"

        with Gateway(application) as gateway:
            before = open_descriptors()
            for body in self.ways(gateway):
                self.assertEqual(gateway.ask(body=body).kinds, [HEAD, CHUNK, END])
                gateway.ask()
                self.assertEqual(open_descriptors(), before)

    def test_the_application_raises(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "POST":
                raise ValueError
            return echo_path(environ, start_response)

        self.leaks_nothing(application, [ERROR])

    def test_the_application_replaces_it_and_keeps_it(self) -> None:
        kept = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "POST":
                kept.append(environ["wsgi.input"])
                environ["wsgi.input"] = None
            return echo_path(environ, start_response)

        self.leaks_nothing(application, [RESPONSE])
        self.assertTrue(all(stream.closed for stream in kept))

    def test_the_application_closes_it_or_takes_it_apart(self) -> None:
        raw = []

        def closes(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.input"].close()
            return echo_path(environ, start_response)

        def detaches(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "POST":
                raw.append(environ["wsgi.input"].detach())
                raw.pop().close()
            return echo_path(environ, start_response)

        for application in (closes, detaches):
            self.leaks_nothing(application, [RESPONSE])

    def test_it_can_be_read_while_the_answer_is_streamed(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            return iter(lambda: environ["wsgi.input"].read(50_000), b"")

        with Gateway(application) as gateway:
            for body in self.ways(gateway):
                self.assertEqual(gateway.ask(method="POST", body=body).content, self.CONTENT)

    def test_a_path_that_is_gone_concerns_its_own_request_only(self) -> None:
        with Gateway(echo_path) as gateway:
            gateway.send([request(1), request(2, body=self.file.name + "-gone"), request(3)])
            self.assertEqual(gateway.answer(1).kinds, [RESPONSE])
            self.assertEqual(gateway.answer(2).kinds, [ERROR])
            self.assertEqual(gateway.answer(3).kinds, [RESPONSE])
        self.assertIn("FileNotFoundError", gateway.stderr)

    def test_a_descriptor_that_does_not_come_ends_the_worker(self) -> None:
        with Gateway(echo_path, expect=ProtocolError) as gateway:
            gateway.files.sendall(b"f")
            gateway.send([request(body=5)])
            self.assertIsNone(gateway.frame())


def open_descriptors() -> int:
    """How many descriptors this process, which is also the worker's, has open."""
    return len(os.listdir("/dev/fd"))
