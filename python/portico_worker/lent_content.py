"""Content of a request that a worker takes off the client's socket by itself, before it begins it.

The gateway lends the socket for content that comes fast. What goes through the gateway is copied
twice more, and written to a file and read back. The descriptor is a duplicate; it is closed as soon
as the content is there. A client that makes its worker wait is left to the gateway, with what has
come by then.
"""

from __future__ import annotations

from contextlib import closing
from io import BytesIO
from select import POLLIN
from typing import TYPE_CHECKING

from portico_worker.loan import Patience, open_client

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is given back goes in pieces of so many bytes.
RETURNED_PIECE_BYTES = 65_536


class LentContent:
    """The content, and how much of it has come. Not received within the application's call."""

    def __init__(self, received: bytes, size: int) -> None:
        """received: what the gateway had of it. size: of all, in bytes."""
        # Nobody else refers to this object's bytes, and so they are received into, and given to
        # whoever reads all of them, without a copy. The kernel gives them memory as they come.
        self.input = BytesIO(bytes(size))
        self._size = size
        self._given = len(received)
        self._end = self._given
        with self.input.getbuffer() as view:
            view[: self._given] = received

    def take(self, descriptor: int | None) -> bool:
        """Whether all of it is there now. The descriptor is closed; None for one that did not come.

        Where a signal's handler raises, bytes may be lost: then this content is of no use any more.
        """
        if descriptor is None:
            return False
        client = open_client(descriptor)
        patience = Patience()
        with closing(client), self.input.getbuffer() as view:
            while self._end < self._size:
                try:
                    count = client.recv_into(view[self._end :])
                except BlockingIOError:
                    if not patience.wait(client, POLLIN):
                        break
                    continue
                except OSError:
                    # The gateway will find out for itself.
                    break
                if not count:
                    break
                self._end += count
        return self._end == self._size

    def taken(self) -> Iterator[bytes]:
        """What has come behind the part that the gateway had, in pieces."""
        for at in range(self._given, self._end, RETURNED_PIECE_BYTES):
            self.input.seek(at)
            yield self.input.read(min(RETURNED_PIECE_BYTES, self._end - at))
