"""The zygote as a process of its own: start, fork, exits, signals, and the end of everything."""

from __future__ import annotations

import gc
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import unittest

from tests.gateway_side import READY, TIMEOUT_S
from tests.zygote_case import WorkerEnd, ZygoteCase, command, is_gone, is_zombie, until


class Starting(ZygoteCase):
    def test_loaded_says_what(self) -> None:
        zygote = self.start("application")
        message = self.expect("loaded")
        guardian = message.pop("guardianPid")
        self.assertEqual(os.getpgid(guardian), zygote.pid)
        stacks = message.pop("stacks")
        self.assertEqual(stacks is None, sys.platform != "linux")
        self.assertEqual(
            message,
            {
                "type": "loaded",
                "pid": zygote.pid,
                "kind": "WSGI",
                "reference": "application:app",
                "python": ".".join(map(str, sys.version_info[:3])),
                "executable": sys.executable,
                "dumpSignal": 62 if sys.platform == "linux" else signal.SIGUSR2,
            },
        )

    def test_failed_says_why_and_is_the_exit_status(self) -> None:
        self.write("raises.py", "raise ValueError('the reason')")
        for reference, status, says in (
            ("aplication:app", 3, "did you mean 'application'"),
            ("raises:app", 3, "raises could not be imported: ValueError: the reason"),
            ("application:ap", 4, "did you mean 'app'"),
        ):
            zygote = self.start(reference)
            message = self.expect("failed")
            self.assertEqual(message["exitStatus"], status)
            self.assertIn(says, message["message"])
            self.assertEqual(zygote.wait(TIMEOUT_S), status)
            self.assertEqual(self.stderr(), "")

    def test_applications_may_call_their_modules_as_we_call_ours(self) -> None:
        for name in ("wire", "wsgi", "worker", "zygote", "loading", "content", "heads"):
            self.write(f"{name}.py", f"name = {name!r}")
        self.write(
            "named.py",
            """
            import wire, wsgi, worker, zygote, loading, content, heads, os, sys
            names = [m.name for m in (wire, wsgi, worker, zygote, loading, content, heads)]
            assert names == ["wire", "wsgi", "worker", "zygote", "loading", "content", "heads"]
            for entry in sys.path:
                assert "portico_worker" not in entry, sys.path
                assert not os.path.exists(os.path.join(entry, "portico_worker")), sys.path
            def app(environ, start_response): pass
            """,
        )
        self.start("named:app")
        self.expect("loaded")

    def test_the_working_folder_comes_first_and_then_pythonpath(self) -> None:
        (self.folder / "lib").mkdir()
        self.write("lib/below.py", "value = 'lib'")
        self.write("lib/application.py", "raise ValueError('the wrong one')")
        self.write(
            "paths.py",
            """
            import os, sys
            assert sys.path[:2] == [os.getcwd(), os.path.join(os.getcwd(), "lib")], sys.path
            os.chdir("/")
            import application, below
            app = application.app
            """,
        )
        self.start("paths:app", pythonpath=["lib"])
        self.expect("loaded")

    def test_a_python_that_is_too_old_says_so(self) -> None:
        homes = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
        for version in ("2.7", "3.6", "3.7", "3.8"):
            for python in glob.glob(f"{homes}/versions/{version}.*/bin/python"):
                with self.subTest(python=python):
                    zygote = self.start(python=python)
                    message = self.expect("failed")
                    self.assertEqual(message["exitStatus"], 2)
                    self.assertRegex(
                        message["message"],
                        rf"^Python {version}\.\d+ \(.*\) is too old: Portico needs 3\.9 or later",
                    )
                    self.assertEqual(zygote.wait(TIMEOUT_S), 2)
                    self.assertEqual(self.stderr(), "")

    def test_no_start_is_the_end(self) -> None:
        self.write("hangs.py", "import time; time.sleep(600)")
        control, theirs = socket.socketpair()
        with theirs:
            zygote = subprocess.Popen(command(theirs.fileno(), "hangs"), pass_fds=[theirs.fileno()])
        control.close()
        self.assertEqual(zygote.wait(TIMEOUT_S), 0)

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells of a parent's death")
    def test_an_import_that_hangs_dies_with_its_parent(self) -> None:
        self.write(
            "hangs.py", "import os, time; os.write(1, b'%d\\n' % os.getpid())\ntime.sleep(600)"
        )
        # The parent in between is what the gateway is: it starts the zygote, and is killed.
        script = """
            import json, socket, subprocess, sys
            ours, theirs = socket.socketpair()
            start = {"type": "start", "reference": "hangs:app", "pythonpath": []}
            start["socketFiles"] = []
            ours.sendall(json.dumps(start).encode() + b"\\n")
            command = [str(theirs.fileno()) if part == "-1" else part for part in sys.argv[1:]]
            subprocess.Popen(command, pass_fds=[theirs.fileno()]).wait()
        """
        parent = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *command(-1, "hangs:app")],
            cwd=self.folder,
            stdout=subprocess.PIPE,
        )
        assert parent.stdout is not None
        with parent.stdout:
            pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait(TIMEOUT_S)
        until("the zygote's end", lambda: is_gone(pid) or is_zombie(pid))


