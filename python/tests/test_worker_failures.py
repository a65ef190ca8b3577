"""What the worker does where the application fails, exits, or the gateway is gone."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import unittest
import warnings
from typing import TYPE_CHECKING, Any, Callable
from unittest import mock

from portico_worker import loading, wire, worker

from tests.applications import TEXT, Content, Environ, echo_path, giving, length
from tests.gateway_side import (
    ABORT,
    END,
    ERROR,
    HEAD,
    RESPONSE,
    TIMEOUT_S,
    Answer,
    Frame,
    Gateway,
    answer_to,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Failing(unittest.TestCase):
    def test_the_report_names_the_request_and_hides_our_frames(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            raise ValueError("the reason")

        answer, stderr = answer_to(
            application, method="PUT", path="/a\n\x1b[2J\xe4", query="b=\r", raw_uri=None
        )
        self.assertEqual(answer.kinds, [ERROR])
        first, second, third, *_ = stderr.split("\n")
        self.assertEqual(
            first,
            rf"error in application: PUT /a\n\x1b[2J\xe4?b=\r (worker PID {os.getpid()})",
        )
        self.assertEqual(second, "    Traceback (most recent call last):")
        self.assertRegex(third, r'File ".*test_worker_failures\.py", line \d+, in application')
        self.assertNotIn("portico_worker", stderr)
        self.assertTrue(stderr.endswith("ValueError: the reason\n"))

    def test_the_report_is_one_write(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            raise ValueError("the reason")

        with Gateway(application) as gateway, mock.patch.object(sys.stderr, "write") as write:
            gateway.ask()
        self.assertEqual(write.call_count, 1)

    def test_the_report_needs_nothing_of_the_environ(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ.clear()
            raise ValueError("after the environ")

        answer, stderr = answer_to(application, raw_uri="/raw?x")
        self.assertEqual(answer.kinds, [ERROR])
        self.assertIn("GET /raw?x (worker", stderr)

    def test_a_standard_error_that_cannot_be_written_to(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            raise ValueError

        for stream in (None, mock.Mock(write=mock.Mock(side_effect=OSError))):
            with Gateway(application) as gateway, mock.patch.object(sys, "stderr", stream):
                self.assertEqual(gateway.ask().kinds, [ERROR])

    def test_an_asgi_application_in_a_wrapper_that_takes_anything(self) -> None:
        async def asgi(scope: Any, receive: Any, send: Any) -> None: ...

        async def coroutine(*arguments: Any) -> None: ...

        async def asynchronous_generator(*arguments: Any) -> Any:
            yield b"content"

        for inner, what in (
            (asgi, "is called as ASGI applications are"),
            (coroutine, "returned a coroutine, not an iterable of bytes"),
            (asynchronous_generator, "returned an async_generator, not an iterable of bytes"),
        ):

            def application(*arguments: Any, inner: Any = inner) -> Any:
                return inner(*arguments)

            loading.require_wsgi(application, "app:app")
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                answer, stderr = answer_to(application)
            self.assertEqual(answer.kinds, [ERROR])
            self.assertIn(what, stderr)
            self.assertEqual(stderr.count("Portico runs WSGI applications"), 1)
            self.assertNotIn("never awaited", stderr)
            self.assertNotIn("During handling", stderr)

    def closes_once(self, content: Content, application: Any, **parts: Any) -> tuple[Answer, str]:
        answer, stderr = answer_to(application, **parts)
        self.assertEqual(content.closed, 1)
        return answer, stderr

    def test_close_is_called_where_iterating_fails(self) -> None:
        def pieces(*first: bytes) -> Iterator[bytes]:
            yield from first
            raise ValueError("while iterating")

        for first, kinds in (((), [ERROR]), ((b"x",), [HEAD, ABORT])):
            content = Content(pieces(*first))
            answer, stderr = self.closes_once(content, giving(content))
            self.assertEqual(answer.kinds, kinds)
            self.assertIn("ValueError: while iterating", stderr)

    def test_close_is_called_where_iterating_cannot_begin(self) -> None:
        for kind in (ValueError, TypeError):

            class Broken(Content):
                def __iter__(self, kind: type[Exception] = kind) -> Iterator[bytes]:
                    raise kind("in __iter__")

            content = Broken([])
            answer, stderr = self.closes_once(content, giving(content))
            self.assertEqual(answer.kinds, [ERROR])
            self.assertIn(f"{kind.__name__}: in __iter__", stderr)

    def test_close_is_called_where_start_response_was_not(self) -> None:
        content = Content([b"x"])
        answer, _ = self.closes_once(content, lambda environ, start_response: content)
        self.assertEqual(answer.kinds, [ERROR])

    def test_close_is_called_where_start_response_fails_in_the_iterable(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            def pieces() -> Iterator[bytes]:
                start_response("200 OK", [("X", "\n")])
                yield b"x"

            content.pieces = pieces()
            return content

        content = Content([])
        answer, _ = self.closes_once(content, application)
        self.assertEqual(answer.kinds, [ERROR])

    def test_close_is_called_where_content_is_no_bytes(self) -> None:
        wrong: Any = ["text"]
        content = Content(wrong)
        self.closes_once(content, giving(content))

    def test_an_error_in_close_is_logged_and_changes_nothing(self) -> None:
        for pieces in ([b"one", b"two"], []):
            content = Content(pieces, ValueError("in close"))
            answer, stderr = self.closes_once(content, giving(content))
            self.assertIn(answer.kinds[-1], (END, RESPONSE))
            self.assertIn("ValueError: in close", stderr)

    def test_an_error_in_iterating_and_one_in_close(self) -> None:
        wrong: Any = [b"x", "text"]
        content = Content(wrong, ValueError("in close"))
        answer, stderr = self.closes_once(content, giving(content))
        self.assertEqual(answer.kinds, [HEAD, ABORT])
        self.assertRegex(stderr, r"(?s)must give bytes, not str.*ValueError: in close")

    def test_a_generator_is_closed_where_it_is_left(self) -> None:
        left = []

        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT, length(3)])
            try:
                yield b"all"
                yield b"never"
            finally:
                left.append(1)

        answer, _ = answer_to(application)
        self.assertEqual((answer.content, left), (b"all", [1]))


class Interrupted(Exception):
    """What a signal's handler of the application raises, at any moment."""


