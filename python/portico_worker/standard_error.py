"""Standard error as a place for records that never makes a request wait for who reads it.

A pipe that nobody reads fills up, a terminal is held with Ctrl+S: a write would then wait, and the
request whose failure it tells of with it. What the application prints is its own affair.

O_NONBLOCK belongs to what open(2) made, and others have that in common with us; so it is never set.
"""

from __future__ import annotations

import os
import stat
from _thread import allocate_lock
from contextlib import suppress
from select import PIPE_BUF, POLLOUT, poll
from time import monotonic
from typing import Callable

STANDARD_ERROR = 2
CONTROLLING_TERMINAL = "/dev/tty"
# What a reader gets to make room. Where it made none, the next record does not wait for it again.
ROOM_WAIT_MAX_S = 0.1
# For another thread of this process, which waits for room; or for one that this is a signal of.
TURN_WAIT_MAX_S = 0.5


class RecordWriter:
    """Writes records whole, or drops them, and says in the next one how many are missing.

    A record that is longer than PIPE_BUF may find room for its begin only; then its rest is written
    in front of the next one.
    """

    def __init__(self, descriptor: int = STANDARD_ERROR) -> None:
        self._descriptor = descriptor
        self._turn = allocate_lock()
        self._rest = b""
        self._dropped = 0
        self._is_read = True

    def write(
        self, record: bytes, notice: Callable[[int], bytes], flush: Callable[[], object]
    ) -> None:
        """One record by one write, if there is room for it.

        notice: makes a record that tells how many are missing. flush: writes what was printed
        before, and is called only where something can be written.
        """
        if not self._turn.acquire(timeout=TURN_WAIT_MAX_S):
            self._dropped += 1
            return
        try:
            if not self._take_room(flush):
                self._dropped += 1
                return
            data = notice(self._dropped) + record if self._dropped else record
            rest = self._send(data)
            if len(rest) == len(data):
                self._dropped += 1
            else:
                self._rest, self._dropped = rest, 0
        finally:
            self._turn.release()

    def finish(self) -> None:
        """Tries once more to write what is left of the last record, before the process ends."""
        if self._rest and self._turn.acquire(timeout=TURN_WAIT_MAX_S):
            try:
                self._rest = self._send(self._rest)
            finally:
                self._turn.release()

    def forget(self) -> None:
        """In a child that was forked: what is to be written still is its parent's."""
        self._turn = allocate_lock()
        self._rest = b""
        self._dropped = 0

    def _take_room(self, flush: Callable[[], object]) -> bool:
        """Writes what comes before a record. Whether there may be room behind it."""
        if self._rest:
            self._rest = self._send(self._rest)
        if self._rest or not self._has_room(self._patience_s()):
            return False
        # What this raises is for whoever printed, and what it has printed stays where it is.
        with suppress(OSError, ValueError, RuntimeError):
            flush()
        return True

    def _send(self, data: bytes) -> bytes:
        """What of it could not be written."""
        deadline = monotonic() + self._patience_s()
        while data:
            try:
                data = data[write_now(self._descriptor, data) :]
            except BlockingIOError:
                if not self._has_room(deadline - monotonic()):
                    break
            except OSError:
                # The reader is gone, the disk is full.
                break
        return data

    def _patience_s(self) -> float:
        return ROOM_WAIT_MAX_S if self._is_read else 0.0

    def _has_room(self, wait_s: float) -> bool:
        self._is_read = has_room(self._descriptor, max(wait_s, 0.0))
        return self._is_read


def has_room(descriptor: int, wait_s: float) -> bool:
    """Whether a write of at most PIPE_BUF bytes would not wait, now or soon."""
    asked = poll()
    asked.register(descriptor, POLLOUT)
    # Also where it can only fail, at once.
    return bool(asked.poll(wait_s * 1000))


def write_now(descriptor: int, data: bytes) -> int:
    """How many bytes were taken, by one write. Raises BlockingIOError where there is no room.

    A file takes all: it has no reader.
    """
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.write(descriptor, data)
    for write in (write_without_waiting, write_to_own_description):
        try:
            return write(descriptor, data)
        except (BlockingIOError, BrokenPipeError):
            raise
        except (OSError, AttributeError, NotImplementedError):
            # Not on this system, not for this kind of descriptor, or not for this user.
            continue
    return write_where_there_is_room(descriptor, data)


def write_without_waiting(descriptor: int, data: bytes) -> int:
    """For pipes and sockets, where the kernel (Linux 6.4) and the C library know how."""
    # The position -1 is none.
    return os.pwritev(descriptor, [data], -1, os.RWF_NOWAIT)


def write_to_own_description(descriptor: int, data: bytes) -> int:
    """For pipes and terminals that this user may open, where there is a /proc."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
    except PermissionError:
        # Everybody may open the terminal of the session; any other raises ENOTTY.
        os.tcgetpgrp(descriptor)
        own = os.open(CONTROLLING_TERMINAL, flags)
    try:
        return os.write(own, data)
    finally:
        os.close(own)


def write_where_there_is_room(descriptor: int, data: bytes) -> int:
    """For whatever is left.

    It waits only where another process takes the room in between, or where a terminal that is not
    held has room, but less than that.
    """
    if not has_room(descriptor, 0):
        raise BlockingIOError
    return os.write(descriptor, data[:PIPE_BUF])


RECORDS = RecordWriter()
os.register_at_fork(after_in_child=RECORDS.forget)
