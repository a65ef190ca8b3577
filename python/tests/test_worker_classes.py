"""Worker classes as processes: several channels in one, one request to each, descriptors."""

from __future__ import annotations

import json
import os
import socket
import unittest
from pathlib import Path
from typing import Any

from tests.gateway_side import ERROR, RESPONSE, TIMEOUT_S
from tests.zygote_case import WorkerEnd, ZygoteCase, is_gone, until

# `/meet` waits until as many are there as the query says; `/wait` until a file is there; `/leave`
# ends the thread; `/fork` forks, and both come back.
APPLICATION = """
    import atexit, os, subprocess, sys, threading, time

    lock = threading.Lock()
    met = 0
    file = open("kept-by-the-application", "w")
    atexit.register(lambda: open(f"atexit-{os.getpid()}", "w").close())

    def until(holds):
        end = time.monotonic() + 20
        while not holds() and time.monotonic() < end:
            time.sleep(0.002)

    def descriptors(pid):
        found = {}
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[name] = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                pass
        return found

    def app(environ, start_response):
        global met
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        content = ""
        if path == "/meet":
            with lock:
                met += 1
            until(lambda: met >= int(query))
            content = threading.current_thread().name
        elif path == "/wait":
            open(f"{query}-begun", "w").close()
            until(lambda: os.path.exists(query))
            content = "waited"
        elif path == "/leave":
            sys.exit(5)
        elif path == "/fork":
            pid = os.fork()
            if pid:
                content = os.waitpid(pid, 0)
        elif path == "/environ":
            content = [environ[f"wsgi.{name}"] for name in
                       ("multithread", "multiprocess", "run_once")]
        elif path == "/pid":
            content = os.getpid()
        elif path == "/descriptors":
            content = descriptors("self")
        elif path == "/inherited":
            program = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       close_fds=False)
            program.stdout.readline()
            content = descriptors(program.pid)
            program.communicate(b"\\n")
        start_response("200 OK", [])
        import json
        return [json.dumps(content).encode()]
"""


class ClassCase(ZygoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("classes.py", APPLICATION)

    def begin(self, worker_class: str, **more: Any) -> None:
        self.loaded(reference="classes:app", workerClass=worker_class, **more)

    def exit_status(self) -> Any:
        return self.expect("exited")["status"]


class Threads(ClassCase):
    def test_each_channel_is_served_by_a_thread_of_its_own(self) -> None:
        self.begin("thread", threads=4)
        _, ends = self.fork_with_channels(1, 4)
        # None is answered before all have begun.
        for end in ends:
            end.send("/meet", "4")
        names = [json.loads(end.expect_kind(RESPONSE)) for end in ends]
        self.assertEqual(names, ["MainThread", "portico-1", "portico-2", "portico-3"])

    def test_the_environ_says_so(self) -> None:
        self.begin("thread")
        _, ends = self.fork_with_channels(1, 2)
        for end in ends:
            self.assertEqual(json.loads(end.ask("/environ")), [True, True, False])

    def test_a_thread_worker_may_have_one_channel(self) -> None:
        self.begin("thread")
        pid, end = self.fork(1)
        self.assertEqual(json.loads(end.ask("/pid")), pid)

    def test_it_ends_when_all_its_channels_have_ended(self) -> None:
        self.begin("thread")
        pid, ends = self.fork_with_channels(1, 3)
        for end in (ends[0], ends[2]):
            end.close()
            self.assertEqual(json.loads(ends[1].ask("/pid")), pid)
        ends[1].close()
        self.assertEqual(self.exit_status(), 0)
        self.assertTrue((self.folder / f"atexit-{pid}").exists())

    def test_the_end_of_one_thread_lets_the_others_finish_what_they_hold(self) -> None:
        for leaves, stays, idle in ((0, 1, 2), (2, 0, 1)):
            with self.subTest(leaves=leaves):
                self.begin("thread")
                _, ends = self.fork_with_channels(1, 3)
                name = f"go-{leaves}"
                ends[stays].send("/wait", name)
                until("the wait", (self.folder / f"{name}-begun").exists)
                # Sent before the end, and not yet begun.
                ends[stays].send("/pid")
                ends[leaves].send("/leave")
                ends[leaves].expect_kind(ERROR)
                self.assertIsNone(ends[leaves].frame())
                self.assertIsNone(ends[idle].frame())
                (self.folder / name).touch()
                self.assertEqual(ends[stays].expect_kind(RESPONSE), b'"waited"')
                ends[stays].expect_kind(RESPONSE)
                self.assertIsNone(ends[stays].frame())
                self.assertEqual(self.exit_status(), 5)

    def test_a_protocol_error_in_one_thread_ends_the_worker_and_is_said(self) -> None:
        self.begin("thread")
        _, ends = self.fork_with_channels(1, 2)
        ends[1].stream.sendall(b"\xff\xff\xff\xff")
        for end in ends:
            self.assertIsNone(end.frame())
        self.assertEqual(self.exit_status(), 1)
        self.assertIn("ends: ProtocolError: a frame of ", self.stderr())

    def test_a_child_that_comes_back_from_a_fork_answers_nobody(self) -> None:
        self.begin("thread")
        _, ends = self.fork_with_channels(1, 2)
        for end in ends:
            # The child ended as a program does, and left all channels to its parent.
            child, status = json.loads(end.ask("/fork"))
            self.assertEqual(status, 0)
            self.assertTrue((self.folder / f"atexit-{child}").exists())
        for end in ends:
            end.ask("/pid")

    def test_channels_by_path(self) -> None:
        self.begin("thread")
        (self.folder / "run").mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "run/s"))
            listener.listen()
            listener.settimeout(TIMEOUT_S)
            link = {"kind": "path", "path": str(self.folder / "run/s"), "token": "0" * 64}
            self.say(type="channel", worker=3, link=link)
            self.say(type="fork", worker=3, link=link)
            streams = [listener.accept()[0] for _ in range(2)]
        ends = [WorkerEnd(stream) for stream in streams]
        for end in ends:
            self.addCleanup(end.close)
            self.assertEqual(end.read(64), b"0" * 64)
        self.expect("forked")
        for end in ends:
            end.frame()
            end.ask("/pid")


