"""`--hooks`: found, called with what they expect, and harmless where they fail."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.config
import textwrap
import unittest
from types import ModuleType
from typing import Any

from portico_worker import hooks
from portico_worker.hooked_worker import HookedWorker
from portico_worker.hooks import Hooks

from tests.applications import TEXT, Application, Environ, echo_path, giving, length
from tests.gateway_side import ERROR, RESPONSE, Gateway, request
from tests.zygote_case import ZygoteCase

# As in OpenTelemetry's guide, and as in Prometheus'; both are files for gunicorn.
OPENTELEMETRY = """
    import sdk

    bind = "127.0.0.1:8000"
    workers = 4
    worker_class = "sync"
    threads = 4

    def post_fork(server, worker):
        server.log.info("Worker spawned (pid: %s)", worker.pid)
        sdk.provider = f"provider of {worker.pid}"
"""
PROMETHEUS = """
    from multiprocess import mark_process_dead

    def child_exit(server, worker):
        mark_process_dead(worker.pid)
"""

# Writes down each call, and the PID it came in.
EVERY = """
    import json, os

    def write(name, *more):
        with open("calls", "a") as file:
            file.write(json.dumps([name, os.getpid(), *more]) + "\\n")

    def post_fork(server, worker): write("post_fork", server.pid, worker.pid, worker.age)
    def worker_ready(worker): write("worker_ready", worker.pid)
    def post_worker_init(worker): write("post_worker_init", worker.pid)
    def pre_request(worker, request):
        request.note = "left by pre_request"
        write("pre_request", worker.age, request.method, request.path, request.query, request.uri,
              dict(request.headers))
    def post_request(worker, request, environ, response):
        write("post_request", request.note, environ["PATH_INFO"], response.status,
              response.status_code, response.headers, response.sent)
    def worker_exit(server, worker): write("worker_exit", server.pid, worker.pid)
    def child_exit(server, worker): write("child_exit", server.pid, worker.pid, worker.age)
