"""How far a worker is, for the gateway to look at when an answer does not come, or none can.

Finished answers leave together, so the oldest request without an answer need not be the one that
the worker is at. That one's slot stands in a file in memory, which the gateway opens
through proc(5); writing it is one store.

Answers that have not left while something is begun that cannot be run again stand in the same file:
behind the end of this process, the gateway reads there what would have been sent next. So they
need not leave before, which would be a system call for each.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import MutableSequence

FILE_NAME = "portico-progress"
# While it waits for requests; no slot has this number.
AT_NONE = 0xFFFF_FFFF
# The slot, and whether the gateway looks for what is kept: 32 bits each. Then where in the stream
# of all that is sent the kept bytes begin, and how many there are: 64 bits each. Then these.
BOUNDS_AT = 8
KEPT_AT = 24
FILE_BYTES = 65_536
SLOT, IS_ASKED = 0, 1
BEGIN, SIZE = 0, 1


class Kept(NamedTuple):
    """Where a worker keeps answers: BEGIN and SIZE, and the file itself, which the bytes end."""

    bounds: memoryview[int]
    file: mmap.mmap


class Progress(NamedTuple):
    """Where a worker writes the slot of the request that it is at, and what it keeps."""

    # SLOT and IS_ASKED.
    place: MutableSequence[int] | memoryview[int]
    # None for nowhere.
    kept: Kept | None
    # The file that it is in; 0 for none.
    descriptor: int


def nowhere() -> Progress:
    """Progress that nobody can look at."""
    return Progress([AT_NONE, 0], None, 0)


def make() -> Progress:
    """Progress in a file of this process.

    Nowhere, where the system has no such files, or no room for one.
    """
    try:
        descriptor = os.memfd_create(FILE_NAME, os.MFD_CLOEXEC)
        os.ftruncate(descriptor, FILE_BYTES)
        file = mmap.mmap(descriptor, FILE_BYTES)
    except (AttributeError, OSError):
        return nowhere()
    view = memoryview(file)
    place = view[:BOUNDS_AT].cast("I")
    place[SLOT] = AT_NONE
    return Progress(place, Kept(view[BOUNDS_AT:KEPT_AT].cast("Q"), file), descriptor)


class KeptAnswers:
    """What the gateway finds behind this process's end: the beginning of what is sent next."""

    __slots__ = ("_kept", "_parts", "_place", "_size")

    def __init__(self, own: Progress) -> None:
        self._place = own.place
        self._kept = own.kept
        # How many bytes are kept, and of how many parts.
        self._size = 0
        self._parts = 0

    def clear(self) -> None:
        """They have been sent, or are about to be."""
        self._parts = 0

    def disown(self) -> None:
        """In a process that the application has forked: the file is its parent's."""
        self._kept = None

    def keep(self, unsent: list[bytes | memoryview], sent_bytes: int) -> bool:
        """Whether all of this would be found.

        unsent: what is sent next, the same list with more in it until `clear`. sent_bytes: how many
        were before it.
        """
        kept = self._kept
        if kept is None or not self._place[IS_ASKED]:
            return False
        bounds, file = kept
        if self._parts == 0:
            # What is there was sent; while it is written over, nothing is.
            bounds[SIZE] = self._size = 0
            bounds[BEGIN] = sent_bytes
            file.seek(KEPT_AT)
        data = b"".join(unsent[self._parts :])
        try:
            file.write(data)
        except ValueError:
            # There is not so much room.
            return False
        # Behind what it counts: this process may end in between.
        bounds[SIZE] = self._size = self._size + len(data)
        self._parts = len(unsent)
        return True
