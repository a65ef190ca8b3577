"""What a worker says of how far it is: the slot of the request that it is at, in a file."""

from __future__ import annotations

import os
import struct
import sys
import unittest
from typing import Any
from unittest import mock

from portico_worker import progress
from portico_worker.worker import Worker

from tests.gateway_side import Gateway, request

ON_LINUX = sys.platform == "linux"
PLAIN = [("Content-Type", "text/plain")]


def slot_in(descriptor: int) -> int:
    """As the gateway reads it: from the file, of which it has a descriptor of its own."""
    path = f"/proc/self/fd/{descriptor}"
    assert os.readlink(path) == f"/memfd:{progress.FILE_NAME} (deleted)"
    with open(path, "rb") as file:
        (slot,) = struct.unpack("<I", file.read(4))
    return int(slot)


class Telling(unittest.TestCase):
    """A worker whose progress is kept in a list."""

    def setUp(self) -> None:
        self.told = progress.Progress([progress.AT_NONE, 0], None, 9)
        self.seen: list[int] = []

    def make(self, *parts: Any) -> Worker:
        return Worker(*parts, None, self.told)

    def application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen.append(self.told.place[progress.SLOT])
        start_response("200 OK", PLAIN)
        return [b"x"]

    def test_each_request_of_a_batch_while_it_runs_and_none_behind_it(self) -> None:
        with Gateway(self.application, make=self.make) as gateway:
            gateway.send([request(7), request(5, method="POST"), request(6)])
            for slot in (7, 5, 6):
                gateway.answer(slot)
            gateway.ask(slot=0)
        self.assertEqual(self.seen, [7, 5, 6, 0])
        self.assertEqual(self.told.place[progress.SLOT], progress.AT_NONE)

    def test_a_streamed_answer_until_its_end(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", PLAIN)
            for _ in range(2):
                self.seen.append(self.told.place[progress.SLOT])
                yield b"x"

        with Gateway(application, make=self.make) as gateway:
            gateway.send([request(3)])
            gateway.answer(3)
        self.assertEqual(self.seen, [3, 3])


class InAFile(unittest.TestCase):
    @unittest.skipUnless(ON_LINUX, "files in memory are Linux's")
    def test_what_is_written_is_in_the_file(self) -> None:
        made = progress.make()
        self.addCleanup(os.close, made.descriptor)
        self.assertFalse(os.get_inheritable(made.descriptor))
        self.assertEqual(slot_in(made.descriptor), progress.AT_NONE)
        made.place[progress.SLOT] = 0x01020304
        self.assertEqual(slot_in(made.descriptor), 0x01020304)

    def test_where_there_is_no_room_for_a_file_there_is_none(self) -> None:
        with mock.patch.object(progress.os, "memfd_create", side_effect=OSError, create=True):
            made = progress.make()
        self.assertEqual(made.descriptor, 0)
        made.place[progress.SLOT] = 5
