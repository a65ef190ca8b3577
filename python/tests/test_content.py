"""wsgi.input over files, and wsgi.file_wrapper."""

from __future__ import annotations

import io
import os
import tempfile
import unittest

from portico_worker import content
from portico_worker.content import FILE_BLOCK_BYTES, FileWrapper


class Recorder:
    """A file-like object without a descriptor that notes how much is asked for."""

    def __init__(self, data: bytes) -> None:
        self.asked: list[int] = []
        self._stream = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        self.asked.append(size)
        return self._stream.read(size)


class Wrapper(unittest.TestCase):
    def test_the_block_size_asked_for_is_used(self) -> None:
        recorder = Recorder(b"x" * 10)
        self.assertEqual(list(FileWrapper(recorder, 4)), [b"xxxx", b"xxxx", b"xx"])
        self.assertEqual(recorder.asked, [4, 4, 4, 4])

    def test_small_blocks_of_a_regular_file_become_large_ones(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * (FILE_BLOCK_BYTES + 1))
            file.seek(0)
            sizes = [len(block) for block in FileWrapper(file, 512)]
        self.assertEqual(sizes, [FILE_BLOCK_BYTES, 1])

    def test_large_blocks_stay(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * (3 * FILE_BLOCK_BYTES))
            file.seek(0)
            sizes = [len(block) for block in FileWrapper(file, 2 * FILE_BLOCK_BYTES)]
        self.assertEqual(sizes, [2 * FILE_BLOCK_BYTES, FILE_BLOCK_BYTES])

    def test_a_pipe_is_not_made_to_wait_for_a_large_block(self) -> None:
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as file:
            os.write(writer, b"now")
            # The writing end stays open: a larger read would wait for more.
            self.assertEqual(next(FileWrapper(file, 3)), b"now")
        os.close(writer)

    def test_close_is_that_of_the_file(self) -> None:
        file = io.BytesIO()
        FileWrapper(file).close()
        self.assertTrue(file.closed)

    def test_no_close_where_the_file_has_none(self) -> None:
        self.assertFalse(hasattr(FileWrapper(Recorder(b"")), "close"))

    def test_a_text_file_is_refused_when_it_is_sent(self) -> None:
        self.assertEqual(list(FileWrapper(io.StringIO("text"))), ["text"])


class Spooled(unittest.TestCase):
    def test_a_descriptor_is_read_from_its_beginning_and_closed(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"one\ntwo\n")
            file.flush()
            stream = content.open_descriptor(os.dup(file.fileno()))
            self.assertEqual(stream.readlines(), [b"one\n", b"two\n"])
            self.assertEqual(stream.read(), b"")
            descriptor = stream.fileno()
            stream.close()
            self.assertRaises(OSError, os.fstat, descriptor)

    def test_what_is_no_file_is_closed_all_the_same(self) -> None:
        reader, writer = os.pipe()
        os.close(writer)
        self.assertRaises(OSError, content.open_descriptor, reader)
        self.assertRaises(OSError, os.fstat, reader)

    def test_a_path(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"content")
            file.flush()
            with content.open_path(file.name) as stream:
                self.assertEqual(stream.read(), b"content")
            self.assertTrue(os.path.exists(file.name))
