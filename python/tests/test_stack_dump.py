"""The signal upon which a worker writes the stacks of all its threads, and goes on."""

from __future__ import annotations

import re
import signal
import sys
import unittest
from pathlib import Path

from portico_worker import stack_dump

from tests.gateway_side import RESPONSE
from tests.zygote_case import WorkerEnd, ZygoteCase, until

# `/held_in_c` keeps the interpreter's lock in C until a signal has been handled, upon which poll(2)
# ends; `/matching` keeps it in the engine of regular expressions, for more than a second, so that a
# busy machine comes to ask meanwhile. Each says when it begins.
HANGING = """
    import ctypes, faulthandler, os, re, signal, sys, threading, time

    library = ctypes.PyDLL(None)
    # Whatever an application does to its signals, and to sys.stderr.
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    faulthandler.register(DUMP_SIGNAL, file=open("elsewhere", "w"))
    sys.stderr = None

    def begin(name):
        os.close(os.open(name, os.O_CREAT))

    def held_in_c(name):
        begin(name)
        library.poll(None, 0, 20_000)

    def matching(name):
        begin(name)
        re.match("(a+)+$", "a" * 25 + "b")

    def waiting(name):
        begin(name)
        while not os.path.exists("go"):
            time.sleep(0.005)

    def app(environ, start_response):
        name = environ["PATH_INFO"][1:]
        globals()[name](name)
        start_response("200 OK", [])
        return [b"after"]
""".replace("DUMP_SIGNAL", str(stack_dump.dump_signal()))


class Dumps(ZygoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("hanging.py", HANGING)
        self.start("hanging:app", workerClass="thread")
        loaded = self.expect("loaded")
        self.number = loaded["dumpSignal"]
        self.stacks = loaded["stacks"]

    def dump(self, worker: int) -> None:
        self.say(type="signal", worker=worker, signal=self.number)

    def test_it_is_the_number_that_the_zygote_says(self) -> None:
        expected = 62 if sys.platform == "linux" else signal.SIGUSR2
        self.assertEqual(self.number, expected)

    def test_c_code_that_holds_the_interpreter_is_shown(self) -> None:
        # Each has a number of its own: the first one ends with its channel, and is reaped later.
        for worker, name in enumerate(("held_in_c", "matching")):
            with self.subTest(name):
                _, end = self.fork(worker)
                end.send(f"/{name}")
                until("the call", (self.folder / name).exists)
                self.dump(worker)
                until("the stack", lambda name=name: f" in {name}\n" in self.stderr())
                self.assertRegex(self.stderr(), rf'hanging\.py", line \d+ in {name}\n')
                # And it goes on.
                self.assertEqual(end.expect_kind(RESPONSE), b"after")

    def test_all_threads_are_shown_as_often_as_is_asked(self) -> None:
        _, ends = self.fork_with_channels(1, 2)
        for end, name in ((ends[1], "waiting"), (ends[0], "held_in_c")):
            end.send(f"/{name}")
            until("the call", (self.folder / name).exists)
        for times in (1, 2):
            self.dump(1)
            until("the stacks", lambda times=times: self.shown("waiting") >= times)
        self.assertGreaterEqual(self.shown("held_in_c"), 1)
        (self.folder / "go").touch()
        for end in ends:
            self.assertEqual(end.expect_kind(RESPONSE), b"after")

    def shown(self, name: str) -> int:
        return len(re.findall(rf'hanging\.py", line \d+ in {name}\n', self.stderr()))

    def test_an_idle_worker_goes_on(self) -> None:
        _, end = self.fork(1)
        self.dump(1)
        until("the stack", lambda: " in serve\n" in self.stderr())
        (self.folder / "go").touch()
        self.assertEqual(len(end.ask("/waiting")), 5)


@unittest.skipUnless(sys.platform == "linux", "the file in memory is Linux's")
class Asked(Dumps):
    """The signal upon which the stacks go to a file that is read from outside."""

    def dump(self, worker: int) -> None:
        self.say(type="signal", worker=worker, signal=self.stacks["signal"])

    def fork_with_channels(self, worker: int, count: int) -> tuple[int, list[WorkerEnd]]:
        self.pid, ends = super().fork_with_channels(worker, count)
        return self.pid, ends

    def stderr(self) -> str:
        """What would go to the log of a worker that is asked the other way."""
        return self.file(self.pid).read_text()

    def file(self, pid: int) -> Path:
        return Path(f"/proc/{pid}/fd/{self.stacks['descriptor']}")

    def test_each_worker_has_a_file_of_its_own(self) -> None:
        first, _ = self.fork(1)
        second, _ = self.fork(2)
        self.say(type="signal", worker=2, signal=self.stacks["signal"])
        until("the stack", lambda: " in serve\n" in self.file(second).read_text())
        self.assertEqual(self.file(first).read_text(), "")
        self.assertNotIn(" in serve", super().stderr())


class Number(unittest.TestCase):
    def test_where_there_are_no_real_time_signals_it_is_usr2(self) -> None:
        rtmax = getattr(signal, "SIGRTMAX", None)
        if rtmax is not None:
            del signal.SIGRTMAX
            self.addCleanup(setattr, signal, "SIGRTMAX", rtmax)
        self.assertEqual(stack_dump.dump_signal(), signal.SIGUSR2)