class Requests(ClassCase):
    def test_each_has_a_process_of_its_own_that_ends_behind_it(self) -> None:
        self.begin("request")
        seen = set()
        for number in range(3):
            pid, end = self.fork(number)
            self.assertEqual(json.loads(end.ask("/environ")), [False, True, True])
            end.close()
            self.assertEqual(self.exit_status(), 0)
            self.assertTrue(is_gone(pid))
            self.assertTrue((self.folder / f"atexit-{pid}").exists())
            seen.add(pid)
        self.assertEqual(len(seen), 3)

    def test_it_says_that_it_runs_once_and_beside_others_whatever_their_number(self) -> None:
        self.begin("request", multiprocess=False)
        self.assertEqual(json.loads(self.fork(1)[1].ask("/environ")), [False, True, True])

    def test_a_request_that_is_larger_than_the_buffer(self) -> None:
        self.begin("request")
        _, end = self.fork(1)
        end.send("/pid", "x" * 300_000)
        end.expect_kind(RESPONSE)


@unittest.skipUnless(Path("/proc/self/fd").exists(), "looks at descriptors through proc(5)")
class Descriptors(ClassCase):
    def other_than_standard(self, end: WorkerEnd, path: str) -> list[str]:
        links: dict[str, str] = json.loads(end.ask(path))
        self.assertLessEqual({"0", "1", "2"}, set(links))
        return [
            link
            for number, link in links.items()
            # The last is the one by which the folder is read.
            if int(number) > 2 and not link.endswith("/fd")
        ]

    def check(self, worker_class: str, channels: int, **more: Any) -> None:
        self.begin(worker_class, **more)
        # Others, before and behind it, and one that is announced and not yet forked.
        self.fork_with_channels(1, channels)
        self.offer("channel", 9)
        _, ends = self.fork_with_channels(2, channels)
        self.fork_with_channels(3, channels)
        for end in ends:
            links = self.other_than_standard(end, "/descriptors")
            sockets = [link for link in links if link.startswith("socket:")]
            self.assertEqual(len(sockets), 2 * channels, links)
            others = sorted(os.path.basename(link) for link in links if link not in sockets)
            expected = [
                "kept-by-the-application",
                *["memfd:portico-progress (deleted)"] * (2 if worker_class == "process" else 0),
                "memfd:portico-stacks (deleted)",
                *["statm"] * ("maxRssBytes" in more),
            ]
            self.assertEqual(others, expected)
            self.assertEqual(self.other_than_standard(end, "/inherited"), [])

    def test_of_a_worker(self) -> None:
        self.check("process", 1)

    def test_of_a_worker_with_threads(self) -> None:
        self.check("thread", 3)

    def test_of_a_request(self) -> None:
        self.check("request", 1)

    def test_of_a_worker_whose_size_is_watched(self) -> None:
        self.check("process", 1, maxRssBytes=1 << 40, reportFiles=True)

    def test_of_the_zygote_after_its_workers(self) -> None:
        self.begin("thread")
        folder = Path(f"/proc/{self.zygote.pid}/fd")
        held = []
        for number in range(3):
            _, ends = self.fork_with_channels(number, 2)
            for end in ends:
                end.close()
            self.exit_status()
            held.append(sorted(file.name for file in folder.iterdir()))
        self.assertEqual(held[0], held[2])
