"""The guardian: what a gateway that is killed leaves behind while the zygote does not listen."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from unittest import mock

from portico_worker import guardian

from tests.gateway_side import TIMEOUT_S
from tests.zygote_case import PROGRAM, START, is_gone, is_zombie, until

# A gateway that starts a zygote, hears its first words and stays until it is killed.
GATEWAY = """
import json, os, socket, subprocess, sys, time
# So that none of the pair gets the number that the zygote's end must have.
os.dup2(0, 3)
control, theirs = socket.socketpair()
os.dup2(theirs.fileno(), 3)
zygote = subprocess.Popen([sys.executable, *sys.argv[1:3], sys.argv[3]], pass_fds=[3])
os.close(3)
theirs.close()
control.sendall(sys.argv[4].encode() + b"\\n")
print(zygote.pid, flush=True)
if sys.argv[5] == "closes":
    sys.stdin.readline()
    control.close()
time.sleep(600)
"""
HANGING = """
    import subprocess, sys, time
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open("program", "w").write(f"{program.pid}\\n")
    time.sleep(600)
"""


def identity(path: Path) -> dict[str, object]:
    found = path.lstat()
    return {"path": str(path), "device": found.st_dev, "inode": found.st_ino}


def running() -> list[tuple[int, int, int]]:
    """Each process that is no zombie: its number, its parent's, its group's (proc(5))."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            if state != "Z":
                found.append((int(entry.name), int(parent), int(group)))
    return found


def ended(pid: int) -> bool:
    return is_gone(pid) or is_zombie(pid)


