"""Records leave whole, or not at all, and nobody waits for a reader that does not read."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import socket
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
import unittest
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

from portico_worker import error_records, standard_error
from portico_worker.standard_error import RecordWriter

from tests.gateway_side import ERROR, RESPONSE
from tests.zygote_case import ZygoteCase

# What is tried in turn; each of them has to do where those before it cannot be had.
WAYS = ("write_without_waiting", "write_to_own_description", "write_where_there_is_room")
RECORD = b"x" * 999 + b"\n"
# More of them than any pipe, socket or terminal takes.
RECORDS_MANY = 2_000
# As long as waiting for a reader at each record would take many times over.
PROMPT_S = 20.0
# As many tracebacks as fill a pipe.
FAILURES = 100

PACKAGE = Path(standard_error.__file__).parent.parent
# Fills its terminal, which it may not open.
OTHER_USER_S = """
    import os, sys
    sys.path.insert(0, {path!r})
    from portico_worker.standard_error import write_to_own_description
    real = os.open
    def open(path, *more):
        if path.startswith("/proc"):
            raise PermissionError
        return real(path, *more)
    os.open = open
    try:
        while True:
            write_to_own_description(2, b"x" * 1000)
    except BlockingIOError:
        os._exit(0)
"""
FAILING = """
    def app(environ, start_response):
        if environ["PATH_INFO"] != "/good":
            raise ValueError("x" * 1000)
        start_response("200 OK", [])
        return [b""]
