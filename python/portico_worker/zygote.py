"""The zygote: imports the application, then forks workers when the gateway says so, and reaps them.

The parent of all workers. It serves nothing itself: it waits for control lines and for SIGCHLD.
Both ends of the control conversation are in docs/worker-protocol.md.

Descriptors are reference counted by the kernel: one that a process forgets to close keeps the other
end from ever seeing its end of file. So the zygote closes a worker's sockets as soon as the worker
has them, and a worker closes what is the zygote's.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

from portico_worker import (
    error_log,
    error_records,
    first_request,
    gateway_descriptors,
    guardian,
    loading,
    source_files,
    stack_dump,
    wire,
    worker_process,
)
from portico_worker.error_records import log
from portico_worker.start import REQUEST, THREAD, Start
from portico_worker.worker import base_environ
from portico_worker.worker_process import Link, Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portico_worker.hooks import Hooks

CONTROL_READ_BYTES = 65_536
DESCRIPTORS_PER_READ_MAX = 64
DESCRIPTORS_PER_CHANNEL = 2
# An import makes much that stays and little garbage. To look for that after every 2000 objects, as
# Python does, takes a tenth of Flask's import. Bounded, for one that makes much garbage.
IMPORT_COLLECTION_OBJECTS = 100_000
# The gateway decides when anything ends; a terminal or a service manager signals the whole group.
SIGNALS_FOR_THE_GATEWAY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main(control_descriptor: int) -> None:
    """Runs the zygote on the control socket until the gateway closes it."""
    control = socket.socket(fileno=control_descriptor)
    control.set_inheritable(False)
    gateway_descriptors.close_certificates(control_descriptor + 1)
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
    settings = Start.read(zygote.receive_start())
    error_records.use_format(settings.log_format)
    zygote.socket_files = settings.socket_files
    if leads_group:
        # Where the system has no room for it, the start is better than its guard.
        with contextlib.suppress(OSError):
            zygote.lifeline, zygote.guardian_pid = guardian.fork_guardian(
                control, gateway, zygote.socket_files
            )
    if settings.link_folder is not None:
        zygote.keep_link_folder(settings.link_folder)
    stack_dump.install()
    try:
        hooks, application = load(settings)
    except loading.LoadError as error:
        zygote.say(
            type="failed",
            exitStatus=error.exit_status,
            message=error.message,
            details=error.details,
            **files_of(settings, error),
        )
        worker_process.flush_standard_streams()
        os._exit(error.exit_status)
    zygote.say(
        type="loaded",
        pid=os.getpid(),
        kind=application.kind,
        reference=application.reference,
        python=".".join(str(part) for part in sys.version_info[:3]),
        executable=sys.executable,
        dumpSignal=stack_dump.dump_signal(),
        stacks=stack_dump.ASKED.offer,
        guardianPid=zygote.guardian_pid,
        **files_of(settings, None),
    )
    # Once more: the application may have had handlers of its own put in their place.
    stack_dump.install()
    program = prepare(settings, hooks, application.call)
    # What the import left is shared with every worker; frozen, the collector does not write to its
    # pages.
    gc.collect()
    gc.freeze()
    worker_process.flush_standard_streams()
    zygote.run(program)


def load(settings: Start) -> tuple[Hooks | None, loading.Application]:
    """Imports hooks and application.

    The working folder and `--pythonpath` go in front of `sys.path`. Raises LoadError.
    """
    source_files.keep_no_fresh_bytecode()
    # As absolute paths: the application may change its working folder.
    sys.path[:0] = [os.getcwd(), *(os.path.abspath(entry) for entry in settings.pythonpath)]
    loaded: Hooks | None = None
    if settings.hooks is not None:
        from portico_worker import hooks  # noqa: PLC0415 - it imports logging, which takes time

        loaded = hooks.load(settings.hooks, settings.generation)
    with collecting_rarely():
        application = loading.load(settings.reference)
        first_request.import_ahead()
        first_request.sort_routes(application.call)
    return loaded, application


@contextlib.contextmanager
def collecting_rarely() -> Iterator[None]:
    """Has Python look for garbage less often, unless the application says how often itself."""
    objects, *others = gc.get_threshold()
    # 0: it is off.
    if objects != 0:
        gc.set_threshold(IMPORT_COLLECTION_OBJECTS, *others)
    yield
    if gc.get_threshold() == (IMPORT_COLLECTION_OBJECTS, *others):
        gc.set_threshold(objects, *others)


def files_of(settings: Start, error: BaseException | None) -> dict[str, list[str]]:
    """The source files to watch, where the gateway wants to know them."""
    if not settings.report_files:
        return {}
    files = source_files.imported() | source_files.named_by(error)
    module, _, _ = settings.reference.partition(":")
    for path in (module, settings.hooks or ""):
        if path.endswith(source_files.SOURCE_SUFFIX):
            # It may not be there yet.
            files.add(os.path.abspath(path))
    return {"files": source_files.listed(files)}


def prepare(settings: Start, hooks: Hooks | None, application: Any) -> Program:
    """Imports and makes once what every worker would have to import and make."""
    # Where all warnings are shown, Python 3.12 would show one at each fork beside a thread that the
    # application has started.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=__name__)
    files = None
    if settings.max_rss_bytes is not None or settings.report_files:
        from portico_worker import reporting  # noqa: PLC0415 - only where it is on

        files = reporting.FileWatch() if settings.report_files else None
    if hooks is not None and hooks.around_requests:
        import portico_worker.hooked_worker  # noqa: F401, PLC0415
    if settings.worker_class == THREAD:
        import threading  # noqa: F401, PLC0415
    if settings.worker_class == REQUEST:
        # Loaded when it is first used, as by Werkzeug in a first request; here each is the first.
        codecs.lookup("idna")
    base = base_environ(
        settings.root_path,
        settings.version,
        settings.multiprocess or settings.worker_class == REQUEST,
        multithread=settings.worker_class == THREAD,
        run_once=settings.worker_class == REQUEST,
    )
    return Program(settings, application, base, hooks, files, worker_process.parent_death_signal())


class Zygote:
    """The control conversation, and the children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._received = b""
        self._descriptors: list[int] = []
        # Number of each worker that lives, by PID.
        self._workers: dict[int, int] = {}
        # Channels of workers that are still to be forked, by the workers' numbers.
        self._links: dict[int, list[Link]] = {}
        self._wake: tuple[int, ...] = ()
        self._link_folder: str | None = None
        # Files of the gateway's listening sockets, removed here if it is killed.
        self.socket_files: list[dict[str, Any]] = []
        # Tells the guardian by its end that this process has ended.
        self.lifeline: int | None = None
        self.guardian_pid: int | None = None

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

    def run(self, program: Program) -> NoReturn:
        """Forks and reaps until the control socket ends, then ends everything. Does not return."""
        wake_reader, wake_writer = os.pipe()
        for descriptor in (wake_reader, wake_writer):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, ignore)
        # The application may have blocked it; then nobody would hear of a worker's end.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        self._wake = (wake_reader, wake_writer)
        # Not select(2): the application may have so many files open that ours have high numbers.
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        waiting.register(wake_reader, select.POLLIN)
        # What the application started while it was imported may have ended before anybody listened.
        self._reap(program.hooks)
        while True:
            # PEP 475: poll is called again by itself after EINTR; SIGCHLD ends it by the pipe.
            readable = [descriptor for descriptor, _ in waiting.poll()]
            if wake_reader in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_reader, CONTROL_READ_BYTES)
                self._reap(program.hooks)
            if self._control.fileno() in readable:
                if not self._receive():
                    self._end()
                for message in self._messages():
                    self._obey(message, program)

    def _receive(self) -> bool:
        """Reads once. False at end of file.

        Descriptors are queued in the order of the messages they came with.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._control,
                CONTROL_READ_BYTES,
                DESCRIPTORS_PER_READ_MAX,
                wire.RECEIVE_CLOSED_ON_EXEC,
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

    def _obey(self, message: dict[str, Any], program: Program) -> None:
        kind = message["type"]
        if kind == "channel":
            links = self._links.setdefault(message["worker"], [])
            links.append(self._take_link(message["link"]))
        elif kind == "fork":
            link = self._take_link(message["link"])
            links = [*self._links.pop(message["worker"], []), link]
            self._fork(message["worker"], links, program)
        elif kind == "signal":
            for pid, number in self._workers.items():
                if number == message["worker"]:
                    os.kill(pid, message["signal"])
        elif kind == "reopen":
            failure = error_log.reopen(program.settings.error_log)
            if failure is not None:
                log(failure)
        elif kind == "ping":
            self.say(type="pong")
        elif kind == "end":
            # The gateway removes its files itself, or goes on without this zygote.
            self.socket_files = []
            self._link_folder = None

    def _take_link(self, offer: dict[str, Any]) -> Link:
        if offer["kind"] != "descriptors":
            self.keep_link_folder(os.path.dirname(offer["path"]))
            return Link(offer, [])
        own = self._descriptors[:DESCRIPTORS_PER_CHANNEL]
        del self._descriptors[:DESCRIPTORS_PER_CHANNEL]
        return Link(offer, own)

    def _fork(self, number: int, links: list[Link], program: Program) -> None:
        """links: one for each channel, in the order of their threads."""
        parent = os.getpid()
        own = [descriptor for link in links for descriptor in link.descriptors]
        try:
            pid = os.fork()
        except OSError as error:
            for descriptor in own:
                os.close(descriptor)
            self.say(type="fork-failed", worker=number, message=str(error))
            return
        if pid == 0:
            worker_process.run(program, number, parent, links, self._close_in_child)
        for descriptor in own:
            os.close(descriptor)
        self._workers[pid] = number
        self.say(type="forked", worker=number, pid=pid)

    def keep_link_folder(self, folder: str) -> None:
        """Keeps in mind, and tells the guardian, what is to be removed at the end."""
        if folder == self._link_folder:
            return
        self._link_folder = folder
        if self.lifeline is not None:
            # The guardian may have been killed.
            with contextlib.suppress(OSError):
                os.write(self.lifeline, os.fsencode(folder))

    def _close_in_child(self) -> None:
        """Closes what is the zygote's: its sockets and pipes, and what is for other workers."""
        self._control.close()
        for descriptor in (*self._wake, *self._descriptors):
            os.close(descriptor)
        if self.lifeline is not None:
            os.close(self.lifeline)
        for links in self._links.values():
            for link in links:
                for descriptor in link.descriptors:
                    os.close(descriptor)

    def _reap(self, hooks: Hooks | None) -> None:
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
            if hooks is not None:
                hooks.bury_worker(worker, pid)

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


def ignore(_number: int, _frame: Any) -> None:
    """A signal handler that does nothing but exist."""
