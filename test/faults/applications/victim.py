"""A WSGI application that dies, hangs and misbehaves in every way, by the path of the request.

Each answer names the code's version and the process; each POST is noted in the file that
FAULT_LEDGER names, by one write, as often as it runs. `make_application` is for code that a test
deploys; `app` is version 0 of it.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import re
import resource
import signal
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Optional
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Environ = dict[str, Any]
View = Callable[[Environ, str, Any], "Iterable[bytes]"]
# Called before a view; what it returns is the answer's status, None for the view's own.
Fault = Callable[[Environ], Optional[str]]

MEBIBYTE = 1_048_576
FOREVER_S = 600
KIBIBYTE = 1024
CLONE_VFORK = 0x4000
lock = threading.Lock()
grown: list[bytes] = []


def note(line: str) -> None:
    """One write, so that lines of several processes do not mix."""
    file = os.open(os.environ["FAULT_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def parameter(environ: Environ, name: str, default: str) -> str:
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


def wait_until_told(environ: Environ) -> None:
    """With `until=NAME` in the query: until a file of that name is beside the ledger."""
    name = parameter(environ, "until", "")
    while name and not os.path.exists(f"{os.environ['FAULT_LEDGER']}.{name}"):
        time.sleep(0.02)


def exhaust_memory() -> None:
    """What a limit on memory does: MemoryError where Python asks, and it is not caught."""
    resource.setrlimit(resource.RLIMIT_AS, (400 * MEBIBYTE, resource.RLIM_INFINITY))
    while True:
        grown.append(b"x" * (8 * MEBIBYTE))


def kill_as_the_kernel_does() -> None:
    """What is left of a process that the kernel found too large: no word, memory full of it."""
    grown.append(b"x" * (64 * MEBIBYTE))
    os.kill(os.getpid(), signal.SIGKILL)


def die_by_sigterm() -> None:
    """As an application that has put the default back for its own shutdown."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def read_where_nothing_is() -> None:
    """A fault of C that Python has no exception for."""
    ctypes.string_at(8)


def die_in_thread() -> None:
    thread = threading.Thread(target=os._exit, args=(9,))
    thread.start()
    thread.join()


def close_everything() -> None:
    """As a daemon library does: the channel to the gateway goes with the rest."""
    os.closerange(3, 1024)


DEATHS: dict[str, Callable[[], Any]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "term": die_by_sigterm,
    "segv": read_where_nothing_is,
    "abort": os.abort,
    "exit": lambda: os._exit(0),
    "exit-3": lambda: os._exit(3),
    "sys-exit": lambda: sys.exit(1),
    "keyboard-interrupt": lambda: signal.default_int_handler(2, None),
    "out-of-memory": kill_as_the_kernel_does,
    "memory-limit": exhaust_memory,
    "thread-exit": die_in_thread,
    "close-all": close_everything,
}


def sleep_in_python() -> None:
    time.sleep(FOREVER_S)


def deadlock() -> None:
    lock.acquire()
    lock.acquire()


def loop() -> NoReturn:
    while True:
        pass


def sleep_in_c() -> None:
    """Holds the interpreter's lock all the while, as a careless extension does."""
    ctypes.PyDLL(None).sleep(FOREVER_S)


def backtrack() -> None:
    """Years of matching, with the interpreter's lock held."""
    re.match(r"(a|aa)+$", "a" * 200 + "b")


def stop_self() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    # One thread of several may go on for a moment.
    time.sleep(FOREVER_S)


def block_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    time.sleep(FOREVER_S)


def ignore_signals() -> None:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    time.sleep(FOREVER_S)


