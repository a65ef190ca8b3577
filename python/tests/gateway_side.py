"""The gateway's end of a channel, written a second time, by hand, from docs/worker-protocol.md.

`Gateway` runs a worker in a thread, at the other end of a socket pair, and takes its answers apart.
Whatever is waited for comes within `TIMEOUT_S`, or the test fails.
"""

from __future__ import annotations

import contextlib
import io
import marshal
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Callable

from portico_worker.wire import Channel
from portico_worker.worker import Worker, base_environ

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_S = 20.0
RESPONSE, HEAD, CHUNK, END, ABORT, ERROR, READY, INTERIM, REPORT, BORROW, SENT = range(1, 12)
TAKEN, GIVEN_BACK = 12, 13
RETURNED = 2
LAST_KINDS = frozenset((RESPONSE, END, ABORT, ERROR))

FIELDS = {
    "REQUEST_METHOD": "GET",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "wsgi.url_scheme": "http",
    "HTTP_HOST": "test",
}


@dataclass
class Frame:
    """One frame of a worker."""

    slot: int
    generation: int
    elapsed_us: int
    kind: int
    flags: int
    status: int
    content_length: int
    head: bytes
    body: bytes


@dataclass
class Answer:
    """All frames of one answer; by themselves those that are about a client's socket, and the
    interim ones that came before it.
    """

    frames: list[Frame] = field(default_factory=list)
    interim: list[Frame] = field(default_factory=list)
    loans: list[Frame] = field(default_factory=list)

    @property
    def sent_bytes(self) -> int:
        """What the worker says that it has sent to the client by itself."""
        return sum(frame.content_length for frame in self.loans)

    @property
    def kinds(self) -> list[int]:
        return [frame.kind for frame in self.frames]

    @property
    def status(self) -> int:
        return self.frames[0].status

    @property
    def head(self) -> bytes:
        return self.frames[0].head

    @property
    def content_length(self) -> int | None:
        """What the head declares."""
        return self.frames[0].content_length if self.frames[0].flags & 1 else None

    @property
    def pieces(self) -> list[bytes]:
        return [frame.body for frame in self.frames if frame.body]

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)


