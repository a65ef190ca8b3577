"""Starts zygotes as the gateway does, as processes, and speaks the gateway's side to them."""

from __future__ import annotations

import json
import marshal
import os
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from typing import Any, Callable

from tests.gateway_side import READY, REPORT, RESPONSE, TIMEOUT_S, request

PROGRAM = str(Path(__file__).parent.parent / "portico_worker")
START = {
    "type": "start",
    "pythonpath": [],
    "rootPath": "/root",
    "version": "0.0.0",
    "multiprocess": True,
    "socketFiles": [],
}

# What the applications of these tests have in common: `/pid` answers with the worker's PID, `/kill`
# and `/exit` end it, `/spawn` starts a program that stays.
APPLICATION = """
    import atexit, json, os, random, signal, subprocess, sys

    inherited = random.random()

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        content = os.getpid()
        if path == "/kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif path == "/exit":
            sys.exit(int(environ["QUERY_STRING"]) if environ["QUERY_STRING"] else None)
        elif path == "/spawn":
            program = "import time; time.sleep(600)"
            content = subprocess.Popen([sys.executable, "-c", program]).pid
        elif path == "/wakeup":
            content = signal.set_wakeup_fd(-1)
        elif path == "/random":
            content = random.random()
        elif path == "/descriptors":
            names = [name for name in os.listdir("/dev/fd") if int(name) > 2]
            links = []
            for name in names:
                try:
                    links.append(os.readlink(f"/dev/fd/{name}"))
                except OSError:
                    pass
            content = json.dumps([link for link in links if not link.endswith("/fd")])
        start_response("200 OK", [])
        return [str(content).encode()]
"""


# Puts the socket that it is given where the gateway would, and becomes the zygote.
AS_DESCRIPTOR_3 = """
import os, sys
given = int(sys.argv[1])
os.dup2(given, 3)
if given != 3:
    os.close(given)
os.execv(sys.argv[2], sys.argv[2:])
"""


def command(theirs: int, reference: str, python: str = sys.executable) -> list[str]:
    starter = [sys.executable, "-I", "-S", "-c", AS_DESCRIPTOR_3, str(theirs)]
    return [*starter, python, PROGRAM, "zygote", reference]


def until(what: str, holds: Callable[[], bool]) -> None:
    """Waits for something that no message tells of, such as the end of a process not our child."""
    end = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    """Whether there is no such process. A zombie is one: whoever is its parent has to reap it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def is_zombie(pid: int) -> bool:
    """Whether it has ended and only waits to be reaped, here by the system's first process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"


class WorkerEnd:
    """The gateway's end of one worker of a zygote."""

    def __init__(self, stream: socket.socket, files: socket.socket | None = None) -> None:
        self.stream = stream
        self.files = files
        # Of the frame that was read last.
        self.head = b""
        stream.settimeout(TIMEOUT_S)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.stream.recv(size - len(data))
            if not piece:
                break
            data += piece
        return data

    def frame(self) -> tuple[int, int, bytes] | None:
        """Slot, kind and content of the next frame; None at the end."""
        data = self.read(32)
        if not data:
            return None
        slot, _, _, size, kind, _, _, head_size, _ = struct.unpack("<IIIIBBHIQ", data)
        self.head = self.read(head_size)
        return slot, kind, self.read(size)

    def report(self) -> dict[str, Any]:
        """What the next frame, a report, says."""
        self.expect_kind(REPORT)
        report: dict[str, Any] = json.loads(self.head)
        return report

    def expect_kind(self, kind: int) -> bytes:
        """The content of the next frame, which is of that kind."""
        frame = self.frame()
        assert frame is not None
        assert frame[1] == kind, frame
        return frame[2]

    def send(self, path: str, query: str = "") -> None:
        self.say([request(1, 1, path=path, query=query)])

    def ask(self, path: str) -> bytes:
        self.send(path)
        return self.expect_kind(RESPONSE)

    def say(self, value: Any) -> None:
        data = marshal.dumps(value, 2)
        self.stream.sendall(struct.pack("<I", len(data)) + data)

    def close(self) -> None:
        self.stream.close()
        if self.files is not None:
            self.files.close()


class ZygoteCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.write("application.py", APPLICATION)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(textwrap.dedent(text))

    def start(
        self,
        reference: str = "application:app",
        python: str = sys.executable,
        inherited: tuple[int, ...] = (),
        **more: Any,
    ) -> subprocess.Popen[bytes]:
        """Starts a zygote; `self.control` is the gateway's end of its control socket."""
        control, theirs = socket.socketpair()
        control.settimeout(TIMEOUT_S)
        self.control, self.lines = control, control.makefile("rb")
        with theirs, (self.folder / "stderr").open("wb") as errors:
            zygote = subprocess.Popen(
                command(theirs.fileno(), reference, python),
                cwd=self.folder,
                pass_fds=[theirs.fileno(), *inherited],
                stderr=errors,
            )
        # In the opposite order: only the end of both makes the zygote end.
        self.addCleanup(zygote.wait, TIMEOUT_S)
        self.addCleanup(control.close)
        self.addCleanup(self.lines.close)
        self.zygote = zygote
        self.say(**{**START, "reference": reference, **more})
        return zygote

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def say(self, **message: Any) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        line = self.lines.readline()
        assert line, f"the zygote ended: {self.stderr()}"
        message: dict[str, Any] = json.loads(line)
        return message

    def expect(self, kind: str) -> dict[str, Any]:
        message = self.hear()
        self.assertEqual(message["type"], kind, message)
        return message

    def loaded(self, **more: Any) -> subprocess.Popen[bytes]:
        zygote = self.start(**more)
        self.expect("loaded")
        return zygote

    def fork(self, number: int) -> tuple[int, WorkerEnd]:
        """A worker by descriptors; its PID and our end, after it has said that it is ready."""
        pid, [end] = self.fork_with_channels(number, 1)
        return pid, end

    def fork_with_channels(self, number: int, count: int) -> tuple[int, list[WorkerEnd]]:
        """The same with several channels, in their order."""
        ends = [self.offer("channel", number) for _ in range(count - 1)]
        ends.append(self.offer("fork", number))
        forked = self.expect("forked")
        self.assertEqual(forked["worker"], number)
        for end in ends:
            self.assertEqual(end.frame(), (forked["pid"], READY, b""))
        return forked["pid"], ends

    def offer(self, kind: str, number: int) -> WorkerEnd:
        """Sends a message with both descriptors of a channel; returns our end."""
        pairs = [socket.socketpair(), socket.socketpair()]
        message = {"type": kind, "worker": number, "link": {"kind": "descriptors"}}
        descriptors = [theirs.fileno() for _, theirs in pairs]
        socket.send_fds(self.control, [json.dumps(message).encode() + b"\n"], descriptors)
        for _, theirs in pairs:
            theirs.close()
        end = WorkerEnd(pairs[0][0], pairs[1][0])
        self.addCleanup(end.close)
        return end

    def end_control(self) -> None:
        self.lines.close()
        self.control.close()