def wait_for_vfork() -> None:
    """Uninterruptible: whoever calls vfork(2) cannot be signalled until the child has gone on.

    The child must touch nothing of ours, so it is a C function that sleeps.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    # A thread does it: the call returns when the child has ended.
    stack = mmap.mmap(-1, MEBIBYTE)
    top = ctypes.addressof(ctypes.c_char.from_buffer(stack)) + MEBIBYTE - 64
    seconds = ctypes.c_long(20)
    sleep = ctypes.cast(libc.sleep, ctypes.c_void_p)
    libc.clone(sleep, ctypes.c_void_p(top), CLONE_VFORK | signal.SIGCHLD, seconds)


def wait_for_thread() -> None:
    """Several threads, so that the stacks of all are asked for."""

    def a_thread_of_the_application() -> None:
        time.sleep(FOREVER_S)

    thread = threading.Thread(target=a_thread_of_the_application, daemon=True)
    thread.start()
    thread.join()


def swallow_exceptions() -> None:
    """A view that lets nothing that is thrown into it end it."""
    while True:
        try:
            time.sleep(FOREVER_S)
        except BaseException:  # noqa: BLE001 - that is the fault
            continue


HANGS: dict[str, Callable[[], Any]] = {
    "sleep": sleep_in_python,
    "deadlock": deadlock,
    "loop": loop,
    "sleep-in-c": sleep_in_c,
    "regex": backtrack,
    "stopped": stop_self,
    "signals-blocked": block_signals,
    "signals-ignored": ignore_signals,
    "uninterruptible": wait_for_vfork,
    "other-thread": wait_for_thread,
    "swallows": swallow_exceptions,
}


class Site:
    """One version of the code."""

    def __init__(self, version: str, fault: Fault | None = None) -> None:
        self.version = version
        self.fault = fault
        self.views: dict[str, View] = {
            "get": self.get,
            "post": self.post,
            "slow": self.slow,
            "stream": self.stream,
            "large": self.large,
            "die": self.die,
            "once": self.once,
            "hang": self.hang,
            "gil": self.hold_interpreter,
            "grow": self.grow,
            "error": self.error,
        }

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        status = self.fault(environ) if self.fault is not None else None
        fields = [
            ("Content-Type", "text/plain"),
            ("X-Version", self.version),
            ("X-Pid", str(os.getpid())),
        ]
        if status is not None:
            start_response(status, fields)
            return [b"a fault\n"]
        name, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
        view = self.views.get(name)
        if view is None:
            start_response("404 Not Found" if name else "200 OK", fields)
            return [b"nothing here\n"]
        return view(
            environ,
            rest,
            lambda status="200 OK", more=(): start_response(status, [*fields, *more]),
        )

    def get(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        start()
        return [f"{name}\n".encode()]

    def post(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """Notes that it ran before anything else can happen."""
        name = environ["wsgi.input"].read().decode()
        note(name)
        wait_until_told(environ)
        time.sleep(float(parameter(environ, "s", "0")))
        start()
        return [f"{name}\n".encode()]

    def slow(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """/slow/ID?s=N, or with `until=NAME`, which notes that it has begun."""
        if parameter(environ, "until", ""):
            note(name)
            wait_until_told(environ)
        else:
            time.sleep(float(parameter(environ, "s", "0.1")))
        start()
        return [f"{name}\n".encode()]

    def stream(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """Answers piece by piece; `die` and `hang` say what happens behind the first."""
        start()
        return self._pieces(environ, name)

    def _pieces(self, environ: Environ, name: str) -> Iterator[bytes]:
        for count in range(int(parameter(environ, "n", "3"))):
            if count == 1:
                wait_until_told(environ)
                DEATHS.get(parameter(environ, "die", ""), int)()
                HANGS.get(parameter(environ, "hang", ""), int)()
            yield f"{name}\n".encode()
            time.sleep(float(parameter(environ, "s", "0.1")))

    def large(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """/large/ID?kib=N&way=WAY: what was posted, or N KiB of which each says its place."""
        content = environ["wsgi.input"].read()
        if content:
            note(name)
        else:
            count = int(parameter(environ, "kib", "1"))
            places = (f"{name}:{place}:".encode() for place in range(count))
            content = b"".join(place.ljust(KIBIBYTE, b".") for place in places)
        way = parameter(environ, "way", "list")
        size = int(parameter(environ, "piece", "64")) * KIBIBYTE
        if way == "stream":
            start()
            return cut(content, size)
        write = start(more=[("Content-Length", str(len(content)))])
        if way == "file":
            file = tempfile.TemporaryFile()  # noqa: SIM115 - the wrapper closes it
            file.write(content)
            file.seek(0)
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
            return wrapped
        if way == "write":
            for piece in cut(content, size):
                write(piece)
            return []
        return cut(content, size) if way == "pieces" else [content]

    def die(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """/die/WAY: with content it is noted first, so that a second run would show."""
        content = environ["wsgi.input"].read().decode()
        note(content or f"die {environ['REQUEST_METHOD']} {name}")
        DEATHS[name.partition("/")[0]]()
        start()
        return [b"survived\n"]

    def once(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """/once/WAY/ID: dies the first time."""
        way, _, key = name.partition("/")
        marker = f"{os.environ['FAULT_LEDGER']}.{key}"
        if not os.path.exists(marker):
            open(marker, "w").close()
            DEATHS[way]()
        start()
        return [f"{name}\n".encode()]

    def hang(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        HANGS[name.partition("/")[0]]()
        start()
        return [b"came back\n"]

    def hold_interpreter(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """/gil/ID?ms=N: holds the interpreter's lock for so long, in C."""
        ctypes.PyDLL(None).usleep(int(parameter(environ, "ms", "1000")) * 1000)
        start()
        return [f"{name}\n".encode()]

    def grow(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        """/grow?id=ID&kib=N: keeps that much for good, as a cache without a bound does."""
        grown.append(os.urandom(1) * (int(parameter(environ, "kib", "256")) * 1024))
        start()
        return [f"{parameter(environ, 'id', name)}\n".encode()]

    def error(self, environ: Environ, name: str, start: Any) -> Iterable[bytes]:
        message = f"broken by request {name}"
        raise RuntimeError(message)


def cut(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def make_application(version: str, fault: Fault | None = None) -> Site:
    gc.collect()
    return Site(version, fault)


app = make_application("0")