def request(
    slot: int = 0,
    generation: int = 1,
    *,
    method: str = "GET",
    template: int = -1,
    fields: Any = FIELDS,
    path: str = "/",
    query: str = "",
    raw_uri: str | None = None,
    body: bytes | int | str | tuple[bytes, int] | None = None,
    own: dict[str, str] | None = None,
    **more: str,
) -> tuple[Any, ...]:
    """A request's tuple."""
    if fields is not None:
        fields = {**fields, "REQUEST_METHOD": method, **more}
    return (slot, generation, template, fields, path, query, raw_uri, body, own)


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame of what a worker sends; None at the end."""
    data = stream.read(32)
    if not data:
        return None
    slot, generation, elapsed_us, size, kind, flags, status, head_size, length = struct.unpack(
        "<IIIIBBHIQ", data
    )
    head = stream.read(head_size)
    body = stream.read(size)
    return Frame(slot, generation, elapsed_us, kind, flags, status, length, head, body)


class Gateway:
    """Runs a worker; a context manager that gives it back its end and waits for it.

    `stderr` is what was written to standard error meanwhile; `raised` is what `serve` ended with.
    """

    def __init__(
        self,
        application: Any,
        *,
        expect: type[BaseException] | None = None,
        make: Callable[[Channel, Any, dict[str, Any]], Worker] = Worker,
    ) -> None:
        self.expect = expect
        self._make = make
        self.stream, stream = socket.socketpair()
        self.files, files = socket.socketpair()
        self.stream.settimeout(TIMEOUT_S)
        self.raised: BaseException | None = None
        # What is lent to whoever asks for a client's socket; None for nothing.
        self.client: socket.socket | None = None
        # Whether what is sent there has to leave in chunks.
        self.is_chunked = False
        self._theirs = (stream, files)
        self._errors = io.StringIO()
        self._redirect = contextlib.redirect_stderr(self._errors)
        self._received = self.stream.makefile("rb")
        self._application = application
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def stderr(self) -> str:
        return self._errors.getvalue()

    def __enter__(self) -> Gateway:  # noqa: PYI034 - nothing is derived from it
        self._redirect.__enter__()
        self._thread.start()
        ready = self.frame()
        assert ready is not None
        assert ready.kind == READY
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                self.stream.shutdown(socket.SHUT_WR)
            self._thread.join(TIMEOUT_S)
            if kind is None:
                assert not self._thread.is_alive(), "the worker does not end"
                if self.expect is None:
                    assert self.raised is None, f"the worker ended by {self.raised!r}"
                else:
                    assert isinstance(self.raised, self.expect), repr(self.raised)
        finally:
            self._received.close()
            for each in (self.stream, self.files, *self._theirs):
                each.close()
            self._redirect.__exit__(kind, error, trace)

    def _run(self) -> None:
        stream, files = self._theirs
        try:
            base = base_environ("", "0.0.0", multiprocess=True)
            self._make(Channel(stream, files), self._application, base).serve()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.raised = error
        stream.shutdown(socket.SHUT_RDWR)

    def send(self, *values: Any) -> None:
        """Each in a frame of its own, all at once."""
        frames = [marshal.dumps(value, 2) for value in values]
        self.stream.sendall(b"".join(struct.pack("<I", len(data)) + data for data in frames))

    def cancel(self, slot: int, generation: int) -> None:
        self.send(("cancel", slot, generation))

    def send_file(self, descriptor: int) -> None:
        """The descriptor goes with one byte, as on the gateway's file socket."""
        socket.send_fds(self.files, [b"F"], [descriptor])

    def send_content_socket(self, descriptor: int | None) -> None:
        """The same for a client's socket that content comes by; None for one that is closed."""
        socket.send_fds(self.files, [b"I"], [] if descriptor is None else [descriptor])

    def lend(self) -> None:
        """Answers a worker that has asked."""
        if self.client is None:
            self.files.sendall(b"N")
        else:
            mark = b"C" if self.is_chunked else b"S"
            socket.send_fds(self.files, [mark], [self.client.fileno()])

    def frame(self) -> Frame | None:
        """The next frame; None at the end of the channel."""
        return read_frame(self._received)

    def content_frame(self) -> Frame | None:
        """The next frame that is not about a client's socket; whoever asks for that is lent it."""
        while (frame := self.frame()) is not None and frame.kind in (BORROW, SENT):
            if frame.kind == BORROW:
                self.lend()
        return frame

    def rest(self) -> list[Frame]:
        """All whole frames until the end of the channel, which may be in the middle of another."""
        frames = []
        with contextlib.suppress(struct.error):
            while (frame := self.frame()) is not None:
                frames.append(frame)
        return frames

    def answer(self, slot: int = 0, generation: int = 1) -> Answer:
        """The next answer, which must be that request's."""
        answer = Answer()
        while not answer.frames or answer.frames[-1].kind not in LAST_KINDS:
            frame = self.frame()
            assert frame is not None, "the channel ended"
            assert (frame.slot, frame.generation) == (slot, generation), frame
            if frame.kind == INTERIM:
                assert not answer.frames, "an interim answer behind the head"
                answer.interim.append(frame)
            elif frame.kind == TAKEN:
                assert not answer.frames, "word of content behind a head"
            elif frame.kind in (BORROW, SENT):
                assert answer.frames, "a wish before the head"
                answer.loans.append(frame)
                if frame.kind == BORROW:
                    self.lend()
            else:
                answer.frames.append(frame)
        return answer

    def ask(self, **parts: Any) -> Answer:
        """One request, and its answer."""
        self.send([request(**parts)])
        return self.answer()


def answer_to(application: Any, **parts: Any) -> tuple[Answer, str]:
    """One request to a worker of its own; the answer, and what went to standard error."""
    with Gateway(application) as gateway:
        answer = gateway.ask(**parts)
    return answer, gateway.stderr
