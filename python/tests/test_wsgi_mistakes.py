"""Applications that break PEP 3333: what is refused, what is put right, and what is said of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

from portico_worker import outlet, progress, wsgi
from portico_worker.heads import HeadCache

from tests.applications import TEXT, Case, Content, Environ, giving, length
from tests.gateway_side import ABORT, CHUNK, END, ERROR, HEAD, RESPONSE, Gateway, answer_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


KEEP_NOTHING = progress.KeptAnswers(progress.nowhere())


class Mistakes(Case):
    def failure(self, application: Any, says: str, kinds: list[int] | None = None) -> str:
        """What is logged where the application fails; the worker goes on all the same."""
        calls = []

        def once(environ: Environ, start_response: Any) -> Iterable[bytes]:
            calls.append(1)
            if len(calls) > 1:
                return giving([b"next"])(environ, start_response)
            result: Iterable[bytes] = application(environ, start_response)
            return result

        with Gateway(once) as gateway:
            answer = gateway.ask()
            self.assertEqual(answer.kinds, kinds or [ERROR])
            self.assertEqual(gateway.ask(slot=0).content, b"next")
        self.assertRegex(gateway.stderr, says)
        return gateway.stderr

    def test_no_start_response(self) -> None:
        for content in ([b"x"], [], iter([b"x"]), iter([]), (b"",)):
            says = "HeadError: the application did not call start_response"
            self.failure(lambda environ, start_response, content=content: content, says)

    def test_start_response_twice(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            start_response("200 OK", [TEXT])
            return [b"x"]

        self.failure(application, "AssertionError: start_response was called again without exc_inf")

    def test_start_response_after_the_head_has_left(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            yield b"x"
            start_response("500 Too Late", [TEXT])
            yield b"y"

        self.failure(application, "called again without exc_info", [HEAD, ABORT])

    def test_exc_info_is_raised_where_the_head_has_left(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            yield b"x"
            try:
                raise ValueError("too late")
            except ValueError:
                start_response("500 Mine", [TEXT], sys.exc_info())
                yield b"never"

        stderr = self.failure(application, "ValueError: too late", [HEAD, ABORT])
        self.assertIn("in application\n        raise ValueError", stderr)

    def test_exc_info_is_raised_after_write(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])
            write(b"x")
            try:
                raise ValueError("too late")
            except ValueError:
                start_response("500 Mine", [TEXT], sys.exc_info())
            return [b"never"]

        self.failure(application, "ValueError: too late", [HEAD, ABORT])

    def test_a_head_that_cannot_be_sent(self) -> None:
        for status, headers, says in (
            ("200 OK", [("X", "a\r\nSet-Cookie: b=1")], "control character"),
            ("200 OK", [("Connection", "close")], "Connection is about the connection"),
            ("200 OK", [("Content-Length", "five")], "must be a number of bytes"),
            ("200 OK", [["X", "y"]], "must be a tuple"),
            ("200 OK", (("X", "y"),), "must be a list, not tuple"),
            ("200 OK", {"X": "y"}.items(), "must be a list, not dict_items"),
            ("OK", [], "three digits"),
            (b"200 OK", [], "must be a str, not bytes"),
        ):

            def application(
                environ: Environ, start_response: Any, status: Any = status, headers: Any = headers
            ) -> Iterable[bytes]:
                start_response(status, headers)
                return [b"x"]

            stderr = self.failure(application, f"HeadError: .*{says}")
            self.assertNotIn("During handling of the above", stderr)

    def test_what_is_refused_is_refused_also_where_its_like_was_sent(self) -> None:
        calls: list[int] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            calls.append(1)
            start_response("200 OK", [("X", "y")] if len(calls) == 1 else (("X", "y"),))
            return [b"x"]

        with Gateway(application) as gateway:
            self.assertEqual(gateway.ask().kinds, [RESPONSE])
            self.assertEqual(gateway.ask().kinds, [ERROR])

    def test_a_refused_head_may_be_replaced(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            try:
                start_response("200 OK", [("X", "\n")])
            except ValueError:
                start_response("500 Mine", [TEXT])
            return [b"sorry"]

        self.assertEqual(self.answer(application).status, 500)

    def test_content_that_is_not_bytes(self) -> None:
        pieces: Any
        for pieces in (["text"], [bytearray(b"x")], [memoryview(b"x")], [None], [1], iter(["x"])):
            self.failure(giving(pieces), "TypeError: the iterable must give bytes, not")

    def test_content_that_is_not_bytes_after_the_head(self) -> None:
        self.failure(giving(iter([b"x", "y"])), "must give bytes, not str", [HEAD, ABORT])

    def test_what_is_returned_must_be_an_iterable_of_bytes(self) -> None:
        self.failure(giving(None), "the application returned None")
        self.failure(giving(5), "'int' object is not iterable")
        self.failure(giving(b"bytes"), "the application returned bytes; .* such as a list with one")
        self.failure(giving("text"), "the application returned str; .* such as a list with one")

    def test_write_takes_bytes(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])("text")
            return []

        self.failure(application, r"TypeError: write\(\) takes bytes, not str")

    def test_a_subclass_of_bytes_is_its_bytes(self) -> None:
        class Odd(bytes):
            def __len__(self) -> int:
                return 1_000

        def writes(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])(Odd(b"odd"))
            return []

        for application in (giving([Odd(b"odd")]), giving(iter([Odd(b"odd")])), writes):
            self.assertEqual(self.answer(application).content, b"odd")

    def test_more_than_was_declared_is_cut_and_said(self) -> None:
        def written(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT, length(5)])
            write(b"hell")
            write(b"o, world")
            write(b"more")
            return [b"more"]

        for application in (
            written,
            giving([b"hello, world"], headers=(TEXT, length(5))),
            giving(iter([b"hello, world"]), headers=(TEXT, length(5))),
            giving(iter([b"hell", b"o, world"]), headers=(TEXT, length(5))),
        ):
            answer, stderr = answer_to(application)
            self.assertEqual(answer.content, b"hello")
            self.assertIn(answer.kinds[-1], (RESPONSE, END))
            self.assertEqual(
                stderr, "portico: the content is longer than its Content-Length, and cut\n"
            )

    def test_iterating_stops_when_all_that_was_declared_is_sent(self) -> None:
        for pieces in ([b"hello", b"beyond"], [b"hel", b"lo", b"beyond"]):
            content = Content(iter(pieces))
            answer = self.answer(giving(content, headers=(TEXT, length(5))))
            self.assertEqual(answer.content, b"hello")
            self.assertEqual(list(content.pieces), [b"beyond"])
            self.assertEqual(content.closed, 1)

    def test_less_than_was_declared_is_said(self) -> None:
        for pieces in ([b"12345"], iter([b"12345"]), iter([b"123", b"45"]), [b"123", b"45"]):
            answer, stderr = answer_to(giving(pieces, headers=(TEXT, length(10))))
            self.assertEqual((answer.content, answer.content_length), (b"12345", 10))
            self.assertIn("5 bytes shorter than its Content-Length", stderr)
        answer, stderr = answer_to(giving(iter([]), headers=(TEXT, length(10))))
        self.assertIn("10 bytes shorter", stderr)

    def test_content_of_204_and_304_is_not_sent(self) -> None:
        for status in ("204 No Content", "304 Not Modified"):
            for pieces in ([b"content"], iter([b"content"])):
                content = Content(pieces)
                for result in (pieces, content):
                    answer = self.answer(giving(result, status))
                    self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b""))
                    self.assertIsNone(answer.content_length)

    def test_205_has_neither_content_nor_a_length(self) -> None:
        for method in ("GET", "HEAD", "POST"):
            for pieces in ([b"content"], [b"cont", b"ent"], iter([b"content"]), []):
                application = giving(pieces, "205 Reset Content", (TEXT, length(7)))
                answer = self.answer(application, method=method)
                self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b""))
                self.assertIsNone(answer.content_length)
                self.assertNotIn(b"Content-Length", answer.head)

    def test_write_of_all_that_was_declared_and_as_much_again(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT, length(5)])(b"hello")
            return [b"world"]

        answer, stderr = answer_to(application)
        self.assertEqual((answer.kinds, answer.content), ([HEAD, END], b"hello"))
        self.assertIn("longer than its Content-Length", stderr)

    def test_an_answer_is_ended_once(self) -> None:
        answer = wsgi.Answer(
            self.fail, None, lambda slot, generation: False, None, KEEP_NOTHING, HeadCache()
        )
        answer.start_response("200 OK", [TEXT])
        answer.complete_list([b"hello"])
        frames = list(answer.unsent)
        # Such as an exception that a signal's handler raises behind the answer.
        answer.fail()
        self.assertEqual(answer.unsent, frames)

    def test_content_beyond_a_frame_becomes_several(self) -> None:
        with mock.patch.object(outlet, "FRAME_CONTENT_MAX_BYTES", 4):
            answer = self.answer(giving([b"0123456789"]))
            self.assertEqual((answer.kinds, answer.content_length), ([HEAD, CHUNK, CHUNK, END], 10))
            self.assertEqual(answer.pieces, [b"0123", b"4567", b"89"])
            answer = self.answer(giving(iter([b"0123456789", b"x"])))
            self.assertEqual(answer.pieces, [b"0123", b"4567", b"89", b"x"])
