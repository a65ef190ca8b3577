"""The channel: frames whole and cut, room for large ones, its end, and descriptors."""

from __future__ import annotations

import marshal
import os
import socket
import struct
import threading
import unittest
from typing import Any

from portico_worker import wire

from tests.gateway_side import TIMEOUT_S


def encode(value: Any) -> bytes:
    data = marshal.dumps(value, 2)
    return struct.pack("<I", len(data)) + data


class ChannelCase(unittest.TestCase):
    def setUp(self) -> None:
        self.gateway, theirs = socket.socketpair()
        self.files, their_files = socket.socketpair()
        for each in (self.gateway, theirs, self.files, their_files):
            self.addCleanup(each.close)
        self.gateway.settimeout(TIMEOUT_S)
        self.theirs = theirs
        self.their_files = their_files
        self.channel = wire.Channel(theirs, their_files)


class Receiving(ChannelCase):
    def test_a_frame_is_one_value(self) -> None:
        self.gateway.sendall(encode([("a", 1, None, b"x", {"k": "v"})]))
        self.assertEqual(self.channel.receive(), [("a", 1, None, b"x", {"k": "v"})])

    def test_frames_come_in_order_however_they_are_cut(self) -> None:
        values = [["first"], ("cancel", 1, 2), [], ["x" * 300], [b"last"]]
        stream = b"".join(map(encode, values))
        for step in (1, 2, 3, 5, 7, 64, len(stream)):
            received = []
            for start in range(0, len(stream), step):
                self.gateway.sendall(stream[start : start + step])
                while (value := self.channel.receive_ready()) is not None:
                    received.append(value)
            self.assertEqual(received, values)

    def test_nothing_ready_is_none_and_does_not_wait(self) -> None:
        self.assertIsNone(self.channel.receive_ready())
        frame = encode(["later"])
        self.gateway.sendall(frame[:6])
        self.assertIsNone(self.channel.receive_ready())
        self.gateway.sendall(frame[6:])
        self.assertEqual(self.channel.receive_ready(), ["later"])

    def test_a_frame_larger_than_the_buffer(self) -> None:
        large = [b"x" * (3 * wire.RECEIVE_BUFFER_BYTES)]
        # Something before it, so that it begins within the buffer, and something behind it.
        stream = encode(["before"]) + encode(large) + encode(["behind"])
        sender = threading.Thread(target=self.gateway.sendall, args=(stream,))
        sender.start()
        self.assertEqual(self.channel.receive(), ["before"])
        self.assertEqual(self.channel.receive(), large)
        self.assertGreater(len(self.channel._buffer), wire.RECEIVE_BUFFER_BYTES)  # noqa: SLF001
        self.assertEqual(self.channel.receive(), ["behind"])
        sender.join()
        # The room is given back when the next frame comes.
        self.gateway.sendall(encode(["next"]))
        self.assertEqual(self.channel.receive(), ["next"])
        self.assertEqual(len(self.channel._buffer), wire.RECEIVE_BUFFER_BYTES)  # noqa: SLF001

    def test_many_frames_wrap_around_in_the_buffer(self) -> None:
        piece = [b"y" * 70_001]
        stream = encode(piece) * 20
        sender = threading.Thread(target=self.gateway.sendall, args=(stream,))
        sender.start()
        for _ in range(20):
            self.assertEqual(self.channel.receive(), piece)
        sender.join()
        self.assertEqual(len(self.channel._buffer), wire.RECEIVE_BUFFER_BYTES)  # noqa: SLF001

    def test_a_frame_beyond_all_bounds_is_a_mistake(self) -> None:
        self.gateway.sendall(struct.pack("<I", wire.FRAME_MAX_BYTES))
        with self.assertRaisesRegex(wire.ProtocolError, "a frame of"):
            self.channel.receive()

    def test_the_end_is_none(self) -> None:
        self.gateway.shutdown(socket.SHUT_WR)
        self.assertIsNone(self.channel.receive())
        self.assertIsNone(self.channel.receive_ready())

    def test_the_end_within_a_frame_is_the_end(self) -> None:
        self.gateway.sendall(encode(["never whole"])[:-1])
        self.gateway.shutdown(socket.SHUT_WR)
        self.assertIsNone(self.channel.receive())

    def test_a_gateway_that_went_without_reading_is_the_end(self) -> None:
        # The kernel reports unread bytes as ECONNRESET.
        self.channel.say_ready(7, 0)
        self.gateway.close()
        self.assertIsNone(self.channel.receive())

    def test_an_applications_default_timeout_does_not_hold(self) -> None:
        socket.setdefaulttimeout(0.01)
        try:
            ours, theirs = socket.socketpair()
            again = socket.socket(fileno=theirs.detach())
        finally:
            socket.setdefaulttimeout(None)
        self.assertEqual(again.gettimeout(), 0.01)
        with ours, again:
            channel = wire.Channel(again, None)
            timer = threading.Timer(0.1, ours.sendall, (encode(["in time"]),))
            timer.start()
            self.assertEqual(channel.receive(), ["in time"])
            timer.join()


class Sending(ChannelCase):
    def test_ready_is_the_first_frame(self) -> None:
        self.channel.say_ready(4711, 9)
        self.assertEqual(
            struct.unpack("<IIIIBBHIQ", self.gateway.recv(1000)), (4711, 9, 0, 0, 7, 0, 0, 0, 0)
        )

    def test_a_gateway_that_is_gone(self) -> None:
        self.gateway.close()
        with self.assertRaises(wire.ChannelClosed):
            self.channel.send(b"nobody reads this")

    def test_no_application_can_take_it_for_its_own(self) -> None:
        self.assertFalse(issubclass(wire.ChannelError, Exception))


class Disowning(ChannelCase):
    def test_a_disowned_channel_says_nothing_hears_nothing_and_holds_nothing(self) -> None:
        self.gateway.sendall(encode(["a batch"]))
        self.channel.disown()
        with self.assertRaises(wire.ChannelClosed):
            self.channel.send(b"answer")
        self.assertIsNone(self.channel.receive())
        self.assertIsNone(self.channel.receive_ready())
        self.assertEqual((self.theirs.fileno(), self.their_files.fileno()), (-1, -1))


class Files(ChannelCase):
    def test_a_descriptor_is_received_and_not_inheritable(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        socket.send_fds(self.files, [b"F"], [writer])
        os.close(writer)
        received = self.channel.receive_file()
        self.addCleanup(os.close, received)
        self.assertFalse(os.get_inheritable(received))
        os.write(received, b"through")
        self.assertEqual(os.read(reader, 10), b"through")

    def test_descriptors_come_in_order(self) -> None:
        pipes = [os.pipe() for _ in range(3)]
        for reader, writer in pipes:
            socket.send_fds(self.files, [b"F"], [writer])
            os.close(writer)
            self.addCleanup(os.close, reader)
        for number, (reader, _) in enumerate(pipes):
            received = self.channel.receive_file()
            os.write(received, b"%d" % number)
            os.close(received)
            self.assertEqual(os.read(reader, 10), b"%d" % number)

    def test_a_file_that_does_not_come(self) -> None:
        self.files.sendall(b"F")
        with self.assertRaisesRegex(wire.ProtocolError, "did not come"):
            self.channel.receive_file()
        self.files.close()
        with self.assertRaisesRegex(wire.ProtocolError, "did not come"):
            self.channel.receive_file()

    def test_a_file_without_a_socket_for_it(self) -> None:
        with self.assertRaisesRegex(wire.ProtocolError, "no socket for descriptors"):
            wire.Channel(self.theirs, None).receive_file()
