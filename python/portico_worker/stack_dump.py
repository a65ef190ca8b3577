"""How the gateway learns what a worker is doing: all threads' stacks, written from C.

The handlers are the interpreter's own (faulthandler) and need neither its lock nor a turn of the
main thread, so they also show C code that holds the lock and does not come back.

Upon one signal the stacks go to standard error, for the log; upon another to a file in memory that
is the worker's own, where the gateway reads them (proc(5)) for whoever has asked.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import signal

STANDARD_ERROR = 2
# Its contents cannot be run as a program; Linux 6.3 and later. <linux/memfd.h>
MFD_NOEXEC_SEAL = 8
FILE_NAME = "portico-stacks"


def dump_signal() -> int:
    """The number of the signal upon which a worker writes its stacks and goes on.

    A real-time signal that nothing is known to use: libraries count up from SIGRTMIN, or take
    SIGRTMAX. Where there are none (macOS), SIGUSR2.
    """
    last = getattr(signal, "SIGRTMAX", None)
    return int(signal.SIGUSR2 if last is None else last - 2)


def asked_signal() -> int | None:
    """The number of the signal upon which they go to the file in memory; None where it cannot be.

    That is where there are no such files, as everywhere but on Linux.
    """
    last = getattr(signal, "SIGRTMAX", None)
    return None if last is None or not hasattr(os, "memfd_create") else int(last - 3)


class AskedStacks:
    """The file in memory. Its descriptor has one number in all processes of a zygote.

    The handler knows no more than that number.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None

    @property
    def offer(self) -> dict[str, int] | None:
        """What the gateway has to know to ask; None where it cannot."""
        number = asked_signal()
        if number is None or self._descriptor is None:
            return None
        return {"signal": number, "descriptor": self._descriptor}

    def install(self) -> None:
        """Installs the handler. Where there is no room for the file, there is none."""
        number = asked_signal()
        if number is None:
            return
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                self._descriptor = open_file()
                self._identity = identity(self._descriptor)
            faulthandler.register(number, file=self._descriptor, all_threads=True, chain=False)

    def make_own(self) -> None:
        """Puts a file of this process's own in the place of the zygote's, after a fork."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            # The application may have closed it, and have something else there.
            if identity(self._descriptor) != self._identity:
                return
            own = open_file()
            os.dup2(own, self._descriptor, inheritable=False)
            os.close(own)


ASKED = AskedStacks()


def open_file() -> int:
    """Opens an empty file in memory, to whose end is written."""
    try:
        descriptor = os.memfd_create(FILE_NAME, os.MFD_CLOEXEC | MFD_NOEXEC_SEAL)
    except OSError:
        descriptor = os.memfd_create(FILE_NAME, os.MFD_CLOEXEC)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def install() -> None:
    """Installs all handlers: those of both signals, and those of crashes, SIGABRT among them.

    Processes forked from this one have them, programs that it starts do not. What goes to the log
    is written to descriptor 2, because an application can put anything into sys.stderr.
    """
    faulthandler.enable(file=STANDARD_ERROR, all_threads=True)
    faulthandler.register(dump_signal(), file=STANDARD_ERROR, all_threads=True, chain=False)
    ASKED.install()


def unblock() -> None:
    """Lets all of them through in this thread: the application may have blocked all that it can.

    The threads that this one starts inherit that.
    """
    asked = asked_signal()
    numbers = (dump_signal(), signal.SIGABRT, *(() if asked is None else (asked,)))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