@unittest.skipUnless(sys.platform == "linux", "looks at processes through proc(5)")
class Killed(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "hanging.py").write_text(textwrap.dedent(HANGING))
        self.socket_file = self.folder / "socket"
        self.socket_file.touch()

    def start(self, then: str = "") -> tuple[subprocess.Popen[str], int, int]:
        """A gateway, its zygote, and a program that the import has started, before it hung."""
        start = {**START, "reference": "hanging", "socketFiles": [identity(self.socket_file)]}
        gateway = subprocess.Popen(
            [sys.executable, "-c", GATEWAY, PROGRAM, "zygote", "hanging", json.dumps(start), then],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gateway.stdout is not None
        assert gateway.stdin is not None
        self.addCleanup(gateway.stdout.close)
        self.addCleanup(gateway.stdin.close)
        self.addCleanup(gateway.wait, TIMEOUT_S)
        self.addCleanup(gateway.kill)
        zygote = int(gateway.stdout.readline())
        self.addCleanup(self.end_group, zygote)
        program = self.folder / "program"
        until("the import", lambda: program.exists() and program.read_text().endswith("\n"))
        return gateway, zygote, int(program.read_text())

    def end_group(self, leader: int) -> None:
        if not ended(leader):
            os.killpg(leader, signal.SIGKILL)

    def members(self, group: int) -> list[int]:
        """Those of a process group that have not ended."""
        return [pid for pid, _, its_group in running() if its_group == group]

    def test_a_gateway_that_is_killed_during_the_import(self) -> None:
        gateway, zygote, program = self.start()
        gateway.kill()
        gateway.wait(TIMEOUT_S)
        until("the end of both", lambda: ended(zygote) and ended(program))
        self.assertFalse(self.socket_file.exists())
        until("the end of the group", lambda: not self.members(zygote))

    def test_a_gateway_that_is_killed_and_not_reaped(self) -> None:
        gateway, zygote, program = self.start()
        gateway.kill()
        until("the end of both", lambda: ended(zygote) and ended(program))
        self.assertFalse(self.socket_file.exists())

    def test_a_gateway_that_lives_sees_to_it_itself(self) -> None:
        gateway, zygote, program = self.start("closes")
        self.assertEqual(len(self.members(zygote)), 3)
        assert gateway.stdin is not None
        gateway.stdin.write("\n")
        gateway.stdin.flush()
        until("the guardian's end", lambda: len(self.members(zygote)) == 2)
        self.assertFalse(ended(zygote) or ended(program))
        self.assertTrue(self.socket_file.exists())

    def test_a_zygote_that_ends_first_takes_the_guardian_along(self) -> None:
        _, zygote, program = self.start()
        os.kill(zygote, signal.SIGKILL)
        until("the guardian's end", lambda: self.members(zygote) == [program])
        self.assertTrue(self.socket_file.exists())
        os.kill(program, signal.SIGKILL)

    def test_it_holds_no_standard_stream(self) -> None:
        _, zygote, program = self.start()
        [guardian_pid] = [pid for pid in self.members(zygote) if pid not in (zygote, program)]
        for descriptor in range(3):
            link = Path(f"/proc/{guardian_pid}/fd/{descriptor}")
            until("its letting go", lambda link=link: os.readlink(link) == os.devnull)

    def test_it_is_no_child_of_the_zygote(self) -> None:
        _, zygote, program = self.start()
        children = [pid for pid, parent, _ in running() if parent == zygote]
        self.assertEqual(children, [program])


class Parts(unittest.TestCase):
    def test_a_process_runs_until_it_has_ended(self) -> None:
        self.assertTrue(guardian.is_running(os.getpid()))
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )
        self.assertTrue(guardian.is_running(child.pid))
        assert child.stdin is not None
        child.stdin.close()
        if sys.platform == "linux":
            until("a zombie", lambda: not guardian.is_running(child.pid))
        child.wait(TIMEOUT_S)
        self.assertFalse(guardian.is_running(child.pid))

    def test_somebody_elses_process_runs(self) -> None:
        with mock.patch.object(os, "kill", side_effect=PermissionError):
            self.assertTrue(guardian.is_running(1))

    def test_only_the_file_that_is_meant_is_removed(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            ours, theirs, gone = (Path(name) / each for each in ("ours", "theirs", "gone"))
            ours.touch()
            theirs.touch()
            files = [identity(ours), {**identity(theirs), "inode": -1}]
            files.append({**identity(ours), "path": str(gone)})
            guardian.remove_files(files)
            self.assertEqual((ours.exists(), theirs.exists()), (False, True))

    def test_the_file_of_a_socket_that_somebody_accepts_from_is_left(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "s"
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                listener.bind(str(path))
                listener.listen(1)
                files = [identity(path)]
                # Also while its queue is full.
                for _ in range(2):
                    guardian.remove_files(files)
                    self.assertTrue(path.exists())
            guardian.remove_files(files)
            self.assertFalse(path.exists())

    def test_the_folder_that_the_zygote_named_is_removed(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "links"
            folder.mkdir()
            (folder / "s").touch()
            for written in (os.fsencode(folder), b""):
                control, other = os.pipe()
                ended, lifeline = os.pipe()
                os.set_blocking(ended, False)
                os.write(lifeline, written)
                os.close(other)
                with mock.patch.multiple(
                    guardian,
                    ZYGOTE_END_BOUND_S=0.0,
                    end_group=mock.DEFAULT,
                    is_running=lambda _: False,
                ) as replaced:
                    guardian.watch(control, ended, 1, [])
                replaced["end_group"].assert_called_once_with()
                for descriptor in (control, ended, lifeline):
                    os.close(descriptor)
            self.assertEqual(list(Path(name).iterdir()), [])

    def test_a_live_gateway_is_waited_for_within_a_bound(self) -> None:
        read, write = os.pipe()
        other, lifeline = os.pipe()
        os.close(write)
        began = time.monotonic()
        bound = mock.patch.object(guardian, "GATEWAY_END_BOUND_S", 0.05)
        with bound, mock.patch.object(guardian, "end_group") as end_group:
            guardian.watch(read, other, os.getpid(), [])
        self.assertGreaterEqual(time.monotonic() - began, 0.05)
        end_group.assert_not_called()
        for descriptor in (read, other, lifeline):
            os.close(descriptor)
