"""Types into a program on a real terminal, key by key, and shows what it wrote.

    typist.py PROGRAM ARGUMENT... < steps.json

The steps are a JSON list: {"type": TEXT, "pause": SECONDS} types each character after a pause,
{"await": TEXT} waits until the program has written that since the last step, {"await": null} until
it has ended, {"size": [ROWS, COLUMNS]} makes the terminal that large, {"signal": NAME} sends the
program a signal, or the process that "pid" names. What appeared on the terminal goes to standard
output, as bytes; the status is 0 if all that was awaited came. How the program ended goes to
standard error, as `ended with STATUS` (negative: by that signal), with the terminal's local modes
before and after it.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

AWAIT_SECONDS = 20.0
ENTER = "\r"


class Terminal:
    def __init__(self, command: list[str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.modes = self.local_modes()
        self.shown = b""
        self.seen = 0
        self.ended = False

    def watch(self, seconds: float) -> None:
        """Takes what the program writes, for so long or until something came."""
        if self.ended:
            time.sleep(seconds)
            return
        readable, _, _ = select.select([self.master], [], [], seconds)
        if not readable:
            return
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            # EIO: nobody has the other end open any more (Linux).
            piece = b""
        self.shown += piece
        self.ended = piece == b""

    def type(self, text: str, pause: float) -> None:
        for key in text:
            until = time.monotonic() + pause
            while (left := until - time.monotonic()) > 0:
                self.watch(left)
            if self.ended:
                return
            os.write(self.master, (ENTER if key == "\n" else key).encode("latin-1"))

    def wait_for(self, text: str | None) -> bool:
        until = time.monotonic() + AWAIT_SECONDS
        while (left := until - time.monotonic()) > 0:
            if text is None and self.ended:
                return True
            if text is not None:
                at = self.shown.find(text.encode("latin-1"), self.seen)
                if at >= 0:
                    self.seen = at + len(text)
                    return True
                if self.ended:
                    return False
            self.watch(left)
        return False

    def local_modes(self) -> int:
        modes: int = termios.tcgetattr(self.master)[3]
        return modes

    def resize(self, rows: int, columns: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        ended = os.waitstatus_to_exitcode(status)
        modes = f"modes {self.modes:o} {self.local_modes():o}"
        sys.stderr.write(f"ended with {ended}, {modes}\n")


def main() -> int:
    terminal = Terminal(sys.argv[1:])
    status = 0
    for step in json.load(sys.stdin):
        if "type" in step:
            terminal.type(step["type"], step["pause"])
        elif "size" in step:
            terminal.resize(*step["size"])
        elif "signal" in step:
            os.kill(step.get("pid", terminal.pid), signal.Signals[step["signal"]])
        elif not terminal.wait_for(step["await"]):
            status = 1
            break
    terminal.close()
    sys.stdout.buffer.write(terminal.shown)
    return status


if __name__ == "__main__":
    sys.exit(main())