class LeftInTheMiddle(unittest.TestCase):
    """Where nobody knows how much of a message has gone, or come, nothing may follow it.

    What followed would be taken for the rest of it: one client's answer for another's content.
    """

    def check(self, method: str, act: Callable[..., Any], application: Any) -> list[Frame]:
        """Has one call of a channel's raise. Returns the whole frames that came all the same."""
        calls = 0

        def make(channel: wire.Channel, *rest: Any) -> worker.Worker:
            plain = getattr(channel, method)

            def raising(*parts: Any) -> Any:
                nonlocal calls
                calls += 1
                return act(calls, plain, *parts)

            setattr(channel, method, raising)
            return worker.Worker(channel, *rest)

        with Gateway(application, expect=wire.ProtocolError, make=make) as gateway:
            gateway.send([request(1), request(2)])
            received = gateway.rest()
        self.assertIn(wire.IN_DOUBT, str(gateway.raised))
        return received

    def test_a_frame(self) -> None:
        def partly(call: int, send: Any, data: bytes) -> None:
            if call != 2:
                return send(data)
            send(data[:20])
            raise Interrupted

        for content in (b"x", b"x" * 100_000):

            def application(
                environ: Environ, start_response: Any, content: bytes = content
            ) -> Iterable[bytes]:
                write = start_response("200 OK", [TEXT])
                with contextlib.suppress(Interrupted):
                    write(content)
                return [b"and more"]

            self.assertEqual(self.check("_send_all", partly, application), [])

    def test_the_content_behind_a_frame(self) -> None:
        def only_the_head(call: int, send: Any, data: bytes) -> None:
            if call == 3:
                raise Interrupted
            send(data)

        content = giving([b"x" * 100_000])
        frames = self.check("_send_all", only_the_head, content)
        self.assertEqual([(frame.slot, frame.body) for frame in frames], [(1, b"")])

    def test_what_has_come(self) -> None:
        def lost(call: int, receive: Any, *parts: Any) -> Any:
            # The second time it is looked whether the client is still there.
            if call == 2:
                raise Interrupted
            return receive(*parts)

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            return giving(iter([b"one", b"two"]))(environ, start_response)

        frames = self.check("_receive_into", lost, application)
        self.assertEqual([frame.kind for frame in frames], [HEAD])


