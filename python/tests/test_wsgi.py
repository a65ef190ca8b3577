"""PEP 3333 as an application sees it: what it may do, and what becomes of it.

The cases of `Rules` are run twice: with the applications as they are, and under wsgiref.validate,
which raises where either side breaks the rules.
"""

from __future__ import annotations

import io
import json
import sys
import threading
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from tests.applications import TEXT, Application, Case, Content, Environ, giving, length
from tests.gateway_side import (
    CHUNK,
    END,
    HEAD,
    RESPONSE,
    TIMEOUT_S,
    Gateway,
    answer_to,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Rules(Case):
    def test_a_list_of_one_has_its_length_computed(self) -> None:
        answer = self.answer(giving([b"hello"]))
        if self.wrap is validator:
            # The validator's iterable is no list, so each piece is streamed.
            self.assertEqual(answer.content, b"hello")
            return
        self.assertEqual(answer.kinds, [RESPONSE])
        self.assertEqual(answer.content_length, 5)
        self.assertEqual(
            answer.head, b"200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
        )

    def test_a_list_of_several_is_one_answer(self) -> None:
        for content in ([b"one, ", b"", b"two"], (b"one, ", b"two")):
            answer = self.answer(giving(content))
            self.assertEqual(answer.content, b"one, two")
            if self.wrap is not validator:
                self.assertEqual((answer.kinds, answer.content_length), ([RESPONSE], 8))

    def test_no_content_has_length_zero(self) -> None:
        content: Any
        for content in ([], (), [b""], [b"", b""], iter([]), iter([b""])):
            answer = self.answer(giving(content))
            self.assertEqual((answer.kinds, answer.content_length), ([RESPONSE], 0))

    def test_a_declared_length_is_kept(self) -> None:
        content: Any
        for content in ([b"hello"], [b"hel", b"lo"], iter([b"hello"]), Content([b"hello"])):
            answer = self.answer(giving(content, headers=(TEXT, length(5))))
            self.assertEqual((answer.content, answer.content_length), (b"hello", 5))
            self.assertEqual(answer.head.count(b"Content-Length"), 1)

    def test_an_iterable_is_streamed_piece_by_piece(self) -> None:
        answer = self.answer(giving(iter([b"one", b"two", b"three"])))
        self.assertEqual(answer.kinds, [HEAD, CHUNK, CHUNK, END])
        self.assertEqual(answer.pieces, [b"one", b"two", b"three"])
        self.assertIsNone(answer.content_length)

    def test_a_piece_leaves_before_the_next_is_asked_for(self) -> None:
        arrived = [threading.Event() for _ in range(3)]

        def pieces() -> Iterator[bytes]:
            for number, event in enumerate(arrived):
                yield b"piece %d" % number
                # With a server that keeps the piece back this waits in vain.
                assert event.wait(TIMEOUT_S)

        with Gateway(self.wrap(giving(pieces()))) as gateway:
            gateway.send([request()])
            for number, event in enumerate(arrived):
                frame = gateway.frame()
                assert frame is not None
                self.assertEqual(frame.body, b"piece %d" % number)
                event.set()
            frame = gateway.frame()
            assert frame is not None
            self.assertEqual(frame.kind, END)

    def test_empty_pieces_send_nothing(self) -> None:
        answer = self.answer(giving(iter([b"", b"one", b"", b"", b"two", b""])))
        self.assertEqual(answer.kinds, [HEAD, CHUNK, END])
        self.assertEqual(answer.pieces, [b"one", b"two"])

    def test_start_response_may_be_called_with_the_first_piece(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("202 Accepted", [TEXT])
            yield b"one"
            yield b"two"

        answer = self.answer(application)
        self.assertEqual((answer.status, answer.content), (202, b"onetwo"))

    def test_head_has_the_fields_and_no_content(self) -> None:
        def lazy(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT, length(5)])
            yield b"hello"

        contents: list[Application] = [
            lazy,
            giving([b"hello"], headers=(TEXT, length(5))),
            giving([], headers=(TEXT, length(5))),
            giving(iter([b"hello"]), headers=(TEXT, length(5))),
        ]
        for application in contents:
            answer = self.answer(application, method="HEAD")
            self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b""))
            self.assertEqual(answer.content_length, 5)

    def test_head_without_content_has_no_computed_length(self) -> None:
        # The application may leave the content of GET out; then nothing is known of its length.
        answer = self.answer(giving([]), method="HEAD")
        self.assertEqual((answer.kinds, answer.content_length), ([RESPONSE], None))

    def test_head_stops_iterating_once_the_head_is_known(self) -> None:
        content = Content(iter([b"one", b"two", b"three"]))
        answer = self.answer(giving(content), method="HEAD")
        self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b""))
        self.assertEqual(list(content.pieces), [b"two", b"three"])
        self.assertEqual(content.closed, 1)

    def test_204_and_304_have_no_content(self) -> None:
        for status in ("204 No Content", "304 Not Modified"):
            content: Any
            for content in ([], iter([])):
                answer = self.answer(giving(content, status, ()))
                self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b""))
                self.assertIsNone(answer.content_length)

    def test_304_may_say_how_long_the_content_would_be(self) -> None:
        answer = self.answer(giving([], "304 Not Modified", (length(5),)))
        self.assertEqual((answer.content_length, answer.content), (5, b""))

    def test_write_sends_at_once_and_before_the_iterable(self) -> None:
        seen = threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])
            write(b"")
            write(b"written")
            assert seen.wait(TIMEOUT_S)
            write(b", again")
            return [b", returned"]

        with Gateway(self.wrap(application)) as gateway:
            gateway.send([request()])
            frame = gateway.frame()
            assert frame is not None
            self.assertEqual((frame.kind, frame.body), (HEAD, b"written"))
            seen.set()
            answer = gateway.answer()
            self.assertEqual(answer.content, b", again, returned")
        self.assertEqual(gateway.stderr, "")

    def test_write_and_a_declared_length(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT, length(10)])
            write(b"hello")
            return [b"world"]

        answer = self.answer(application)
        self.assertEqual((answer.content, answer.content_length), (b"helloworld", 10))

    def test_write_to_head_sends_nothing(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])
            write(b"content")
            return []

        answer = self.answer(application, method="HEAD")
        self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b""))

    def test_exc_info_replaces_a_head_that_has_not_left(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT, length(1000)])
            try:
                raise ValueError("found out in time")
            except ValueError:
                start_response("503 Replaced", [TEXT], sys.exc_info())
            return [b"sorry"]

        answer = self.answer(application)
        self.assertEqual((answer.status, answer.content), (503, b"sorry"))
        self.assertNotIn(b"1000", answer.head)

    def test_exc_info_in_the_first_call(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            try:
                raise ValueError("at once")
            except ValueError:
                start_response("500 Mine", [TEXT], sys.exc_info())
            return [b"sorry"]

        self.assertEqual(self.answer(application).status, 500)

    def test_exc_info_within_a_generator_before_its_content(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            try:
                raise ValueError("found out in time")
            except ValueError:
                start_response("503 Replaced", [TEXT], sys.exc_info())
            yield b"sorry"

        self.assertEqual(self.answer(application).status, 503)

    def test_a_class_is_an_application(self) -> None:
        closed = []

        class Page:
            def __init__(self, environ: Environ, start_response: Any) -> None:
                self.start_response = start_response

            def __iter__(self) -> Iterator[bytes]:
                self.start_response("200 OK", [TEXT])
                yield b"from a class"

            def close(self) -> None:
                closed.append(self)

        self.assertEqual(self.answer(Page).content, b"from a class")
        self.assertEqual(len(closed), 1)

    def test_iterables_without_iter_or_without_close(self) -> None:
        class Sequence:
            def __getitem__(self, index: int) -> bytes:
                return (b"one", b"two")[index]

        for content in (Sequence(), iter([b"one", b"two"]), {b"one": 1, b"two": 2}):
            self.assertEqual(self.answer(giving(content)).content, b"onetwo")

    def test_the_environ_is_complete(self) -> None:
        seen: list[Environ] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            seen.append(dict(environ))
            self.assertIs(type(environ), dict)
            start_response("200 OK", [TEXT])
            return [b""]

        self.answer(application, path="/a b", query="c=d", raw_uri="/a%20b?c=d", method="PUT")
        (environ,) = seen
        self.assertEqual(environ["REQUEST_METHOD"], "PUT")
        self.assertEqual(environ["SCRIPT_NAME"], "")
        self.assertEqual(environ["PATH_INFO"], "/a b")
        self.assertEqual(environ["QUERY_STRING"], "c=d")
        self.assertEqual(environ["RAW_URI"], "/a%20b?c=d")
        self.assertEqual(environ["SERVER_SOFTWARE"], "portico/0.0.0")
        self.assertEqual(environ["wsgi.version"], (1, 0))
        self.assertEqual(environ["wsgi.url_scheme"], "http")
        self.assertIs(environ["wsgi.multithread"], False)
        self.assertIs(environ["wsgi.multiprocess"], True)
        self.assertIs(environ["wsgi.run_once"], False)
        self.assertIs(environ["wsgi.input_terminated"], True)
        self.assertTrue(callable(environ["wsgi.file_wrapper"]))
        for name, value in environ.items():
            if not name.startswith("wsgi."):
                self.assertIs(type(value), str, name)

    def test_what_an_application_adds_to_the_environ_is_gone_with_it(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            assert "added" not in environ
            assert environ["HTTP_HOST"] == "test"
            environ["added"] = 1
            environ["HTTP_HOST"] = "changed"
            start_response("200 OK", [TEXT])
            return [b"fine"]

        with Gateway(self.wrap(application)) as gateway:
            self.assertEqual(gateway.ask(template=1).content, b"fine")
            self.assertEqual(gateway.ask(template=1, fields=None).content, b"fine")
        self.assertEqual(gateway.stderr, "")

    def test_input_reads_as_a_file_does(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            stream = environ["wsgi.input"]
            read = [stream.read(3), stream.readline(), stream.readline(4), *stream.readlines(1)]
            read += list(stream)
            read += [stream.read(10), stream.readline(), *stream.readlines()]
            start_response("200 OK", [TEXT])
            return [json.dumps([piece.decode() for piece in read]).encode()]

        answer = self.answer(application, method="POST", body=b"one two\nthree\nfour\nfive\nsix")
        self.assertEqual(
            json.loads(answer.content),
            ["one", " two\n", "thre", "e\n", "four\n", "five\n", "six", "", ""],
        )

    def test_input_is_at_its_end_without_content(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            return [environ["wsgi.input"].read(10) + b"nothing"]

        self.assertEqual(self.answer(application).content, b"nothing")

    def test_the_length_of_chunked_content_is_in_the_environ(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            start_response("200 OK", [TEXT])
            return [content]

        answer = self.answer(
            application, method="POST", body=b"chunked", own={"CONTENT_LENGTH": "7"}
        )
        self.assertEqual(answer.content, b"chunked")

    def test_errors_is_a_text_stream(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            errors = environ["wsgi.errors"]
            errors.write("one\n")
            errors.writelines(["tw\u00f6\n", "three\n"])
            errors.flush()
            start_response("200 OK", [TEXT])
            return [b"x"]

        _, stderr = answer_to(self.wrap(application))
        self.assertEqual(stderr, "one\ntw\u00f6\nthree\n")

    def test_file_wrapper_sends_a_file_and_closes_it(self) -> None:
        file = io.BytesIO(b"x" * 100)

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [TEXT])
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, 64)
            return wrapped

        answer = self.answer(application)
        self.assertEqual(answer.pieces, [b"x" * 64, b"x" * 36])
        self.assertTrue(file.closed)

    def test_large_content_is_not_cut(self) -> None:
        large = bytes(range(256)) * 4096
        for pieces in ([large], [large, b"end"], [b"x", large, large]):
            self.assertEqual(self.answer(giving(pieces)).content, b"".join(pieces))
            self.assertEqual(self.answer(giving(iter(pieces))).content, b"".join(pieces))

    def test_close_is_called_once_after_the_content(self) -> None:
        for pieces, headers in (
            ([b"one", b"two"], (TEXT,)),
            ([], (TEXT,)),
            ([b"exact"], (TEXT, length(5))),
        ):
            for method in ("GET", "HEAD"):
                content = Content(pieces)
                self.answer(giving(content, headers=headers), method=method)
                self.assertEqual(content.closed, 1)

    def test_close_is_called_once_where_there_must_be_no_content(self) -> None:
        for status in ("204 No Content", "304 Not Modified"):
            content = Content([])
            self.answer(giving(content, status, ()))
            self.assertEqual(content.closed, 1)


class RulesUnderValidator(Rules):
    """The same applications, with wsgiref.validate between them and the worker."""

    wrap = staticmethod(validator)