class Forking(ZygoteCase):
    def test_a_worker_answers(self) -> None:
        zygote = self.loaded()
        pid, end = self.fork(12)
        self.assertEqual(end.ask("/pid"), b"%d" % pid)
        self.assertNotEqual(pid, zygote.pid)

    def test_workers_have_their_own_sockets_and_no_others(self) -> None:
        self.loaded()
        ends = [self.fork(number)[1] for number in range(3)]
        for end in ends:
            links = json.loads(end.ask("/descriptors"))
            sockets = [link for link in links if link.startswith("socket:")]
            self.assertEqual(len(sockets), 2, links)
            others = [link for link in links if link not in sockets]
            files = ["progress", "progress", "stacks"] if sys.platform == "linux" else []
            self.assertEqual(sorted(others), [f"/memfd:portico-{name} (deleted)" for name in files])

    def test_a_workers_signals_write_to_no_descriptor(self) -> None:
        # The zygote's pipe for SIGCHLD is closed in a worker; its number may be the channel's.
        self.loaded()
        self.assertEqual(self.fork(1)[1].ask("/wakeup"), b"-1")

    def test_the_end_of_its_channel_ends_a_worker(self) -> None:
        self.loaded()
        pid, end = self.fork(1)
        # Were another process to hold that socket, the worker would never see its end.
        self.fork(2)
        end.close()
        self.assertEqual(
            self.expect("exited"),
            {"type": "exited", "worker": 1, "pid": pid, "status": 0, "signal": None},
        )
        self.assertTrue(is_gone(pid))

    @unittest.skipUnless(hasattr(os, "waitid"), "cannot wait for an end and leave it unreaped")
    def test_what_ended_during_the_import_is_reaped_before_any_worker_ends(self) -> None:
        self.write(
            "early.py",
            """
            import os

            from application import app

            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            with open("pid", "w") as file:
                file.write(str(pid))
            """,
        )
        self.start("early:app")
        self.expect("loaded")
        pid = int((self.folder / "pid").read_text())
        until("the child's reaping", lambda: is_gone(pid))

    def test_exited_says_how_and_leaves_no_zombie(self) -> None:
        self.loaded()
        for path, query, status, number in (
            ("/kill", "", None, signal.SIGKILL),
            ("/exit", "", 0, None),
            ("/exit", "7", 7, None),
            ("/exit", "0", 0, None),
        ):
            pid, end = self.fork(5)
            end.send(path, query)
            message = self.expect("exited")
            self.assertEqual((message["worker"], message["pid"]), (5, pid))
            self.assertEqual((message["status"], message["signal"]), (status, number))
            self.assertTrue(is_gone(pid))

    def test_workers_that_die_at_once_are_all_reaped(self) -> None:
        zygote = self.loaded()
        workers = dict(self.fork(number) for number in range(5))
        # SIGCHLD is not queued: while the zygote stands still, five ends become one signal.
        os.kill(zygote.pid, signal.SIGSTOP)
        for end in workers.values():
            end.send("/kill")
        for end in workers.values():
            self.assertIsNone(end.frame())
        os.kill(zygote.pid, signal.SIGCONT)
        exited = {self.expect("exited")["pid"] for _ in workers}
        self.assertEqual(exited, set(workers))

    def test_a_signal_is_sent_to_the_worker_named(self) -> None:
        self.loaded()
        self.fork(1)
        second, _ = self.fork(2)
        self.say(type="signal", worker=2, signal=int(signal.SIGKILL))
        message = self.expect("exited")
        self.assertEqual((message["pid"], message["signal"]), (second, signal.SIGKILL))

    def test_abort_shows_the_stack(self) -> None:
        self.write(
            "hangs.py",
            """
            import sys, time
            # Whatever an application makes of sys.stderr.
            sys.stderr = None
            def app(environ, start_response):
                open("begun", "w").close()
                time.sleep(600)
            """,
        )
        self.loaded(reference="hangs:app")
        self.fork(1)[1].send("/")
        until("the call", (self.folder / "begun").exists)
        self.say(type="signal", worker=1, signal=int(signal.SIGABRT))
        self.assertEqual(self.expect("exited")["signal"], signal.SIGABRT)
        self.assertRegex(self.stderr(), r'hangs\.py", line \d+ in app')

    def test_a_worker_by_path(self) -> None:
        self.loaded()
        folder = self.folder / "run"
        folder.mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "s"))
            listener.listen()
            token = "0123456789abcdef" * 4
            link = {"kind": "path", "path": str(folder / "s"), "token": token}
            self.say(type="fork", worker=3, link=link)
            listener.settimeout(TIMEOUT_S)
            stream, _ = listener.accept()
        forked = self.expect("forked")
        with stream:
            end = WorkerEnd(stream)
            self.assertEqual(end.read(64).decode(), token)
            self.assertEqual(end.frame(), (forked["pid"], READY, b""))
            self.assertEqual(end.ask("/pid"), b"%d" % forked["pid"])
        self.expect("exited")
        self.end_control()
        until("the folder's end", lambda: not folder.exists())

    def test_workers_do_not_draw_the_same_random_numbers(self) -> None:
        self.loaded()
        drawn = {self.fork(number)[1].ask("/random") for number in range(3)}
        self.assertEqual(len(drawn), 3)

    def test_output_before_the_fork_is_written_once(self) -> None:
        self.write(
            "prints.py",
            """
            import atexit, os, sys
            sys.stderr = open("printed", "w", buffering=100_000)
            sys.stderr.write("imported\\n")
            atexit.register(lambda: sys.stderr.write("atexit\\n"))
            def app(environ, start_response): pass
            """,
        )
        self.loaded(reference="prints:app")
        for number in range(2):
            _, end = self.fork(number)
            end.close()
            self.assertEqual(self.expect("exited")["status"], 0)
        # Each worker ends as a program does: what was registered for that is run, in each.
        self.assertEqual((self.folder / "printed").read_text(), "imported\natexit\natexit\n")

    def test_an_import_looks_for_garbage_less_often_and_nothing_else_does(self) -> None:
        for says, imported, called in (
            ("", 100_000, gc.get_threshold()[0]),
            ("gc.set_threshold(5_000, 7, 8)", 5_000, 5_000),
            ("gc.set_threshold(0)", 0, 0),
        ):
            with self.subTest(says):
                self.write(
                    "collected.py",
                    f"""
                    import gc
                    {says}
                    imported = gc.get_threshold()[0]
                    def app(environ, start_response):
                        start_response("200 OK", [])
                        return [b"%d %d %d" % (imported, gc.get_threshold()[0], gc.isenabled())]
                    """,
                )
                self.loaded(reference="collected:app")
                _, end = self.fork(1)
                self.assertEqual(end.ask("/"), b"%d %d 1" % (imported, called))