class Ending(unittest.TestCase):
    def test_the_end_of_the_channel_is_the_end(self) -> None:
        with Gateway(echo_path) as gateway:
            gateway.send([request(slot) for slot in range(3)])
            gateway.stream.shutdown(socket.SHUT_WR)
            for slot in range(3):
                gateway.answer(slot)
            self.assertIsNone(gateway.frame())

    def test_exit_is_answered_and_ends_the_worker(self) -> None:
        for error in (SystemExit(3), KeyboardInterrupt(), GeneratorExit()):

            def application(
                environ: Environ, start_response: Any, error: BaseException = error
            ) -> Iterable[bytes]:
                if environ["PATH_INFO"] == "/exit":
                    raise error
                return echo_path(environ, start_response)

            with Gateway(application, expect=type(error)) as gateway:
                gateway.send([request(1), request(2, path="/exit"), request(3)])
                self.assertEqual(gateway.answer(1).kinds, [RESPONSE])
                self.assertEqual(gateway.answer(2).kinds, [ERROR])
                self.assertIsNone(gateway.frame())
            self.assertIs(gateway.raised, error)
            self.assertIn(f"{type(error).__name__}", gateway.stderr)

    def test_exit_while_iterating_closes_first(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"x"
            raise SystemExit(4)

        content = Content(pieces())
        with Gateway(giving(content), expect=SystemExit) as gateway:
            self.assertEqual(gateway.ask().kinds, [HEAD, ABORT])
        self.assertEqual(content.closed, 1)

    def test_exit_in_close_keeps_the_answers(self) -> None:
        content = Content([b"one"], SystemExit(5))

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/exit":
                return giving(content)(environ, start_response)
            return echo_path(environ, start_response)

        late = mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S)
        with late, Gateway(application, expect=SystemExit) as gateway:
            gateway.send([request(1), request(2, path="/exit", method="HEAD"), request(3)])
            self.assertEqual(gateway.answer(1).kinds, [RESPONSE])
            self.assertEqual(gateway.answer(2).kinds, [RESPONSE])
            self.assertIsNone(gateway.frame())
        self.assertEqual(content.closed, 1)

    def test_a_gateway_that_is_gone_ends_it_without_a_word(self) -> None:
        gone = threading.Event()

        class Waiting(Content):
            def __iter__(self) -> Iterator[bytes]:
                yield b"first"
                assert gone.wait(TIMEOUT_S)
                yield b"second"
                yield b"third"

        content = Waiting([])
        with Gateway(giving(content)) as gateway:
            gateway.send([request()])
            frame = gateway.frame()
            assert frame is not None
            gateway.stream.shutdown(socket.SHUT_RDWR)
            gone.set()
        self.assertEqual(content.closed, 1)
        self.assertEqual(gateway.stderr, "")

    def test_an_application_cannot_take_that_for_its_own_mistake(self) -> None:
        gone = threading.Event()
        caught = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])
            write(b"first")
            assert gone.wait(TIMEOUT_S)
            try:
                write(b"second")
            except Exception as error:  # noqa: BLE001 - as frameworks do
                caught.append(error)
            return []

        with Gateway(application) as gateway:
            gateway.send([request()])
            assert gateway.frame() is not None
            gateway.stream.shutdown(socket.SHUT_RDWR)
            gone.set()
        self.assertEqual((caught, gateway.stderr), ([], ""))
