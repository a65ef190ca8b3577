"""The worker's loop: batches, templates, cancellations."""

from __future__ import annotations

import socket
import threading
import unittest
from contextlib import nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any
from unittest import mock

from portico_worker import worker, wsgi

from tests.applications import TEXT, Content, Environ, echo_path, giving, length
from tests.gateway_side import (
    ABORT,
    CHUNK,
    END,
    ERROR,
    FIELDS,
    HEAD,
    RESPONSE,
    TIMEOUT_S,
    Gateway,
    answer_to,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Trailers(unittest.TestCase):
    def test_trailer_fields_are_a_list_of_tuples(self) -> None:
        seen: list[Any] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            seen.append(environ.get("portico.trailers"))
            return echo_path(environ, start_response)

        trailers = [("x-sum", "1"), ("x-b", "caf\xe9")]
        with Gateway(application) as gateway:
            with_trailers = {**FIELDS, "portico.trailers": trailers}
            gateway.send([request(1), request(2, fields=with_trailers), request(3)])
            for slot in (1, 2, 3):
                gateway.answer(slot)
        self.assertEqual(seen, [None, trailers, None])


class Batches(unittest.TestCase):
    def test_each_request_is_answered_in_order(self) -> None:
        with Gateway(echo_path) as gateway:
            gateway.send([request(slot, 2 * slot + 1, path=f"/{slot}") for slot in range(200)])
            for slot in range(200):
                answer = gateway.answer(slot, 2 * slot + 1)
                self.assertEqual(answer.content, b"/%d" % slot)

    def test_answers_of_a_batch_leave_together(self) -> None:
        with mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S):
            sent = self.sends(echo_path, [request(slot) for slot in range(5)])
        self.assertEqual(sent, 1)

    def test_and_with_those_of_batches_that_have_come_meanwhile(self) -> None:
        batches = [[request(slot)] for slot in range(5)]
        with mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S):
            self.assertEqual(self.sends(echo_path, *batches), 1)
            content = giving(Content([b"hello"]), headers=(TEXT, length(5)))
            self.assertEqual(self.sends(content, *batches), 1)

    def test_but_none_waits_for_long(self) -> None:
        with mock.patch.object(worker, "FLUSH_INTERVAL_S", 0.0):
            sent = self.sends(echo_path, [request(slot) for slot in range(5)])
        self.assertEqual(sent, 5)

    def sends(self, application: Any, *batches: list[Any]) -> int:
        """By how many calls the answers leave to batches that come at the same time."""
        calls = []
        real = wsgi.Answer.flush

        def flush(answer: Any) -> None:
            calls.extend(answer.unsent[:1])
            real(answer)

        with mock.patch.object(wsgi.Answer, "flush", flush), Gateway(application) as gateway:
            gateway.send(*batches)
            for slot, generation, *_ in chain(*batches):
                gateway.answer(slot, generation)
        return len(calls)

    def test_answers_leave_before_and_behind_a_request_that_must_not_be_run_again(self) -> None:
        for method in ("POST", "PATCH", "get", "LOCK"):
            with mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S):
                self.assertTrue(self.arrives_before(method), method)
                self.assertTrue(self.arrives_before("GET", first_method=method), method)

    def test_answers_may_wait_for_one_that_can_be_run_again(self) -> None:
        for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"):
            with mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S):
                self.assertFalse(self.arrives_before(method), method)

    def test_but_for_none_of_another_path_which_may_take_long(self) -> None:
        with mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S):
            self.assertTrue(self.arrives_before("GET", path="/second"))

    def arrives_before(self, method: str, path: str = "/", first_method: str = "GET") -> bool:
        """Whether the first answer is there while the second request is being run."""
        arrived: list[bool] = []
        looked = threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["QUERY_STRING"] == "second":
                gateway.stream.settimeout(0.0)
                try:
                    arrived.append(bool(gateway.stream.recv(1, socket.MSG_PEEK)))
                except BlockingIOError:
                    arrived.append(False)
                gateway.stream.settimeout(TIMEOUT_S)
                looked.set()
            return echo_path(environ, start_response)

        with Gateway(application) as gateway:
            first = request(1, method=first_method)
            second = request(2, path=path, query="second", method=method)
            for batches in ([[first, second]], [[first], [second]]):
                looked.clear()
                gateway.send(*batches)
                self.assertTrue(looked.wait(TIMEOUT_S))
                gateway.answer(1)
                gateway.answer(2)
        self.assertEqual(arrived[0], arrived[1], "in one batch and in two")
        return arrived[0]

    def test_a_streamed_answer_takes_the_finished_ones_along(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/stream":
                return giving(iter([b"one", b"two"]))(environ, start_response)
            return echo_path(environ, start_response)

        with Gateway(application) as gateway:
            gateway.send([request(1), request(2, path="/stream"), request(3, path="/3")])
            self.assertEqual(gateway.answer(1).kinds, [RESPONSE])
            self.assertEqual(gateway.answer(2).kinds, [HEAD, CHUNK, END])
            self.assertEqual(gateway.answer(3).content, b"/3")

    def test_an_answer_in_one_piece_leaves_before_close(self) -> None:
        arrived = threading.Event()

        class Late(Content):
            def close(self) -> None:
                assert arrived.wait(TIMEOUT_S)
                super().close()

        content = Late([b"hello"])
        with Gateway(giving(content, headers=(TEXT, length(5)))) as gateway:
            self.assertEqual(gateway.ask().kinds, [RESPONSE])
            arrived.set()
        self.assertEqual((content.closed, gateway.stderr), (1, ""))

    def test_a_write_that_was_kept_reaches_no_other_client(self) -> None:
        kept: list[Any] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            kept.append(start_response("200 OK", [TEXT]))
            with self.assertRaises(AssertionError) if len(kept) > 1 else nullcontext():
                kept[0](b"for the first")
            return [b""]

        with Gateway(application) as gateway:
            gateway.send([request(1), request(2)])
            self.assertEqual(gateway.answer(1).content, b"for the first")
            self.assertEqual(gateway.answer(2).content, b"")

    def test_a_failure_concerns_its_own_request_only(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/raises":
                raise ValueError("mine")
            if environ["PATH_INFO"] == "/late":
                return giving(late())(environ, start_response)
            return echo_path(environ, start_response)

        def late() -> Iterator[bytes]:
            yield b"begun"
            raise ValueError("late")

        paths = ("/1", "/raises", "/2", "/late", "/3", "/raises", "/late", "/4")
        with Gateway(application) as gateway:
            gateway.send([request(slot, path=path) for slot, path in enumerate(paths)])
            for slot, path in enumerate(paths):
                answer = gateway.answer(slot)
                expected = {"/raises": [ERROR], "/late": [HEAD, ABORT]}.get(path, [RESPONSE])
                self.assertEqual(answer.kinds, expected, path)

    def test_elapsed_time_is_the_applications(self) -> None:
        pause = threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            pause.wait(0.02)
            return echo_path(environ, start_response)

        answer, _ = answer_to(application)
        self.assertGreaterEqual(answer.frames[0].elapsed_us, 19_000)
        self.assertLess(answer.frames[0].elapsed_us, TIMEOUT_S * 1e6)

    def test_an_empty_batch_and_unknown_messages_are_nothing(self) -> None:
        with Gateway(echo_path) as gateway:
            gateway.send([])
            gateway.cancel(9, 9)
            self.assertEqual(gateway.ask(path="/x").content, b"/x")


class Templates(unittest.TestCase):
    def host(self, gateway: Gateway, **parts: Any) -> bytes:
        return gateway.ask(**parts).content

    def test_a_template_is_stored_and_used(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            content = f"{environ['REQUEST_METHOD']} {environ['HTTP_HOST']}".encode()
            start_response("200 OK", [TEXT])
            return [content]

        with Gateway(application) as gateway:
            one = {**FIELDS, "HTTP_HOST": "one"}
            two = {**FIELDS, "HTTP_HOST": "two"}
            self.assertEqual(self.host(gateway, template=0, fields=one), b"GET one")
            self.assertEqual(self.host(gateway, template=7, fields=two), b"GET two")
            self.assertEqual(self.host(gateway, template=0, fields=None), b"GET one")
            self.assertEqual(self.host(gateway, template=7, fields=None), b"GET two")
            # Replaced; and one without a number replaces none.
            self.assertEqual(self.host(gateway, template=0, fields=two), b"GET two")
            self.assertEqual(self.host(gateway, template=-1, fields=one), b"GET one")
            self.assertEqual(self.host(gateway, template=0, fields=None), b"GET two")

    def test_a_template_says_whether_there_is_content_and_what_is_flushed(self) -> None:
        with Gateway(echo_path) as gateway:
            self.assertEqual(gateway.ask(template=3, method="HEAD").content, b"")
            self.assertEqual(gateway.ask(template=3, fields=None).content, b"")

    def test_templates_are_bounded(self) -> None:
        with Gateway(echo_path, expect=KeyError) as gateway:
            self.assertEqual(gateway.ask(template=worker.TEMPLATES_MAX).kinds, [RESPONSE])
            gateway.send([request(template=worker.TEMPLATES_MAX, fields=None)])
            self.assertIsNone(gateway.frame())

    def test_entries_of_one_request_do_not_stay_in_a_template(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            return [environ.get("CONTENT_LENGTH", "none").encode()]

        with Gateway(application) as gateway:
            own = {"CONTENT_LENGTH": "3"}
            self.assertEqual(self.host(gateway, template=0, body=b"abc", own=own), b"3")
            self.assertEqual(self.host(gateway, template=0, fields=None), b"none")


class Cancelling(unittest.TestCase):
    def endless(self, closed: list[str]) -> Any:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] != "/endless":
                return echo_path(environ, start_response)
            start_response("200 OK", [TEXT])
            return Endless(closed)

        return application

    def read_to_end(self, gateway: Gateway, slot: int) -> None:
        while (frame := gateway.content_frame()) is not None and frame.kind != END:
            self.assertEqual(frame.slot, slot)
            self.assertIn(frame.kind, (HEAD, CHUNK))
        assert frame is not None, "the channel ended"

    def test_iterating_stops_and_close_is_called(self) -> None:
        closed: list[str] = []
        with Gateway(self.endless(closed)) as gateway:
            gateway.send([request(5, path="/endless")])
            frame = gateway.frame()
            assert frame is not None
            gateway.cancel(5, 1)
            self.read_to_end(gateway, 5)
            self.assertEqual(gateway.ask(path="/next").content, b"/next")
        self.assertEqual(closed, ["closed"])
        self.assertEqual(gateway.stderr, "")

    def test_other_cancellations_do_not_stop_it(self) -> None:
        closed: list[str] = []
        with Gateway(self.endless(closed)) as gateway:
            gateway.send([request(5, 2, path="/endless")])
            gateway.cancel(5, 1)
            gateway.cancel(4, 2)
            for _ in range(5):
                frame = gateway.content_frame()
                assert frame is not None
                self.assertIn(frame.kind, (HEAD, CHUNK))
            self.assertEqual(closed, [])
            gateway.cancel(5, 2)
            self.read_to_end(gateway, 5)
        self.assertEqual(closed, ["closed"])

    def test_a_cancellation_of_a_later_request_is_kept_for_it(self) -> None:
        closed: list[str] = []
        with Gateway(self.endless(closed)) as gateway:
            # The second is cancelled while the first is being streamed: it would never end.
            gateway.send([request(1, path="/endless"), request(2, path="/endless")])
            gateway.send([request(3, path="/endless"), request(4, path="/4")])
            gateway.cancel(2, 1)
            gateway.cancel(3, 1)
            gateway.cancel(1, 1)
            for slot in (1, 2, 3):
                self.read_to_end(gateway, slot)
            self.assertEqual(gateway.answer(4).content, b"/4")
            # The same address again is another request: what was cancelled is forgotten.
            gateway.send([request(2, path="/endless")])
            for _ in range(5):
                frame = gateway.content_frame()
                assert frame is not None
                self.assertNotEqual(frame.kind, END)
            gateway.cancel(2, 1)
            self.read_to_end(gateway, 2)
        self.assertEqual(len(closed), 4)

    def test_batches_that_come_meanwhile_are_run_afterwards(self) -> None:
        closed: list[str] = []
        with Gateway(self.endless(closed)) as gateway:
            gateway.send([request(1, path="/endless")])
            gateway.send([request(2, path="/2"), request(3, path="/3")])
            gateway.send([request(4, path="/4")])
            gateway.cancel(1, 1)
            self.read_to_end(gateway, 1)
            for slot in (2, 3, 4):
                self.assertEqual(gateway.answer(slot).content, b"/%d" % slot)

    def test_write_raises_and_goes_on_raising(self) -> None:
        raised = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])
            for _ in range(1_000_000):
                try:
                    write(b"x" * 1000)
                except Exception as error:  # noqa: BLE001 - an application that takes no hint
                    raised.append(type(error).__name__)
                    if len(raised) == 3:
                        break
            return [b"and more"]

        with Gateway(application) as gateway:
            gateway.send([request(1)])
            gateway.cancel(1, 1)
            self.read_to_end(gateway, 1)
        self.assertEqual(raised, ["Disconnected"] * 3)
        self.assertEqual(gateway.stderr, "")

    def test_an_iterable_that_gives_only_empty_pieces_is_stopped_too(self) -> None:
        content = Content(iter(lambda: b"", None))
        with Gateway(giving(content)) as gateway:
            gateway.send([request(1)])
            gateway.cancel(1, 1)
            self.read_to_end(gateway, 1)
        self.assertEqual(content.closed, 1)


class Endless:
    def __init__(self, closed: list[str]) -> None:
        self.closed = closed

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    def close(self) -> None:
        self.closed.append("closed")
