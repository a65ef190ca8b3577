"""What content is read from: wsgi.input where the gateway spooled it, and wsgi.file_wrapper.

Knows neither frames nor requests.
"""

from __future__ import annotations

import os
import stat
from io import BufferedRandom, BufferedReader, FileIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_BLOCK_BYTES = 65_536


def open_descriptor(descriptor: int) -> BufferedReader:
    """wsgi.input over a file whose descriptor the gateway sent; closing it closes the descriptor.

    Its offset is wherever the gateway left it. Raises OSError where there is none to be had, as
    with a pipe; the descriptor is closed then, too.
    """
    file = FileIO(descriptor, "rb", closefd=True)
    try:
        file.seek(0)
    except OSError:
        file.close()
        raise
    return BufferedReader(file, FILE_BLOCK_BYTES)


def open_path(path: str) -> BufferedReader:
    """wsgi.input over a file that the gateway gave by name, and that the gateway removes."""
    return BufferedReader(FileIO(path, "rb"), FILE_BLOCK_BYTES)


class FileWrapper:
    """wsgi.file_wrapper of PEP 3333: iterates over a file-like object in blocks, and closes it.

    The block size is a suggestion. A regular file is read in blocks of at least FILE_BLOCK_BYTES,
    because each costs a frame and a system call; anything else may make its reader wait for a
    large block, and is read in the blocks asked for.
    """

    def __init__(self, filelike: Any, blksize: int = FILE_BLOCK_BYTES) -> None:
        self._file = filelike
        self._read = filelike.read
        if 0 < blksize < FILE_BLOCK_BYTES and is_regular_file(filelike):
            blksize = FILE_BLOCK_BYTES
        self._block_bytes = blksize
        close = getattr(filelike, "close", None)
        if close is not None:
            self.close = close

    def plain_file(self) -> FileIO | BufferedReader | BufferedRandom | None:
        """The file, where its descriptor gives what its `read` does, from where it stands.

        Not so one of another type, whatever descriptor it has: that of a GzipFile gives what is
        compressed.
        """
        file = self._file
        if type(file) is not FileIO:
            if type(file) not in (BufferedReader, BufferedRandom) or type(file.raw) is not FileIO:
                return None
            file.flush()
        return file if is_regular_file(file) else None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block: bytes = self._read(self._block_bytes)
        if block:
            return block
        raise StopIteration


def is_regular_file(filelike: Any) -> bool:
    try:
        return stat.S_ISREG(os.fstat(filelike.fileno()).st_mode)
    except (AttributeError, OSError, TypeError, ValueError):
        # It has no descriptor, or only pretends to.
        return False