class Ending(ZygoteCase):
    def test_the_end_of_the_control_socket_ends_everything(self) -> None:
        zygote = self.loaded()
        pids = []
        for number in range(2):
            pid, end = self.fork(number)
            pids += [pid, int(end.ask("/spawn"))]
        self.assertFalse(any(map(is_gone, pids)))
        self.end_control()
        zygote.wait(TIMEOUT_S)
        until("the end of all", lambda: all(is_gone(pid) or is_zombie(pid) for pid in pids))

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells of a parent's death")
    def test_workers_die_with_a_zygote_that_is_killed(self) -> None:
        zygote = self.loaded()
        pid, end = self.fork(1)
        zygote.kill()
        self.assertIsNone(end.frame())
        until("the worker's end", lambda: is_gone(pid) or is_zombie(pid))

    def test_signals_to_the_whole_group_end_nobody(self) -> None:
        zygote = self.loaded()
        pid, end = self.fork(1)
        self.assertEqual(os.getpgid(pid), zygote.pid)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            os.killpg(zygote.pid, number)
            self.assertEqual(end.ask("/pid"), b"%d" % pid)
        self.fork(2)
        self.assertIsNone(zygote.poll())

    def test_a_program_of_the_application_can_be_ended_by_signals(self) -> None:
        self.loaded()
        _, end = self.fork(1)
        # Ignored signals would be inherited through exec, handlers are not.
        program = int(end.ask("/spawn"))
        os.kill(program, signal.SIGTERM)
        until("its end", lambda: is_gone(program) or is_zombie(program))
