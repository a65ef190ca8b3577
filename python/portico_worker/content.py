"""What an application reads and what it can be read from: wsgi.input for spooled content, wsgi.file_wrapper."""

from __future__ import annotations

import os
from io import BufferedReader, FileIO
from typing import Any, Iterator

FILE_BLOCK_BYTES = 65_536


def open_descriptor(descriptor: int) -> BufferedReader:
    """wsgi.input over a file whose descriptor the gateway sent; its offset is wherever the gateway left it."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return BufferedReader(FileIO(descriptor, "rb", closefd=True), FILE_BLOCK_BYTES)


def open_path(path: str) -> BufferedReader:
    """wsgi.input over a file that the gateway gave by name, and that the gateway removes."""
    return BufferedReader(FileIO(path, "rb"), FILE_BLOCK_BYTES)


class FileWrapper:
    """wsgi.file_wrapper of PEP 3333: iterates over a file-like object in blocks, and closes it."""

    def __init__(self, filelike: Any, blksize: int = FILE_BLOCK_BYTES) -> None:
        self._read = filelike.read
        # Small blocks are what callers write from habit; each one costs a frame and a system call.
        self._block_bytes = max(blksize, FILE_BLOCK_BYTES)
        close = getattr(filelike, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block: bytes = self._read(self._block_bytes)
        if block:
            return block
        raise StopIteration
