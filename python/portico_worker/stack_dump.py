"""How the gateway learns what a worker is doing: all threads' stacks, written from C.

The handlers are the interpreter's own (faulthandler) and need neither its lock nor a turn of the
main thread, so they also show C code that holds the lock and does not come back.
"""

from __future__ import annotations

import faulthandler
import signal

STANDARD_ERROR = 2


def dump_signal() -> int:
    """The number of the signal upon which a worker writes its stacks and goes on.

    A real-time signal that nothing is known to use: libraries count up from SIGRTMIN, or take
    SIGRTMAX. Where there are none (macOS), SIGUSR2.
    """
    last = getattr(signal, "SIGRTMAX", None)
    return int(signal.SIGUSR2 if last is None else last - 2)


def install() -> None:
    """Installs both handlers: the signal's above, and those of crashes, SIGABRT among them.

    Processes forked from this one have them, programs that it starts do not. They write to
    descriptor 2, because an application can put anything into sys.stderr.
    """
    faulthandler.enable(file=STANDARD_ERROR, all_threads=True)
    faulthandler.register(dump_signal(), file=STANDARD_ERROR, all_threads=True, chain=False)


def unblock() -> None:
    """Lets both signals through in this thread: the application may have blocked all that it can.

    The threads that this one starts inherit that.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (dump_signal(), signal.SIGABRT))
