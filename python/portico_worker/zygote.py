"""The zygote: imports the application, then forks workers when the gateway says so, and reaps them.

The parent of all workers. It serves nothing itself: it waits for control lines and for SIGCHLD.
Both ends of the control conversation are in docs/worker-protocol.md.

Descriptors are reference counted by the kernel: one that a process forgets to close keeps the other
end from ever seeing its end of file. So the zygote closes a worker's sockets as soon as the worker
has them, and a worker closes what is the zygote's.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
from typing import Any, NoReturn

from portico_worker import guardian, loading, wire
from portico_worker.worker import Worker, base_environ
from portico_worker.wsgi import log

STANDARD_ERROR = 2
CONTROL_READ_BYTES = 65_536
DESCRIPTORS_PER_READ_MAX = 64
DESCRIPTORS_PER_WORKER = 2
PR_SET_PDEATHSIG = 1
# The gateway decides when anything ends; a terminal or a service manager signals the whole group.
SIGNALS_FOR_THE_GATEWAY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main(control_descriptor: int) -> None:
    """Runs the zygote on the control socket until the gateway closes it."""
    control = socket.socket(fileno=control_descriptor)
    control.set_inheritable(False)
    gateway = os.getppid()
    leads_group = False
    with contextlib.suppress(OSError):
        # A group, not a session: whoever accounts by session still finds us.
        os.setpgid(0, 0)
        leads_group = True
    for number in SIGNALS_FOR_THE_GATEWAY:
        # A handler, not SIG_IGN: programs that the application starts would inherit that.
        signal.signal(number, ignore)
    zygote = Zygote(control)
    start = zygote.receive_start()
    zygote.socket_files = start["socketFiles"]
    if leads_group:
        # Where the system has no room for it, the start is better than its guard.
        with contextlib.suppress(OSError):
            zygote.lifeline = guardian.fork_guardian(control, gateway, zygote.socket_files)
    try:
        application = load(start)
    except loading.LoadError as error:
        zygote.say(
            type="failed",
            exitStatus=error.exit_status,
            message=error.message,
            details=error.details,
        )
        flush_standard_streams()
        os._exit(error.exit_status)
    zygote.say(
        type="loaded",
        pid=os.getpid(),
        kind=application.kind,
        reference=application.reference,
        python=".".join(str(part) for part in sys.version_info[:3]),
        executable=sys.executable,
    )
    # What the import left is shared with every worker; frozen, the collector does not write to its
    # pages.
    gc.collect()
    gc.freeze()
    flush_standard_streams()
    zygote.run(
        application.call,
        base_environ(start["rootPath"], start["version"], start["multiprocess"]),
    )


def load(start: dict[str, Any]) -> loading.Application:
    """Imports the application; the working folder and `--pythonpath` go in front of `sys.path`."""
    # As absolute paths: the application may change its working folder.
    sys.path[:0] = [os.getcwd(), *(os.path.abspath(entry) for entry in start["pythonpath"])]
    return loading.load(start["reference"])


class Zygote:
    """The control conversation, and the children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._received = b""
        self._descriptors: list[int] = []
        # Number of each worker that lives, by PID.
        self._workers: dict[int, int] = {}
        self._link_folder: str | None = None
        # Files of the gateway's listening sockets, removed here if it is killed.
        self.socket_files: list[dict[str, Any]] = []
        # Tells the guardian by its end that this process has ended.
        self.lifeline: int | None = None

    def say(self, **message: Any) -> None:
        """Sends one control line; if the gateway is gone, reading will tell."""
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def receive_start(self) -> dict[str, Any]:
        while True:
            for message in self._messages():
                return message
            if not self._receive():
                os._exit(0)

    def run(self, application: Any, base: dict[str, Any]) -> NoReturn:
        """Forks and reaps until the control socket ends, then ends everything. Does not return."""
        wake_reader, wake_writer = os.pipe()
        for descriptor in (wake_reader, wake_writer):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, ignore)
        # The application may have blocked it; then nobody would hear of a worker's end.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        open_here = (wake_reader, wake_writer)
        # Not select(2): the application may have so many files open that ours have high numbers.
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        waiting.register(wake_reader, select.POLLIN)
        # What the application started while it was imported may have ended before anybody listened.
        self._reap()
        while True:
            # PEP 475: poll is called again by itself after EINTR; SIGCHLD ends it by the pipe.
            readable = [descriptor for descriptor, _ in waiting.poll()]
            if wake_reader in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_reader, CONTROL_READ_BYTES)
                self._reap()
            if self._control.fileno() in readable:
                if not self._receive():
                    self._end()
                for message in self._messages():
                    self._obey(message, application, base, open_here)

    def _receive(self) -> bool:
        """Reads once. False at end of file.

        Descriptors are queued in the order of the messages they came with.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._control, CONTROL_READ_BYTES, DESCRIPTORS_PER_READ_MAX
            )
        except OSError:
            # Also where the application has closed the descriptor, or put a file in its place.
            return False
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._descriptors += descriptors
        self._received += data
        return bool(data)

    def _messages(self) -> list[dict[str, Any]]:
        *lines, self._received = self._received.split(b"\n")
        return [json.loads(line) for line in lines]

    def _obey(
        self,
        message: dict[str, Any],
        application: Any,
        base: dict[str, Any],
        open_here: tuple[int, ...],
    ) -> None:
        if message["type"] == "fork":
            self._fork(message, application, base, open_here)
        elif message["type"] == "signal":
            for pid, number in self._workers.items():
                if number == message["worker"]:
                    os.kill(pid, message["signal"])
        elif message["type"] == "end":
            self.socket_files = []

    def _fork(
        self,
        message: dict[str, Any],
        application: Any,
        base: dict[str, Any],
        open_here: tuple[int, ...],
    ) -> None:
        link = message["link"]
        own: list[int] = []
        if link["kind"] == "descriptors":
            own = self._descriptors[:DESCRIPTORS_PER_WORKER]
            del self._descriptors[:DESCRIPTORS_PER_WORKER]
        else:
            self._keep_link_folder(os.path.dirname(link["path"]))
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            for descriptor in own:
                os.close(descriptor)
            self.say(type="fork-failed", worker=message["worker"], message=str(error))
            return
        if pid == 0:
            run_worker(self, parent, link, own, application, base, open_here)
        for descriptor in own:
            os.close(descriptor)
        self._workers[pid] = message["worker"]
        self.say(type="forked", worker=message["worker"], pid=pid)

    def _keep_link_folder(self, folder: str) -> None:
        """Keeps in mind, and tells the guardian, what is to be removed at the end."""
        if folder == self._link_folder:
            return
        self._link_folder = folder
        if self.lifeline is not None:
            # The guardian may have been killed.
            with contextlib.suppress(OSError):
                os.write(self.lifeline, os.fsencode(folder))

    def close_in_child(self) -> None:
        """Closes what is the zygote's: control socket, lifeline, descriptors for other workers."""
        self._control.close()
        if self.lifeline is not None:
            os.close(self.lifeline)
        for descriptor in self._descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        """Reports all children that have exited.

        Signals are not queued: one SIGCHLD can stand for several.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is None:
                # A child that the application started while it was imported.
                continue
            killed = os.WIFSIGNALED(status)
            self.say(
                type="exited",
                worker=worker,
                pid=pid,
                status=None if killed else os.WEXITSTATUS(status),
                signal=os.WTERMSIG(status) if killed else None,
            )

    def _end(self) -> NoReturn:
        """The gateway is gone or done: nothing that it started stays."""
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._workers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if self._link_folder is not None:
            shutil.rmtree(self._link_folder, ignore_errors=True)
        guardian.remove_files(self.socket_files)
        if os.getpgrp() == os.getpid():
            # Programs that the application started are in our group, and so are we and the
            # guardian: this is the last line.
            guardian.end_group()
        os._exit(0)


def run_worker(
    zygote: Zygote,
    parent: int,
    link: dict[str, Any],
    own: list[int],
    application: Any,
    base: dict[str, Any],
    open_here: tuple[int, ...],
) -> NoReturn:
    """What the child does after fork: it is a worker, and never returns into the zygote's code."""
    status = 1
    try:
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in open_here:
            os.close(descriptor)
        zygote.close_in_child()
        # SIGABRT from the gateway has the stacks of all threads written, even while C code holds
        # the interpreter. To the descriptor: an application can put anything into sys.stderr.
        faulthandler.enable(file=STANDARD_ERROR, all_threads=True)
        channel = open_channel(link, own)
        os.register_at_fork(after_in_child=channel.disown)
        Worker(channel, application, base).serve()
        status = 0
    except SystemExit as error:
        # As sys.exit has it: no argument is success, and one that is no number is a failure.
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:  # noqa: BLE001 - the process ends here in any case, and says why
        log(f"worker {os.getpid()} ends: {type(error).__name__}: {error}")
    finally:
        # The end of a process as the application knows it: its atexit functions run, its streams
        # are flushed.
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()  # noqa: SLF001 - what a process that was not forked would do
        flush_standard_streams()
        os._exit(status & 0xFF)


def open_channel(link: dict[str, Any], own: list[int]) -> wire.Channel:
    if link["kind"] == "descriptors":
        stream, files = (socket.socket(fileno=descriptor) for descriptor in own)
        return wire.Channel(stream, files)
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.connect(link["path"])
    stream.sendall(link["token"].encode("ascii"))
    return wire.Channel(stream, None)


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent dies (prctl(2)).

    Linux only, best effort. The parent may have died before the kernel was asked; then there is
    nobody to wait for.
    """
    try:
        import ctypes  # noqa: PLC0415 - some interpreters are built without it

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    except (ImportError, OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


def flush_standard_streams() -> None:
    """So that what is buffered is written once, not once by each child."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def ignore(_number: int, _frame: Any) -> None:
    """A signal handler that does nothing but exist."""
