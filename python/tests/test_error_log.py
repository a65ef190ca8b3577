"""Standard error's file is opened again by path, in the zygote and in workers."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from portico_worker import error_log

from tests.gateway_side import RESPONSE
from tests.zygote_case import ZygoteCase, until

WRITING = """
    import os, sys, time
    def app(environ, start_response):
        sys.stderr.write(environ["PATH_INFO"] + "\\n")
        sys.stderr.flush()
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/stream":
            def pieces():
                while not os.path.exists("go"):
                    yield b"."
                    # Nobody reads it: without a pause it would soon wait for that.
                    time.sleep(0.001)
            return pieces()
        return [b""]
"""


class Reopening(ZygoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("writing.py", WRITING)
        self.log = self.folder / "stderr"
        self.moved = self.folder / "stderr.1"
        self.loaded(reference="writing:app", errorLog=str(self.log))

    def test_workers_write_to_the_new_file_when_they_are_told(self) -> None:
        _, end = self.fork(1)
        end.ask("/before")
        self.log.rename(self.moved)
        end.ask("/between")
        end.say(("reopen",))
        end.ask("/after")
        self.assertEqual(self.moved.read_text(), "/before\n/between\n")
        self.assertEqual(self.log.read_text(), "/after\n")

    def test_also_while_they_stream(self) -> None:
        _, end = self.fork(1)
        end.send("/stream")
        end.frame()
        self.log.rename(self.moved)
        end.say(("reopen",))
        until("the new file", self.log.exists)
        (self.folder / "go").touch()

    def test_and_those_that_are_forked_later(self) -> None:
        self.log.rename(self.moved)
        self.say(type="reopen")
        _, end = self.fork(1)
        end.ask("/after")
        self.assertEqual(self.log.read_text(), "/after\n")

    def test_where_that_fails_everything_stays_as_it_is(self) -> None:
        _, end = self.fork(1)
        self.log.rename(self.moved)
        self.log.mkdir()
        end.say(("reopen",))
        end.send("/after")
        end.expect_kind(RESPONSE)
        self.log.rmdir()
        lines = self.moved.read_text().splitlines()
        self.assertIn("portico: the error log could not be reopened: [Errno 21]", lines[0])
        self.assertEqual(lines[1:], ["/after"])


class Function(unittest.TestCase):
    def test_without_a_path_nothing_happens(self) -> None:
        before = os.fstat(2)
        self.assertIsNone(error_log.reopen(None))
        self.assertEqual(os.fstat(2), before)

    def test_a_failure_is_told(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            said = error_log.reopen(str(Path(folder) / "no/such/file"))
        assert said is not None
        self.assertIn("could not be reopened: [Errno 2]", said)
