"""What an application finds right after a fork: random numbers, locks, its own handlers."""

from __future__ import annotations

from tests.gateway_side import END, RESPONSE, request
from tests.zygote_case import ZygoteCase


class AfterFork(ZygoteCase):
    def answers(self, count: int = 2) -> list[bytes]:
        answers = []
        for number in range(count):
            _, end = self.fork(number)
            end.send("/")
            answers.append(end.expect_kind(RESPONSE))
        return answers

    def test_workers_draw_different_numbers_of_numpys_also(self) -> None:
        (self.folder / "numpy").mkdir()
        self.write("numpy/__init__.py", "from numpy import random")
        # A state of its own, as that of numpy.random, which nobody reseeds at a fork.
        self.write(
            "numpy/random.py",
            """
            from random import Random, SystemRandom
            state = Random(1)
            def seed(): state.seed(SystemRandom().random())
            """,
        )
        self.write(
            "draws.py",
            """
            import numpy, random
            def app(environ, start_response):
                start_response("200 OK", [])
                return [f"{random.random()} {numpy.random.state.random()}".encode()]
            """,
        )
        self.loaded(reference="draws:app")
        numbers = [number for answer in self.answers(3) for number in answer.split()]
        self.assertEqual(len(set(numbers)), 6, numbers)

    def test_a_module_that_is_called_like_numpys_and_is_none_does_no_harm(self) -> None:
        self.write(
            "draws.py",
            "import sys\nsys.modules['numpy.random'] = 5\nfrom application import app",
        )
        self.loaded(reference="draws:app")
        self.answers()

    def test_a_lock_that_a_logging_handler_held_does_not_hang(self) -> None:
        self.write(
            "logs.py",
            """
            import logging, sys, threading, time

            handler = logging.StreamHandler(sys.stderr)
            logger = logging.getLogger("site")
            logger.addHandler(handler)

            def hold():
                with handler.lock:
                    held.set()
                    time.sleep(600)

            held = threading.Event()
            threading.Thread(target=hold, daemon=True).start()
            held.wait()

            def app(environ, start_response):
                logger.warning("a warning")
                start_response("200 OK", [])
                return [b""]
            """,
        )
        self.loaded(reference="logs:app")
        self.answers()
        self.assertEqual(self.stderr(), "a warning\n" * 2)

    def test_the_applications_own_handlers_run_in_zygote_and_worker(self) -> None:
        self.write(
            "handlers.py",
            """
            import os
            seen = []
            os.register_at_fork(
                before=lambda: seen.append("before"),
                after_in_parent=lambda: seen.append("parent"),
                after_in_child=lambda: seen.append("child"),
            )
            def app(environ, start_response):
                start_response("200 OK", [])
                return [" ".join(seen).encode()]
            """,
        )
        self.loaded(reference="handlers:app")
        self.assertEqual(self.answers(), [b"before child", b"before parent before child"])

    def test_a_child_of_the_application_that_comes_back_runs_no_other_request(self) -> None:
        self.write(
            "forks.py",
            """
            import os, sys

            # A fork takes longer than a worker keeps an answer, on most machines.
            sys.modules["portico_worker.worker"].FLUSH_INTERVAL_S = 60

            def app(environ, start_response):
                note = os.open("notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.write(note, environ["QUERY_STRING"].encode() + b"\\n")
                os.close(note)
                child = os.fork()
                if child:
                    os.waitpid(child, 0)
                start_response("200 OK", eval(environ["HTTP_HEAD"]))
                return [b"both"]
            """,
        )
        self.loaded(reference="forks:app")
        # One that answers in the shortest way, and one that does not.
        for number, head in enumerate(['[("Content-Length", "4")]', "[]"]):
            with self.subTest(head=head):
                _, end = self.fork(number)
                end.say(
                    [request(slot, query=f"{number}-{slot}", HTTP_HEAD=head) for slot in (0, 1)]
                )
                self.assertEqual([end.expect_kind(RESPONSE) for _ in (0, 1)], [b"both"] * 2)
        notes = (self.folder / "notes").read_text().split()
        self.assertEqual(notes, ["0-0", "0-1", "1-0", "1-1"])

    def test_a_child_that_comes_back_into_a_stream_sends_none_of_it(self) -> None:
        self.write(
            "forks.py",
            """
            import os, sys, time

            # Nothing leaves by itself before the fork.
            sys.modules["portico_worker.outlet"].QUICK_S = 60
            sys.modules["portico_worker.gathered"].LOOK_INTERVAL_S = 60

            def app(environ, start_response):
                start_response("200 OK", [])
                for row in range(200):
                    yield b"%03d\\n" % row
                    if row == 100:
                        child = os.fork()
                        if child:
                            os.waitpid(child, 0)
            """,
        )
        self.loaded(reference="forks:app")
        _, end = self.fork(0)
        end.send("/")
        content = b""
        while (frame := end.frame()) is not None and frame[1] != END:
            content += frame[2]
        self.assertEqual(content, b"".join(b"%03d\n" % row for row in range(200)))
        self.assertIsNotNone(frame)

    def test_no_fork_is_warned_of_where_all_warnings_are_shown(self) -> None:
        # Python 3.12 and later warn whoever forks in a process with several threads.
        self.write(
            "strict.py",
            """
            import threading, time, warnings
            warnings.simplefilter("always")
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            from application import app
            """,
        )
        self.loaded(reference="strict:app")
        self.answers()
        self.assertEqual(self.stderr(), "")
