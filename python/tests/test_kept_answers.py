"""Answers that have not left while a POST is run: where the gateway finds them."""

from __future__ import annotations

import io
import os
import socket
import struct
import sys
import unittest
from typing import Any, NamedTuple
from unittest import mock

from portico_worker import progress, worker
from portico_worker.worker import Worker

from tests.gateway_side import RESPONSE, TAKEN, TIMEOUT_S, Gateway, read_frame, request

PLAIN = [("Content-Type", "text/plain")]
READY_BYTES = 32
FOUND_AT = struct.Struct("<IIQQ")


class Found(NamedTuple):
    """What the gateway would find, as docs/worker-protocol.md lays it out."""

    begin: int
    # Slots and contents.
    answers: list[tuple[int, bytes]]


@unittest.skipUnless(sys.platform == "linux", "files in memory are Linux's")
class Keeping(unittest.TestCase):
    def setUp(self) -> None:
        self.found: list[Found] = []
        self.serve()
        patch = mock.patch.object(worker, "FLUSH_INTERVAL_S", TIMEOUT_S)
        patch.start()
        self.addCleanup(patch.stop)

    def serve(self, is_asked: int = 1) -> None:
        self.made = progress.make()
        self.addCleanup(os.close, self.made.descriptor)
        self.made.place[progress.IS_ASKED] = is_asked

    def make(self, *parts: Any) -> Worker:
        return Worker(*parts, None, self.made)

    def look(self) -> Found:
        data = os.pread(self.made.descriptor, progress.FILE_BYTES, 0)
        _, _, begin, size = FOUND_AT.unpack_from(data)
        frames, answers = io.BytesIO(data[FOUND_AT.size : FOUND_AT.size + size]), []
        while (frame := read_frame(frames)) is not None:
            self.assertEqual(frame.kind, RESPONSE)
            answers.append((frame.slot, frame.body))
        return Found(begin, answers)

    def application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.found.append(self.look())
        content = environ["wsgi.input"].read() + environ["QUERY_STRING"].encode()
        start_response("200 OK", [*PLAIN, ("Content-Length", str(len(content)))])
        return [content]

    def run_batch(self, *methods: str) -> None:
        with Gateway(self.application, make=self.make) as gateway:
            batch = [
                request(slot, method=method, query=method) for slot, method in enumerate(methods)
            ]
            gateway.send(batch)
            for slot, method in enumerate(methods):
                self.assertEqual(gateway.answer(slot).content, method.encode())

    def kept(self) -> list[list[int]]:
        """The slots that were found by each request of a batch that was sent first of all."""
        for begin, _ in self.found[1:]:
            self.assertIn(begin, (0, READY_BYTES))
        return [[slot for slot, _ in answers] for _, answers in self.found]

    def test_all_that_were_done_before_it(self) -> None:
        self.run_batch("POST", "POST", "PATCH")
        self.assertEqual(self.kept(), [[], [0], [0, 1]])
        self.assertEqual(self.found[2], (READY_BYTES, [(0, b"POST"), (1, b"POST")]))

    def test_also_those_of_requests_that_can_be_run_again(self) -> None:
        self.run_batch("GET", "PUT", "POST", "GET", "GET", "POST")
        self.assertEqual(self.kept(), [[], [], [0, 1], [0, 1, 2], [0, 1, 2], [0, 1, 2, 3, 4]])

    def test_what_has_left_since_is_not_kept_again(self) -> None:
        with Gateway(self.application, make=self.make) as gateway:
            for _ in range(2):
                gateway.send([request(slot, method="POST", query="x") for slot in (5, 6)])
                for slot in (5, 6):
                    gateway.answer(slot)
        first, second = self.found[1], self.found[3]
        self.assertEqual([slot for slot, _ in second.answers], [5])
        answered = (second.begin - first.begin) // 2
        self.assertEqual(first.begin + 2 * answered, second.begin)
        self.assertGreater(answered, READY_BYTES)

    def test_none_where_the_gateway_does_not_look(self) -> None:
        self.serve(is_asked=0)
        self.run_batch("POST", "POST")
        self.assertEqual(self.kept(), [[], []])

    def test_what_there_is_no_room_for_leaves(self) -> None:
        with mock.patch.object(progress, "FILE_BYTES", progress.KEPT_AT + 150):
            self.serve()
            self.run_batch("POST", "POST", "POST")
        # One answer of 32 bytes, its head and its content fits, two do not.
        self.assertEqual(self.kept()[1], [0])
        self.assertNotIn([0, 1], self.kept())

    def test_nothing_in_a_process_that_the_application_has_forked(self) -> None:
        keeper = progress.KeptAnswers(self.made)
        self.assertTrue(keeper.keep([b"answer"], 7))
        keeper.disown()
        self.assertFalse(keeper.keep([b"answer", b"another"], 7))

    def test_they_leave_before_content_is_taken_from_a_client(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        with theirs, Gateway(self.application, make=self.make) as gateway:
            gateway.send_content_socket(theirs.fileno())
            ours.sendall(b"cde")
            lent = request(2, method="POST", body=(b"ab", 5))
            gateway.send([request(1, method="POST", query="x"), lent])
            self.assertEqual(gateway.answer(1).content, b"x")
            frame = gateway.frame()
            self.assertEqual((frame and frame.kind, frame and frame.slot), (TAKEN, 2))
            self.assertEqual(gateway.answer(2).content, b"abcde")
