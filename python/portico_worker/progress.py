"""How far a worker is, for the gateway to look at when an answer does not come.

Finished answers leave together, so the oldest request without an answer need not be the one that
the worker is at. That one's slot stands in a file in memory, which the gateway opens
through proc(5) when it has waited for long, and only then; writing it is one store.
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
SLOT_BYTES = 4


class Progress(NamedTuple):
    """Where a worker writes the slot of the request that it is at."""

    # One number of 32 bits.
    place: MutableSequence[int] | memoryview[int]
    # The file that it is in; 0 for none.
    descriptor: int


def nowhere() -> Progress:
    """Progress that nobody can look at."""
    return Progress([AT_NONE], 0)


def make() -> Progress:
    """Progress in a file of this process.

    Nowhere, where the system has no such files, or no room for one.
    """
    try:
        descriptor = os.memfd_create(FILE_NAME, os.MFD_CLOEXEC)
        os.ftruncate(descriptor, SLOT_BYTES)
        place = memoryview(mmap.mmap(descriptor, SLOT_BYTES)).cast("I")
    except (AttributeError, OSError):
        return nowhere()
    place[0] = AT_NONE
    return Progress(place, descriptor)
