"""A worker as a process: what happens between the fork and the first request, and at the end.

A worker of class `thread` has several channels, each served by a thread of its own; any other has
one, served by the main thread.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from portico_worker import progress, stack_dump, start, wire
from portico_worker.error_records import log
from portico_worker.standard_error import RECORDS
from portico_worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portico_worker.hooks import Hooks
    from portico_worker.reporting import FileWatch
    from portico_worker.worker import Application, Environ

PR_SET_PDEATHSIG = 1
FAILURE = 1


@dataclass(frozen=True)
class Link:
    """How a channel is made: as the gateway says, and from the descriptors that came with that."""

    offer: dict[str, Any]
    descriptors: list[int]


@dataclass(frozen=True)
class Program:
    """What all workers of a generation do. Made before the first fork."""

    settings: start.Start
    application: Application
    base: Environ
    hooks: Hooks | None
    files: FileWatch | None
    # Asks the kernel to end this process with its parent, whose PID it is given.
    die_with_parent: Callable[[int], None]


def run(
    program: Program,
    number: int,
    parent: int,
    links: Sequence[Link],
    close_inherited: Callable[[], None],
) -> NoReturn:
    """What the child does after the fork: it never returns into the zygote's code.

    number: the worker's. close_inherited closes what is the zygote's own.
    """
    status = FAILURE
    process: WorkerProcess | None = None
    try:
        program.die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        close_inherited()
        stack_dump.unblock()
        stack_dump.ASKED.make_own()
        reseed_numpy()
        process = WorkerProcess(program, number, links)
        process.begin()
        status = process.serve()
    except BaseException as error:  # noqa: BLE001 - the process ends here in any case, and says why
        status = status_of(error)
    finally:
        end(process, status)


class WorkerProcess:
    """This process as a worker."""

    def __init__(self, program: Program, number: int, links: Sequence[Link]) -> None:
        self._program = program
        self._pid = os.getpid()
        self._hooks = None if program.hooks is None else program.hooks.of_worker(number)
        self._reports: Any = None
        settings = program.settings
        if settings.max_rss_bytes is not None or program.files is not None:
            from portico_worker import reporting  # noqa: PLC0415 - imported by the zygote, where on

            self._reports = reporting.Reports(settings.max_rss_bytes, program.files)
        self._channels = [self._open(link) for link in links]
        # Any other class has one request at a time, and so cannot be at another one.
        has_batches = settings.worker_class == start.PROCESS
        self._progress = progress.make() if has_batches else progress.nowhere()
        # Of the threads that did not come to the end of their channel, in the order of their ends.
        self._statuses: list[int] = []

    def begin(self) -> None:
        """Raises what a hook raises."""
        if self._hooks is not None:
            self._hooks.begin()

    def serve(self) -> int:
        """Serves all channels until each has ended. Returns the exit status."""
        first, *others = self._channels
        threads = []
        if others:
            import threading  # noqa: PLC0415 - imported by the zygote, where there are threads

            threads = [
                threading.Thread(target=self._serve, args=(channel,), name=f"portico-{index}")
                for index, channel in enumerate(others, 1)
            ]
        for thread in threads:
            thread.start()
        # Signals are handled in the main thread, so it has to be one that runs.
        self._serve(first)
        for thread in threads:
            thread.join()
        return self._statuses[0] if self._statuses else 0

    def end(self) -> None:
        # Not in a process that the application has forked and that came back to us.
        if self._hooks is not None and os.getpid() == self._pid:
            self._hooks.end()

    def _serve(self, channel: wire.Channel) -> None:
        """Serves one channel, in the thread that calls it."""
        try:
            worker = self._make_worker(channel)
            os.register_at_fork(after_in_child=worker.end_with_request)
            worker.serve()
        except BaseException as error:  # noqa: BLE001 - it ends this thread, and then the process
            self._statuses.append(status_of(error))
            for other in self._channels:
                if other is not channel:
                    other.stop_receiving()
        if os.getpid() != self._pid:
            # The application forked, and the child has come back: it has no other thread.
            end(None, self._statuses[0] if self._statuses else 0)
        if len(self._channels) > 1:
            channel.close()

    def _make_worker(self, channel: wire.Channel) -> Worker:
        program = self._program
        application, base = program.application, program.base
        error_log = program.settings.error_log
        if self._reports is not None:
            application = channel.watch(application)  # type: ignore[attr-defined]
        hooks = self._hooks
        if hooks is None or not hooks.around_requests:
            return Worker(channel, application, base, error_log, self._progress)
        from portico_worker.hooked_worker import HookedWorker  # noqa: PLC0415 - as the hooks

        return HookedWorker(channel, application, base, error_log, hooks, self._progress)

    def _open(self, link: Link) -> wire.Channel:
        files: socket.socket | None = None
        if link.offer["kind"] == "descriptors":
            stream, files = (socket.socket(fileno=descriptor) for descriptor in link.descriptors)
        else:
            stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stream.connect(link.offer["path"])
            stream.sendall(link.offer["token"].encode("ascii"))
        once = self._program.settings.worker_class == start.REQUEST
        buffer_bytes = wire.REQUEST_BUFFER_BYTES if once else wire.RECEIVE_BUFFER_BYTES
        channel: wire.Channel
        if self._reports is None:
            channel = wire.Channel(stream, files, buffer_bytes)
        else:
            from portico_worker.reporting import ReportingChannel  # noqa: PLC0415 - as above

            channel = ReportingChannel(stream, files, buffer_bytes, self._reports)
        os.register_at_fork(after_in_child=channel.disown)
        return channel


def status_of(error: BaseException) -> int:
    """The exit status for what ended a worker; written to standard error unless that is usual."""
    if isinstance(error, SystemExit):
        # As sys.exit has it: no argument is success, and one that is no number is a failure.
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    log(f"worker {os.getpid()} ends: {type(error).__name__}: {error}")
    return FAILURE


def end(process: WorkerProcess | None, status: int) -> NoReturn:
    """The end of a process as the application knows it.

    Its atexit functions run, its streams are flushed.
    """
    try:
        with contextlib.suppress(BaseException):
            if process is not None:
                process.end()
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()  # noqa: SLF001 - what a process that was not forked would do
        flush_standard_streams()
    finally:
        os._exit(status & 0xFF)


def parent_death_signal() -> Callable[[int], None]:
    """Prepares to ask the kernel for this process's end when its parent dies (prctl(2)).

    Linux only, best effort. What it returns is for the child; to find the function takes some time,
    and is done before the fork.
    """
    try:
        import ctypes  # noqa: PLC0415 - some interpreters are built without it

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda parent: None
    kill = int(signal.SIGKILL)

    def die_with_parent(parent: int) -> None:
        prctl(PR_SET_PDEATHSIG, kill)
        # The parent may have died before the kernel was asked; then there is nobody to wait for.
        if os.getppid() != parent:
            os._exit(FAILURE)

    return die_with_parent


def reseed_numpy() -> None:
    """Gives numpy's global generator a state of its own; Python's `random` sees to it by itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        with contextlib.suppress(Exception):
            numpy_random.seed()


def flush_standard_streams() -> None:
    """So that what is buffered is written once, not once by each child."""
    RECORDS.finish()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
