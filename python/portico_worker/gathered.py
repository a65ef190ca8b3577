"""Small pieces of a streamed answer that leave together, and the thread that sees to it.

A send for each row of a table costs ten times what the row does. So where pieces come one behind
the other in microseconds, they wait for each other: for a millisecond, or until they are worth a
send. PEP 3333 ("Buffering and Streaming") has a server go on with the transmission while the
application makes its next piece. Where that takes longer, this thread does.

It is there while something is gathered, and a second longer: an application that forks does not
find a second thread for the rest of its life.
"""

from __future__ import annotations

import contextlib
import signal

# Ours even where the application puts others in their place later (gevent does).
from _thread import allocate_lock, start_new_thread
from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What waits at one look and still does at the next has waited for long enough.
LOOK_INTERVAL_S = 0.001
# After so many looks in which nothing was gathered, the thread waits for a word: a look costs ten
# microseconds.
QUIET_LOOKS = 5
# How long it waits, before it ends.
REST_S = 1.0


class Gathered:
    """Pieces in the order in which they leave, and a lock around their leaving.

    The request's thread appends to `pieces`, without the lock, and has them leave once there are
    enough; whoever takes some out has the lock, and keeps it until they have left.
    """

    def __init__(self, leave: Callable[[], bool]) -> None:
        """leave: has the pieces leave, in another thread than the request's, with the lock.

        It returns whether something could not leave yet.
        """
        self._leave = leave
        self.pieces: list[bytes] = []
        self.lock = allocate_lock()
        # When the request's thread has last had the pieces leave, by perf_counter.
        self.left_at = 0.0
        # With so many bytes the pieces have to leave. With any where nobody looks after them, and
        # where somebody had to, since the application takes its time.
        self.enough_bytes = 0
        self._is_running = False
        self._is_watched = False
        self._wake = allocate_lock()
        self._wake.acquire()

    def watch(self, enough_bytes: int) -> bool:
        """Has what is gathered leave, should it wait for too long.

        enough_bytes: with so many it is not to wait. Returns whether somebody does; not where the
        system has no room for another thread.
        """
        with self.lock:
            if self._is_watched:
                self.enough_bytes = enough_bytes
                return True
            if self._is_running:
                # It may have been told before, and not have come to it.
                with contextlib.suppress(RuntimeError):
                    self._wake.release()
            else:
                try:
                    start_new_thread(self._run, ())
                except RuntimeError:
                    return False
                self._is_running = True
            self._is_watched = True
            self.enough_bytes = enough_bytes
        return True

    def forget(self) -> None:
        """In a process that the application has forked: what waits is the parent's, as the thread.

        It may have had the lock.
        """
        self.pieces.clear()
        self.lock = allocate_lock()
        self._wake = allocate_lock()
        self._wake.acquire()
        self._is_running = self._is_watched = False
        self.enough_bytes = 0

    def _run(self) -> None:
        # They are for the application's threads; what they interrupt here nobody would repeat.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        quiet_looks = 0
        left_at, is_behind = self.left_at, False
        while True:
            sleep(LOOK_INTERVAL_S)
            quiet_looks += 1
            if left_at != self.left_at:
                left_at, quiet_looks = self.left_at, 0
            elif self.pieces or is_behind:
                quiet_looks = 0
                self.enough_bytes = 0
                with self.lock:
                    is_behind = self._leave()
            elif quiet_looks > QUIET_LOOKS:
                if not self._rest():
                    return
                quiet_looks = 0

    def _rest(self) -> bool:
        """Waits for a word. False where none comes, and the thread is to end."""
        with self.lock:
            self._is_watched = False
            self.enough_bytes = 0
        # Whoever has not seen that has gathered something by then.
        sleep(LOOK_INTERVAL_S)
        if not self.pieces and not self._wake.acquire(timeout=REST_S):
            with self.lock:
                if not self._is_watched:
                    self._is_running = False
                    return False
        return True
