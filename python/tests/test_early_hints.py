"""wsgi.early_hints: 103 (Early Hints) before the answer, of the present request only."""

from __future__ import annotations

import threading
import unittest
from typing import TYPE_CHECKING, Any, Callable

from portico_worker.heads import INTERIM_ANSWERS_MAX, INTERIM_HEADS_MAX_BYTES, HeadError

from tests.applications import TEXT, Case, Environ, echo_path, giving, length
from tests.gateway_side import (
    ABORT,
    END,
    ERROR,
    HEAD,
    INTERIM,
    RESPONSE,
    TIMEOUT_S,
    Gateway,
    answer_to,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINK = ("Link", "</style.css>; rel=preload; as=style")
OTHER_LINK = ("Link", "</app.js>; rel=preload; as=script")
LINE = b"Link: </style.css>; rel=preload; as=style\r\n"
OTHER_LINE = b"Link: </app.js>; rel=preload; as=script\r\n"
FIRST_LINE = b"103 Early Hints\r\n"

Hints = Callable[[list[tuple[str, str]]], None]


def hinting(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Gives one hint, then answers with the path."""
    environ["wsgi.early_hints"]([LINK])
    return echo_path(environ, start_response)


class Sending(Case):
    def test_it_leaves_while_the_application_goes_on(self) -> None:
        arrived = threading.Event()

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            self.assertIsNone(environ["wsgi.early_hints"]([LINK, OTHER_LINK]))
            self.assertTrue(arrived.wait(TIMEOUT_S))
            return echo_path(environ, start_response)

        with Gateway(application) as gateway:
            gateway.send([request(3, 5)])
            frame = gateway.frame()
            arrived.set()
            assert frame is not None
            self.assertEqual((frame.slot, frame.generation), (3, 5))
            self.assertEqual((frame.kind, frame.flags, frame.status), (INTERIM, 0, 103))
            self.assertEqual(frame.head, FIRST_LINE + LINE + OTHER_LINE)
            self.assertEqual((frame.body, frame.content_length), (b"", 0))
            self.assertEqual(gateway.answer(3, 5).kinds, [RESPONSE])

    def test_each_call_sends_one(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            for link in (LINK, OTHER_LINK, LINK):
                environ["wsgi.early_hints"]([link])
            return echo_path(environ, start_response)

        answer = self.answer(application)
        heads = [frame.head for frame in answer.interim]
        self.assertEqual(heads, [FIRST_LINE + line for line in (LINE, OTHER_LINE, LINE)])
        self.assertEqual(answer.content, b"/")

    def test_until_the_head_has_left(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            environ["wsgi.early_hints"]([LINK])
            yield b""
            environ["wsgi.early_hints"]([OTHER_LINK])
            yield b"content"
            environ["wsgi.early_hints"]([LINK])
            yield b"more"

        answer = self.answer(application)
        self.assertEqual(
            [frame.head for frame in answer.interim], [FIRST_LINE + LINE, FIRST_LINE + OTHER_LINE]
        )
        self.assertEqual(answer.content, b"contentmore")

    def test_not_after_write(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            write = start_response("200 OK", [TEXT])
            write(b"written")
            environ["wsgi.early_hints"]([LINK])
            return []

        answer = self.answer(application)
        self.assertEqual((answer.interim, answer.kinds), ([], [HEAD, END]))

    def test_head_and_statuses_without_content(self) -> None:
        for method in ("HEAD", "GET"):
            for status in ("200 OK", "204 No Content", "304 Not Modified"):

                def application(
                    environ: Environ, start_response: Any, status: str = status
                ) -> Iterable[bytes]:
                    environ["wsgi.early_hints"]([LINK])
                    start_response(status, [])
                    return []

                answer = self.answer(application, method=method)
                self.assertEqual(len(answer.interim), 1, (method, status))
                self.assertEqual(answer.kinds, [RESPONSE])

    def test_an_error_may_follow(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.early_hints"]([LINK])
            raise ValueError("afterwards")

        answer, stderr = answer_to(application)
        self.assertEqual((len(answer.interim), answer.kinds), (1, [ERROR]))
        self.assertIn("ValueError: afterwards", stderr)

    def test_answers_that_are_done_leave_before_it(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            answers = hinting if environ["PATH_INFO"] == "/hint" else echo_path
            return answers(environ, start_response)

        with Gateway(application) as gateway:
            paths = ["/1", "/2", "/hint", "/4", "/hint"]
            gateway.send([request(slot, path=path) for slot, path in enumerate(paths)])
            for slot, path in enumerate(paths):
                answer = gateway.answer(slot)
                self.assertEqual(answer.content, path.encode())
                self.assertEqual(len(answer.interim), int(path == "/hint"))

    def test_nothing_is_sent_for_no_fields(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.early_hints"]([])
            return echo_path(environ, start_response)

        self.assertEqual(self.answer(application).interim, [])

    def test_a_tuple_of_fields_is_taken_too(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.early_hints"]((LINK,))
            return echo_path(environ, start_response)

        self.assertEqual(self.answer(application).interim[0].head, FIRST_LINE + LINE)


class Checks(unittest.TestCase):
    def refused(self, headers: Any) -> str:
        """What is said of headers of which nothing must be sent."""
        errors: list[HeadError] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            try:
                environ["wsgi.early_hints"](headers)
            except HeadError as error:
                errors.append(error)
            return echo_path(environ, start_response)

        answer, stderr = answer_to(application)
        self.assertEqual((answer.interim, answer.content, stderr), ([], b"/", ""))
        self.assertEqual(len(errors), 1, headers)
        return str(errors[0])

    def test_no_line_can_be_broken(self) -> None:
        for text in ("a\r\nSet-Cookie: b", "a\n", "a\r", "a\0", "a\x7f", "\u20ac"):
            self.assertIn("control character", self.refused([("Link", text)]))
            self.assertIn("is not the name of a field", self.refused([(text, "a")]))

    def test_one_bad_field_refuses_all(self) -> None:
        self.assertIn("is not the name", self.refused([LINK, ("", "a"), LINK]))

    def test_fields_about_the_connection_framing_and_routing(self) -> None:
        for name in ("Connection", "keep-alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"):
            self.assertIn("about the connection", self.refused([(name, "a")]))
        for name in ("Content-Length", "content-length", "Content-Range", "Host"):
            self.assertIn("interim", self.refused([LINK, (name, "1")]))

    def test_what_is_no_list_of_pairs_of_strings(self) -> None:
        for headers in (None, {"Link": "a"}, "Link: a", iter([LINK]), 7):
            self.assertIn("must be a list", self.refused(headers))
        for header in (["Link", "a"], ("Link",), "ab", None):
            self.assertIn("must be a tuple", self.refused([header]))
        self.assertIn("must be a str", self.refused([(b"Link", "a")]))
        self.assertIn("must be a str", self.refused([("Link", b"a")]))

    def test_one_that_is_not_caught_is_an_error_of_the_application(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.early_hints"]([("Connection", "close")])
            return echo_path(environ, start_response)

        answer, stderr = answer_to(application)
        self.assertEqual((answer.interim, answer.kinds), ([], [ERROR]))
        self.assertIn("HeadError: Connection is about the connection", stderr)


class Bounds(unittest.TestCase):
    def test_their_number(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            for _ in range(INTERIM_ANSWERS_MAX + 2):
                environ["wsgi.early_hints"]([LINK])
            return echo_path(environ, start_response)

        with Gateway(application) as gateway:
            # In one slot and in one batch: each request has bounds of its own.
            for generation in (1, 3):
                gateway.send([request(0, generation), request(1, generation)])
                for slot in (0, 1):
                    answer = gateway.answer(slot, generation)
                    self.assertEqual(len(answer.interim), INTERIM_ANSWERS_MAX)
                    self.assertEqual(answer.content, b"/")
        self.assertIn("early hints beyond the bounds for one request", gateway.stderr)

    def test_their_bytes(self) -> None:
        room = INTERIM_HEADS_MAX_BYTES - 2 * len(FIRST_LINE) - len("X: \r\n") - len(LINE)

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["wsgi.early_hints"]([LINK])
            more = int(environ["QUERY_STRING"])
            environ["wsgi.early_hints"]([("X", "x" * (room + more))])
            return echo_path(environ, start_response)

        for more, count in ((0, 2), (1, 1)):
            answer, stderr = answer_to(application, query=str(more))
            self.assertEqual(len(answer.interim), count)
            self.assertEqual("beyond the bounds" in stderr, count == 1)


class Kept(unittest.TestCase):
    """A callable that the application kept reaches nobody once its request is over."""

    def test_no_later_request(self) -> None:
        kept: list[Hints] = []

        def application(environ: Environ, start_response: Any) -> Any:
            for hints in kept:
                hints([OTHER_LINK])
            kept.append(environ["wsgi.early_hints"])
            kept[-1]([LINK])
            kinds = {
                "/list": echo_path,
                "/pieces": giving([b"a", b"b"]),
                "/stream": giving(iter([b"a", b"b"])),
                "/whole": giving(iter([b"whole"]), headers=(length(5),)),
            }
            return kinds[environ["PATH_INFO"]](environ, start_response)

        for path in ("/list", "/pieces", "/stream", "/whole"):
            for method in ("GET", "HEAD", "POST"):
                kept.clear()
                with Gateway(application) as gateway:
                    slots = range(4)
                    # A batch, then one by one, always in slots that were used before.
                    gateway.send([request(slot, path=path, method=method) for slot in slots])
                    for slot in slots:
                        heads = [frame.head for frame in gateway.answer(slot).interim]
                        self.assertEqual(heads, [FIRST_LINE + LINE])
                    for generation in (3, 5):
                        gateway.send([request(0, generation, path=path, method=method)])
                        heads = [frame.head for frame in gateway.answer(0, generation).interim]
                        self.assertEqual(heads, [FIRST_LINE + LINE])

    def test_not_in_close(self) -> None:
        class Closing:
            def __init__(self, hints: Hints) -> None:
                self.hints = hints

            def __iter__(self) -> Iterator[bytes]:
                return iter([b"content"])

            def close(self) -> None:
                self.hints([LINK])

        def application(environ: Environ, start_response: Any) -> Any:
            start_response("200 OK", [TEXT])
            return Closing(environ["wsgi.early_hints"])

        self.check_nothing_comes(application)

    def test_not_when_its_environ_is_thrown_away(self) -> None:
        class Last:
            """Is thrown away with the environ: when the next one takes its place, or later."""

            def __init__(self, hints: Hints) -> None:
                self.hints = hints

            def __del__(self) -> None:
                self.hints([LINK])

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            environ["test.last"] = Last(environ["wsgi.early_hints"])
            return echo_path(environ, start_response)

        self.check_nothing_comes(application)

    def check_nothing_comes(self, application: Any) -> None:
        with Gateway(application) as gateway:
            for generation in (1, 3):
                gateway.send([request(slot, generation) for slot in range(3)])
                for slot in range(3):
                    self.assertEqual(gateway.answer(slot, generation).interim, [])
            gateway.stream.shutdown(1)
            self.assertIsNone(gateway.frame())

    def test_not_in_another_thread(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            thread = threading.Thread(target=environ["wsgi.early_hints"], args=([LINK],))
            thread.start()
            thread.join()
            return echo_path(environ, start_response)

        answer, stderr = answer_to(application)
        self.assertEqual((answer.interim, answer.content, stderr), ([], b"/", ""))

    def test_not_behind_an_answer_that_was_cut(self) -> None:
        def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [TEXT])
            yield b"content"
            try:
                raise ValueError
            finally:
                environ["wsgi.early_hints"]([LINK])

        answer, _ = answer_to(application)
        self.assertEqual((answer.interim, answer.kinds), ([], [HEAD, ABORT]))

    def test_it_shows_nothing_of_the_request(self) -> None:
        seen: list[str] = []

        def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
            seen.append(repr(environ["wsgi.early_hints"]))
            return echo_path(environ, start_response)

        answer_to(application, method="POST", body=b"secret")
        self.assertIn("early_hints", seen[0])
        self.assertNotIn("secret", seen[0])