"""


def notice(count: int) -> bytes:
    return b"missing: %d\n" % count


def nothing() -> None:
    return


def taken_from(descriptor: int) -> bytes:
    """All that there is to be read now."""
    data = b""
    asked = select.poll()
    asked.register(descriptor, select.POLLIN)
    while asked.poll(0):
        piece = os.read(descriptor, 65_536)
        if not piece:
            break
        data += piece
    return data


def without(*names: str) -> AbstractContextManager[Any]:
    """Has these ways fail as on a system that does not know them."""

    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(95, "not supported")

    return mock.patch.dict(vars(standard_error), dict.fromkeys(names, fail))


class Unread(unittest.TestCase):
    """Kinds of standard error whose reader does not read."""

    def ends(self, kind: str) -> tuple[int, int]:
        """What is read from, and what is written to."""
        if kind == "pipe":
            pair = os.pipe()
        elif kind == "terminal":
            pair = os.openpty()
        else:
            ours, theirs = socket.socketpair()
            pair = (ours.detach(), theirs.detach())
        for descriptor in pair:
            self.addCleanup(os.close, descriptor)
        return pair

    def each_way(self, kind: str) -> None:
        for known in range(len(WAYS)):
            with self.subTest(kind=kind, way=WAYS[known]), without(*WAYS[:known]):
                self.fill_and_read(*self.ends(kind))

    def fill_and_read(self, reader: int, written: int) -> None:
        writer = RecordWriter(written)
        began = time.monotonic()
        for _ in range(RECORDS_MANY):
            writer.write(RECORD, notice, nothing)
        self.assertLess(time.monotonic() - began, PROMPT_S)
        self.assertTrue(os.get_blocking(written), "others have that description, too")
        text = taken_from(reader)
        writer.write(b"next\n", notice, nothing)
        text += taken_from(reader)
        *records, said, last = text.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
        self.assertEqual({*records}, {RECORD.rstrip(b"\n")}, "each of them is whole")
        self.assertEqual(said, b"missing: %d" % (RECORDS_MANY - len(records)))
        self.assertEqual(last, b"next")

    def test_a_pipe(self) -> None:
        self.each_way("pipe")

    def test_a_socket(self) -> None:
        self.each_way("socket")

    def test_a_terminal(self) -> None:
        with without(WAYS[0]):
            self.fill_and_read(*self.ends("terminal"))

    def test_a_terminal_that_is_held(self) -> None:
        for known in range(len(WAYS)):
            reader, written = self.ends("terminal")
            writer = RecordWriter(written)
            with without(*WAYS[:known]):
                termios.tcflow(written, termios.TCOOFF)
                writer.write(RECORD, notice, nothing)
                termios.tcflow(written, termios.TCOON)
                writer.write(b"next\n", notice, nothing)
            self.assertEqual(taken_from(reader), b"missing: 1\r\nnext\r\n")

    def test_the_session_s_terminal_of_another_user(self) -> None:
        pid, reader = pty.fork()
        if pid == 0:
            program = textwrap.dedent(OTHER_USER_S).format(path=str(PACKAGE))
            os.execv(sys.executable, [sys.executable, "-I", "-c", program])
        self.addCleanup(os.close, reader)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(status, 0)

    def test_a_record_that_only_begins_to_fit_goes_on_where_there_is_room(self) -> None:
        reader, written = self.ends("pipe")
        long = b"".join(b"%d\n" % number for number in range(50_000))
        writer = RecordWriter(written)
        writer.write(long, notice, nothing)
        text = taken_from(reader)
        self.assertLess(len(text), len(long))
        for _ in range(10):
            writer.finish()
            text += taken_from(reader)
        self.assertEqual(text, long)

    def test_what_is_left_is_not_written_again_by_a_child(self) -> None:
        reader, written = self.ends("pipe")
        writer = RecordWriter(written)
        writer.write(b"x" * 1_000_000, notice, nothing)
        writer.write(RECORD, notice, nothing)
        writer.forget()
        taken_from(reader)
        writer.finish()
        writer.write(b"next\n", notice, nothing)
        self.assertEqual(taken_from(reader), b"next\n")

    def test_a_reader_that_is_gone(self) -> None:
        reader, written = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, written)
        for known in range(len(WAYS)):
            with without(*WAYS[:known]):
                RecordWriter(written).write(RECORD, notice, nothing)

    def test_what_was_printed_before_is_written_before_and_only_where_there_is_room(self) -> None:
        reader, written = self.ends("pipe")
        writer = RecordWriter(written)
        writer.write(b"record\n", notice, lambda: os.write(written, b"printed\n"))
        self.assertEqual(taken_from(reader), b"printed\nrecord\n")
        while select.select([], [written], [], 0)[1]:
            os.write(written, b"x" * select.PIPE_BUF)
        flush = mock.Mock()
        writer.write(b"record\n", notice, flush)
        flush.assert_not_called()

    def test_a_reader_gets_a_moment_to_make_room(self) -> None:
        reader, written = self.ends("pipe")
        fcntl.fcntl(written, getattr(fcntl, "F_SETPIPE_SZ", 1031), 4_096)
        program = "import sys; sys.stdout.write(sys.stdin.read())"
        command = [sys.executable, "-I", "-S", "-c", program]
        with subprocess.Popen(command, stdin=reader, stdout=subprocess.PIPE) as process:
            writer = RecordWriter(written)
            with mock.patch.object(standard_error, "ROOM_WAIT_MAX_S", PROMPT_S):
                for _ in range(100):
                    writer.write(RECORD, notice, nothing)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, written)
            os.close(null)
            output, _ = process.communicate()
        self.assertEqual(output, RECORD * 100)


class Place(unittest.TestCase):
    """Where records go, by what sys.stderr is."""

    def run_program(self, program: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PACKAGE)!r})\n{program}"],
            check=True,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        ).stderr

    def test_behind_what_was_printed(self) -> None:
        program = (
            "from portico_worker.error_records import log\n"
            "print('printed', end=' ', file=sys.stderr)\n"
            "log('é \\udc80')"
        )
        self.assertEqual(self.run_program(program), "printed portico: é \\udc80\n")

    def test_where_the_application_has_put_a_stream(self) -> None:
        program = (
            "import io\n"
            "from portico_worker.error_records import log\n"
            "class Tee(io.TextIOWrapper):\n"
            "    def write(self, text): return super().write('tee ' + text)\n"
            "sys.stderr = Tee(sys.stderr.buffer)\n"
            "log('here')"
        )
        self.assertEqual(self.run_program(program), "tee portico: here\n")

    def test_into_a_file_where_it_is_and_not_over_what_is_there(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"before\n")
            file.flush()
            RecordWriter(file.fileno()).write(b"record\n", notice, nothing)
            os.write(file.fileno(), b"after\n")
            file.seek(0)
            self.assertEqual(file.read(), b"before\nrecord\nafter\n")


class Missing(unittest.TestCase):
    def test_is_a_record_in_either_form(self) -> None:
        text = "records missing here, because nobody read standard error: 3"
        self.assertEqual(error_records.missing(3), f"portico: {text}\n")
        error_records.use_format(error_records.JSON)
        self.addCleanup(error_records.use_format, error_records.TEXT)
        record = json.loads(error_records.missing(3))
        self.assertEqual(record["message"], text)
        self.assertEqual(record["fields"], {"pid": os.getpid(), "records": 3})


class Worker(ZygoteCase):
    """The whole of it: failing requests are answered, and so are those behind them."""

    def test_goes_on_where_nobody_reads(self) -> None:
        reader, written = os.pipe()
        self.addCleanup(os.close, reader)
        self.write("failing.py", FAILING)
        with mock.patch.object(Path, "open", return_value=os.fdopen(written, "wb")):
            self.loaded(reference="failing:app")
        _, end = self.fork(1)
        for _ in range(FAILURES):
            end.send("/fail")
            end.expect_kind(ERROR)
        end.send("/good")
        end.expect_kind(RESPONSE)
        text = taken_from(reader)
        end.send("/fail")
        end.expect_kind(ERROR)
        lines = (text + taken_from(reader)).decode().splitlines()
        told = [line for line in lines if line.startswith("error in application")]
        [said] = [line for line in lines if line.startswith("portico: records missing here")]
        self.assertEqual(len(told) + int(said.split()[-1]), FAILURES + 1)
        self.assertEqual(lines[lines.index(said) + 1], told[-1])


if __name__ == "__main__":
    unittest.main()