"""


class Processes(ZygoteCase):
    def calls(self) -> list[list[Any]]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def end_of(self, end: Any) -> dict[str, Any]:
        end.close()
        return self.expect("exited")

    def test_every_hook_is_called_in_its_process_and_in_its_turn(self) -> None:
        self.write("every.py", EVERY)
        for name, threads in (("every", 1), (str(self.folder / "every.py"), 2)):
            with self.subTest(hooks=name):
                zygote = self.loaded(hooks=name, workerClass="thread").pid
                pid, ends = self.fork_with_channels(7, threads)
                ends[-1].send("/pid", "a=b")
                content = ends[-1].expect_kind(RESPONSE)
                for end in ends:
                    end.close()
                self.expect("exited")
                # What follows it is obeyed behind the last hook.
                self.fork(8)
                *calls, _, _, _ = self.calls()
                (self.folder / "calls").unlink()
                fields = {"HOST": "test"}
                answer = ["200 OK", 200, [], len(content)]
                self.assertEqual(
                    calls,
                    [
                        ["post_fork", pid, zygote, pid, 7],
                        ["worker_ready", pid, pid],
                        ["post_worker_init", pid, pid],
                        ["pre_request", pid, 7, "GET", "/pid", "a=b", "/pid", fields],
                        ["post_request", pid, "left by pre_request", "/pid", *answer],
                        ["worker_exit", pid, zygote, pid],
                        ["child_exit", zygote, zygote, pid, 7],
                    ],
                )

    def test_the_file_of_opentelemetrys_guide(self) -> None:
        self.write("sdk.py", "provider = None")
        self.write("traced.py", "import sdk\n" + textwrap.dedent(giving_provider()))
        self.write("gunicorn.conf.py", OPENTELEMETRY)
        self.loaded(reference="traced:app", hooks="gunicorn.conf.py")
        for number in range(2):
            pid, end = self.fork(number)
            self.assertEqual(end.ask("/").decode(), f"provider of {pid}")
            self.assertIn(f"portico: Worker spawned (pid: {pid})\n", self.stderr())
        ignored = "hooks gunicorn.conf.py: not read: bind, workers, worker_class, threads "
        self.assertEqual(self.stderr().count(ignored), 1, self.stderr())

    def test_the_file_of_prometheus_guide(self) -> None:
        self.write(
            "multiprocess.py", "def mark_process_dead(pid): open(f'dead-{pid}', 'w').close()"
        )
        self.write("config.py", PROMETHEUS)
        self.loaded(hooks="config.py")
        pid, end = self.fork(1)
        end.send("/kill")
        self.expect("exited")
        self.fork(2)
        self.assertTrue((self.folder / f"dead-{pid}").exists())
        self.assertEqual(self.stderr(), "")

    def test_hooks_are_imported_first_with_the_same_paths(self) -> None:
        (self.folder / "lib").mkdir()
        self.write("lib/early.py", "import os; assert 'MADE' not in os.environ")
        self.write(
            "config.py",
            """
            import os, sys, early
            os.environ["MADE"] = "by the hooks"
            assert __file__.endswith("config.py")
            assert sys.modules[__name__].early is early
            """,
        )
        self.write("late.py", "import os; os.environ['MADE']\nfrom application import app")
        self.loaded(reference="late:app", hooks="config.py", pythonpath=["lib"])

    def test_hooks_that_cannot_be_imported(self) -> None:
        self.write("raises.py", "raise ValueError('the reason')")
        self.write("wrong.py", "def post_fork(server worker): pass")
        for name, says in (
            ("raises", "the hooks raises could not be imported: ValueError: the reason"),
            ("raises.py", "the hooks raises.py could not be imported: ValueError: the reason"),
            ("wrong.py", "the hooks wrong.py could not be imported: SyntaxError"),
            ("absent.py", "the hooks absent.py: there is no such file"),
            ("absent", "the hooks absent could not be imported: ModuleNotFoundError"),
        ):
            with self.subTest(hooks=name):
                self.start(hooks=name, reportFiles=True)
                message = self.expect("failed")
                self.assertEqual(message["exitStatus"], 3)
                self.assertIn(says, message["message"])
                if name != "absent":
                    file = str(self.folder / name.replace(".py", "")) + ".py"
                    self.assertIn(file, message["files"])

    def test_a_hook_that_fails_at_the_start_ends_the_worker_with_its_traceback(self) -> None:
        for name in ("post_fork", "worker_ready", "post_worker_init"):
            with self.subTest(hook=name):
                self.write("fails.py", f"def {name}(*_): raise ValueError('the reason')")
                self.loaded(hooks="fails.py")
                end = self.offer("fork", 1)
                self.expect("forked")
                self.assertIsNone(end.frame())
                self.assertEqual(self.expect("exited")["status"], 1)
                self.assertRegex(
                    self.stderr(),
                    rf"portico: error in the hook {name} \(PID \d+\)\n    Traceback [^\n]*\n"
                    rf'      File "[^"]*fails\.py", line 1, in {name}\n',
                )

    def test_a_hook_that_fails_at_the_end_is_logged(self) -> None:
        self.write(
            "fails.py",
            """
            import sys
            def worker_exit(server, worker): raise ValueError("in worker_exit")
            def child_exit(server, worker): sys.exit("in child_exit")
            """,
        )
        self.loaded(hooks="fails.py")
        self.assertEqual(self.end_of(self.fork(1)[1])["status"], 0)
        _, end = self.fork(2)
        self.assertIn("ValueError: in worker_exit", self.stderr())
        self.assertIn("SystemExit: in child_exit", self.stderr())
        end.ask("/pid")

    def test_in_a_fork_that_comes_back_no_worker_ends(self) -> None:
        self.write("every.py", EVERY)
        self.write(
            "forks.py",
            """
            import os
            def app(environ, start_response):
                pid = os.fork()
                if pid:
                    os.waitpid(pid, 0)
                start_response("200 OK", [])
                return [b""]
            """,
        )
        self.loaded(reference="forks:app", hooks="every")
        pid, end = self.fork(1)
        end.ask("/")
        self.end_of(end)
        self.fork(2)
        exits = [call[1] for call in self.calls() if call[0] == "worker_exit"]
        self.assertEqual(exits, [pid])


def giving_provider() -> str:
    return """
        def app(environ, start_response):
            start_response("200 OK", [])
            return [sdk.provider.encode()]
    """


def gives_two_pieces(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [TEXT])
    return iter([b"ab", b"cd"])


class Requests(unittest.TestCase):
    """`pre_request` and `post_request` around applications of all kinds."""

    def hooked(self, **functions: Any) -> Any:
        module = ModuleType("hooks_of_a_test")
        vars(module).update(functions)
        of_worker = Hooks(module, 1).of_worker(1)
        self.assertTrue(of_worker.around_requests)

        def make(channel: Any, application: Application, base: Environ) -> HookedWorker:
            return HookedWorker(channel, application, base, None, of_worker)

        return make

    def response_to(self, application: Application, **parts: Any) -> Any:
        """What `post_request` is told of an answer."""
        told: list[Any] = []
        make = self.hooked(post_request=lambda *arguments: told.append(arguments[3]))
        with Gateway(application, make=make) as gateway:
            gateway.ask(**parts)
        self.assertEqual(len(told), 1)
        return told[0]

    def test_the_answer_is_told_as_it_was_sent(self) -> None:
        def writes(environ: Environ, start_response: Any) -> Any:
            start_response("201 Created", [TEXT])(b"1234")
            return [b"56"]

        def none(environ: Environ, start_response: Any) -> Any:
            return [b"no start_response"]

        def raises(environ: Environ, start_response: Any) -> Any:
            start_response("200 OK", [TEXT])
            raise ValueError

        for application, method, status, sent in (
            (echo_path, "GET", "200 OK", 1),
            (giving([b"ab", b"cd"]), "GET", "200 OK", 4),
            (giving(iter([b"ab", b"cd", b"e"])), "GET", "200 OK", 5),
            (giving([b"ab"], headers=(TEXT, length(2))), "HEAD", "200 OK", 0),
            (giving([b"abc"], headers=(TEXT, length(2))), "GET", "200 OK", 2),
            (giving([], status="304 Not Modified"), "GET", "304 Not Modified", 0),
            (giving([b"x" * 100_000]), "GET", "200 OK", 100_000),
            (writes, "GET", "201 Created", 6),
            (none, "GET", "500 Internal Server Error", 0),
            (raises, "GET", "500 Internal Server Error", 0),
        ):
            response = self.response_to(application, method=method)
            self.assertEqual((response.status, response.sent), (status, sent))
            self.assertEqual(response.status_code, int(status[:3]))
        self.assertEqual(self.response_to(giving([b""])).headers, [TEXT])

    def test_answers_are_the_same_with_hooks(self) -> None:
        make = self.hooked(pre_request=lambda *_: None, post_request=lambda *_: None)
        for application in (
            echo_path,
            giving([b"ab", b"cd"]),
            giving([b"ab"]),
            gives_two_pieces,
            giving([]),
        ):
            with Gateway(application) as gateway:
                plain = gateway.ask()
            with Gateway(application, make=make) as gateway:
                hooked = gateway.ask()
            self.assertEqual((hooked.kinds, hooked.head), (plain.kinds, plain.head))

    def test_post_request_comes_behind_close_and_once_for_each_of_a_batch(self) -> None:
        events: list[str] = []

        class Closing(list):  # type: ignore[type-arg]
            def close(self) -> None:
                events.append("close")

        def application(environ: Environ, start_response: Any) -> Any:
            events.append(environ["PATH_INFO"])
            start_response("200 OK", [TEXT])
            return Closing([b"x"])

        make = self.hooked(
            pre_request=lambda worker, request: events.append(f"pre {request.path}"),
            post_request=lambda worker, request: events.append(f"post {request.path}"),
        )
        with Gateway(application, make=make) as gateway:
            gateway.send([request(slot, path=f"/{slot}") for slot in range(2)])
            for slot in range(2):
                gateway.answer(slot)
        self.assertEqual(
            events, [event for n in "01" for event in (f"pre /{n}", f"/{n}", "close", f"post /{n}")]
        )

    def test_as_many_arguments_as_it_takes(self) -> None:
        got: list[int] = []
        for hook in (
            lambda worker, request: got.append(2),
            lambda worker, request, environ: got.append(3),
            lambda worker, request, environ, response: got.append(4),
            lambda *arguments: got.append(len(arguments)),
            lambda worker, request, environ=None, **more: got.append(3),
            self.takes_two_beside_itself,
        ):
            with Gateway(echo_path, make=self.hooked(post_request=hook)) as gateway:
                gateway.ask()
        self.assertEqual(got, [2, 3, 4, 4, 3])

    def takes_two_beside_itself(self, worker: Any, request: Any) -> None:
        pass

    def test_a_hook_that_raises_is_logged_and_changes_nothing(self) -> None:
        def raises(*_: Any) -> None:
            raise ValueError("the reason")

        make = self.hooked(pre_request=raises, post_request=raises)
        with Gateway(echo_path, make=make) as gateway:
            for _ in range(2):
                answer = gateway.ask(path="/it")
                self.assertEqual((answer.kinds, answer.content), ([RESPONSE], b"/it"))
        self.assertEqual(gateway.stderr.count("ValueError: the reason"), 4)

    def test_where_the_application_is_not_called_neither_are_hooks(self) -> None:
        called: list[Any] = []
        make = self.hooked(post_request=lambda *arguments: called.append(arguments))
        with Gateway(echo_path, make=make) as gateway:
            answer = gateway.ask(body="/no/such/file")
        self.assertEqual((answer.kinds, called), ([ERROR], []))

    def test_requests_may_be_asked_for_their_fields_by_any_name(self) -> None:
        seen: list[Any] = []
        make = self.hooked(pre_request=lambda worker, request: seen.append(request.headers))
        with Gateway(echo_path, make=make) as gateway:
            gateway.ask(CONTENT_TYPE="text/plain", HTTP_USER_AGENT="x", raw_uri="/%41")
        fields = [("HOST", "test"), ("USER-AGENT", "x"), ("CONTENT-TYPE", "text/plain")]
        self.assertEqual(sorted(seen[0]), sorted(fields))


class Warnings(unittest.TestCase):
    def warnings(self, **entries: Any) -> list[str]:
        module = ModuleType("config")
        for value in entries.values():
            if callable(value):
                value.__module__ = "config"
        vars(module).update(entries)
        return hooks.warnings("config.py", module)

    def test_a_name_that_is_nearly_a_hooks(self) -> None:
        for wrong, right in (
            ("postfork", "post_fork"),
            ("post_forks", "post_fork"),
            ("pre_requests", "pre_request"),
            ("worker_exits", "worker_exit"),
            ("child_exited", "child_exit"),
            ("worker_redy", "worker_ready"),
        ):
            self.assertEqual(
                self.warnings(**{wrong: lambda *_: None}),
                [f"hooks config.py: {wrong} is not called; did you mean {right!r}?"],
            )

    def test_functions_of_its_own_are_its_own_affair(self) -> None:
        entries = dict.fromkeys(("post_fork", "child_exit"), lambda *_: None)
        self.assertEqual(self.warnings(**entries, helper=lambda: None, post_for="a value"), [])

    def test_what_is_gunicorns_and_not_ours_is_listed_in_one_line(self) -> None:
        self.assertEqual(
            self.warnings(bind=":8000", when_ready=lambda *_: None, pre_fork=lambda *_: None),
            [
                "hooks config.py: not read: bind (Portico has options of its own)",
                (
                    "hooks config.py: not called: when_ready, pre_fork "
                    "(gunicorn's, which Portico has not)"
                ),
            ],
        )


class Logger(unittest.TestCase):
    def test_no_configuration_of_the_applications_silences_it(self) -> None:
        logger = hooks.make_logger()
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            logger.info("worker %d", 7)
            logger.debug("too much")
            try:
                raise ValueError("the reason")
            except ValueError:
                logger.exception("failed")
        self.assertTrue(
            errors.getvalue().startswith("portico: worker 7\nportico: failed\n    Trace")
        )
