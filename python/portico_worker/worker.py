"""A worker: takes batches of requests off its channel, calls the application, sends the answers.

Single-threaded and serial. The loop is written for speed where it runs once a request: names are locals, an environ
is one `dict.copy`, answers of a batch leave together. How an answer is made is `wsgi.py`'s.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections import deque
from io import BytesIO
from time import perf_counter
from typing import Any, BinaryIO, Callable

from portico_worker import content, wire
from portico_worker.heads import HeadCache
from portico_worker.wsgi import COPIED_MAX_BYTES, ELAPSED_MAX_US, Answer, Disconnected

# Methods that may be run again when nobody can tell whether they were; the gateway has the same list.
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
# Finished answers wait for at most so long for others of their batch.
FLUSH_INTERVAL_S = 0.0002
# The gateway's bound on template numbers, docs/worker-protocol.md.
TEMPLATES_MAX = 4096

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Any]


def base_environ(root_path: str, version: str, multiprocess: bool) -> Environ:
    """The entries that are the same for every request of this worker."""
    return {
        "SCRIPT_NAME": root_path,
        "SERVER_SOFTWARE": f"portico/{version}",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": content.FileWrapper,
        "wsgi.input_terminated": True,
    }


class Worker:
    """Serves one channel until it ends."""

    def __init__(self, channel: wire.Channel, application: Application, base: Environ) -> None:
        self._channel = channel
        self._application = application
        self._base = base
        self._templates: dict[int, tuple[Environ, bool, bool]] = {}
        self._answer = Answer(channel.send, HeadCache())
        self._answer.is_cancelled = self._is_cancelled
        # Batches that arrived while an answer was being streamed.
        self._backlog: deque[list[Any]] = deque()
        self._cancelled: set[tuple[int, int]] = set()

    def serve(self) -> None:
        """Returns at the end of the channel: the gateway wants no more, or is gone."""
        self._channel.say_ready(os.getpid())
        while True:
            message = self._backlog.popleft() if self._backlog else self._channel.receive()
            if message is None:
                return
            if type(message) is list:
                self._run_batch(message)
            # Anything else is a cancellation, of a request that has been answered already.

    def _run_batch(self, batch: list[Any]) -> None:
        application = self._application
        answer = self._answer
        start_response = answer.start_response
        unsent = answer.unsent
        append = unsent.append
        pack_address = wire.pack_address
        clock = perf_counter
        flushed_at = clock()
        left = len(batch)
        for slot, generation, template, fields, path, query, raw_uri, body, length in batch:
            left -= 1
            base, flush_first, bodyless = (
                self._templates[template] if fields is None else self._template(template, fields)
            )
            if flush_first and unsent:
                answer.flush()
            environ = base.copy()
            environ["PATH_INFO"] = path
            environ["QUERY_STRING"] = query
            environ["RAW_URI"] = path if raw_uri is None else raw_uri
            if length is not None:
                environ["CONTENT_LENGTH"] = length
            if body is None or type(body) is bytes:
                environ["wsgi.input"] = BytesIO(body)
            answer.slot = slot
            answer.generation = generation
            answer.bodyless_method = bodyless
            answer.head = None
            answer.began = began = clock()
            result: Any = None
            try:
                if body is not None and type(body) is not bytes:
                    environ["wsgi.input"] = self._open(body)
                result = application(environ, start_response)
                kind = type(result)
                if kind is list or kind is tuple:
                    head = answer.head
                    # The commonest answer: one piece, its length declared, all of it small.
                    if (
                        len(result) == 1
                        and head is not None
                        and type(result[0]) is bytes
                        and head.content_length == len(result[0]) <= COPIED_MAX_BYTES
                        and not (bodyless or head.bodyless or answer.head_sent)
                    ):
                        now = clock()
                        elapsed_us = int((now - began) * 1e6)
                        if elapsed_us > ELAPSED_MAX_US:
                            elapsed_us = ELAPSED_MAX_US
                        append(pack_address(slot, generation, elapsed_us, len(result[0])))
                        append(head.whole_frame)
                        append(result[0])
                        if now - flushed_at > FLUSH_INTERVAL_S:
                            answer.flush()
                            flushed_at = now
                        if body is not None and type(body) is not bytes:
                            self._close_input(environ)
                        continue
                    answer.complete_list(result)
                else:
                    answer.complete_iterable(result, left == 0)
            except Disconnected:
                answer.forsake()
            except Exception:
                self._report(environ)
                answer.fail()
            except BaseException:
                # SystemExit, KeyboardInterrupt, GeneratorExit: the application wants this process
                # to end. It does, once the client has its answer; requests behind this one are
                # run by another worker.
                self._report(environ)
                answer.fail()
                answer.flush()
                self._close(result, environ)
                raise
            answer.reset()
            self._close(result, environ)
            if body is not None and type(body) is not bytes:
                self._close_input(environ)
            if unsent:
                now = clock()
                if now - flushed_at > FLUSH_INTERVAL_S:
                    answer.flush()
                    flushed_at = now
        answer.flush()

    def _template(self, number: int, fields: dict[str, str]) -> tuple[Environ, bool, bool]:
        environ = self._base.copy()
        environ.update(fields)
        method = fields["REQUEST_METHOD"]
        template = (environ, method not in IDEMPOTENT, method == "HEAD")
        if 0 <= number < TEMPLATES_MAX:
            self._templates[number] = template
        return template

    def _open(self, body: int | str) -> BinaryIO:
        """wsgi.input for content in a file; the descriptor is taken in any case, so that none is left behind."""
        if isinstance(body, int):
            return content.open_descriptor(self._channel.receive_file())
        return content.open_path(body)

    def _close_input(self, environ: Environ) -> None:
        """The application may have replaced wsgi.input; then its file is closed when nobody refers to it any more."""
        stream = environ.get("wsgi.input")
        if stream is not None:
            stream.close()

    def _close(self, result: Any, environ: Environ) -> None:
        """PEP 3333: close() is called once, whatever happened; what it raises cannot change the answer any more."""
        close = getattr(result, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception:
            self._report(environ)

    def _report(self, environ: Environ) -> None:
        """The traceback with the request line, by one write. Called while the exception is being handled."""
        request = f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}"
        if environ["RAW_URI"] == environ["PATH_INFO"] and environ["QUERY_STRING"]:
            request += f"?{environ['QUERY_STRING']}"
        line = f"error in application: {escape(request)} (worker PID {os.getpid()})\n"
        try:
            sys.stderr.write(line + user_traceback())
            sys.stderr.flush()
        except (OSError, ValueError):
            # There is nowhere left to say so.
            pass

    def _is_cancelled(self, slot: int, generation: int) -> bool:
        """Whether the gateway has cancelled this request; takes in whatever else has arrived."""
        message = self._channel.receive_ready()
        while message is not None:
            if type(message) is list:
                self._backlog.append(message)
            elif message == ("cancel", slot, generation):
                return True
            message = self._channel.receive_ready()
        return False


def escape(text: str) -> str:
    """What a client sent, in printable ASCII."""
    return text.encode("unicode_escape").decode("ascii")


def user_traceback() -> str:
    """The present exception's traceback, without our own frames at its top."""
    kind, error, entry = sys.exc_info()
    while entry is not None and entry.tb_frame.f_code.co_filename == __file__:
        entry = entry.tb_next
    return "".join(traceback.format_exception(kind, error, entry))
