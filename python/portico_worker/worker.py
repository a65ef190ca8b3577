"""A worker: takes batches of requests off its channel, calls the application, sends the answers.

Serial: a process that answers several requests at once has a worker in each of its threads, and
they share nothing. The loop is written for speed where it runs once a request: names are locals, an
environ is one `dict.copy`, finished answers leave together. How an answer is made is `wsgi.py`'s.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import traceback
from collections import deque
from io import BytesIO
from time import perf_counter
from types import MethodType
from typing import TYPE_CHECKING, Any, Callable

from portico_worker import content, error_log, progress, wire
from portico_worker.error_records import log, report
from portico_worker.heads import HeadCache
from portico_worker.loading import ASGI_ADVICE
from portico_worker.outlet import COPIED_MAX_BYTES, ELAPSED_MAX_US, Disconnected
from portico_worker.progress import SLOT
from portico_worker.wire import pack_address
from portico_worker.wsgi import Answer

if TYPE_CHECKING:
    from io import BufferedReader

# Methods that may be run again when nobody can tell whether they were; the gateway has the same
# list.
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
# Finished answers leave together once there is nothing more to do, but no answer begins to be made
# while one waits that is older than this. The gateway sends several requests at a time only where
# the application answers in microseconds.
FLUSH_INTERVAL_S = 0.001
# When the answers of a process that must keep none were sent last.
NEVER = float("-inf")
# The gateway's bound on template numbers, docs/worker-protocol.md.
TEMPLATES_MAX = 4096
# What the gateway says when the error log's file has been renamed.
REOPEN = "reopen"
FOLDER = os.path.dirname(__file__)
# What Python says where (scope, receive, send) was called with (environ, start_response). A wrapper
# that takes any arguments hides it from whoever looks at the application before.
match_asgi_call = re.compile(r".*missing 1 required positional argument: 'send'").fullmatch

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Any]


def base_environ(
    root_path: str,
    version: str,
    multiprocess: bool,
    multithread: bool = False,
    run_once: bool = False,
) -> Environ:
    """The entries that are the same for every request of this worker."""
    return {
        "SCRIPT_NAME": root_path,
        "SERVER_SOFTWARE": f"portico/{version}",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": run_once,
        "wsgi.file_wrapper": content.FileWrapper,
        "wsgi.input_terminated": True,
    }


class NotTaken(Exception):
    """The content of a request did not come; the gateway has what there is of it."""


class Worker:
    """Serves one channel until it ends, in the thread that made it."""

    answer_type = Answer

    def __init__(
        self,
        channel: wire.Channel,
        application: Application,
        base: Environ,
        error_log: str | None = None,
        own_progress: progress.Progress | None = None,
    ) -> None:
        self._channel = channel
        self._progress = own_progress or progress.nowhere()
        # Over a link without descriptors the gateway need not see all that was sent before the end.
        self._kept = progress.KeptAnswers(
            self._progress if channel.can_borrow else progress.nowhere()
        )
        # The path of the request before, and whether that one may be run once only.
        self._last_path: str | None = None
        self._last_once = False
        self._application = application
        self._base = base
        # The path of the file that standard error goes to, if the gateway knows of one.
        self._error_log = error_log
        self._templates: dict[int, tuple[Environ, bool, bool]] = {}
        self._answer = self.answer_type(
            channel.send,
            channel.send_beside,
            self._is_cancelled,
            channel.borrow if channel.can_borrow else None,
            self._kept,
            HeadCache(),
        )
        # Batches that arrived while an answer was being streamed. The gateway bounds what a worker
        # has at a time.
        self._backlog: deque[list[Any]] = deque()
        # Cancelled requests of the present batch and of the backlog, so no more than those.
        self._cancelled: set[tuple[int, int]] = set()
        # What ends this worker once the present request has been settled.
        self._ending: BaseException | None = None

    def serve(self) -> None:
        """Returns at the end of the channel: the gateway wants no more, or is gone.

        Raises what the application raised that is not an Exception, such as SystemExit, and
        ProtocolError.
        """
        try:
            self._channel.say_ready(os.getpid(), self._progress.descriptor)
            while True:
                message = self._next()
                if message is None:
                    return
                if type(message) is list:
                    self._run_batch(message)
                elif message[0] == REOPEN:
                    self._reopen()
                # Anything else is a cancellation, of a request that has been answered already.
        except wire.ChannelClosed:
            return

    def end_with_request(self) -> None:
        """Has the present request be the last, in a process that the application has forked.

        Its answer is sent as soon as it is made, on a channel that is closed there, and what came
        with it is the parent's to run.
        """
        self._answer.flushed_at = NEVER
        self._answer.leave_to_parent()

    def _next(self) -> Any:
        """What has come; where nothing has, all answers leave before it is waited for."""
        if self._backlog:
            return self._backlog.popleft()
        self._cancelled.clear()
        message = self._channel.take()
        if message is None:
            self._answer.flush()
            # Not before: what is answered and has not left was begun.
            self._progress.place[progress.SLOT] = progress.AT_NONE
            message = self._channel.receive()
        return message

    def _run_batch(self, batch: list[Any]) -> None:
        """Its answers have not all left afterwards."""
        application, answer = self._application, self._answer
        unsent, last_path, last_once = answer.unsent, self._last_path, self._last_once
        append, place = unsent.append, self._progress.place
        start_response, early_hints = answer.start_response, answer.early_hints
        answer.began = now = perf_counter()
        if not unsent:
            answer.flushed_at = now
        for request in batch:
            slot, generation, template, fields, path, query, raw_uri, body, own = request
            base, once, bodyless = (
                self._templates[template] if fields is None else self._template(template, fields)
            )
            # Another path may take for ever. What cannot be run again begins when nothing that is
            # done can be lost, and so does what comes behind it.
            if unsent and (path != last_path or ((once or last_once) and not self._keep())):
                answer.flush()
            last_path, last_once, place[SLOT] = path, once, slot
            environ = base.copy()
            environ["PATH_INFO"] = path
            environ["QUERY_STRING"] = query
            environ["RAW_URI"] = path if raw_uri is None else raw_uri
            if own is not None:
                environ.update(own)
            answer.slot, answer.generation = slot, generation
            answer.bodyless_method, answer.head = bodyless, None
            began = now
            # Of all callables that hold something, a method is made the fastest.
            environ["wsgi.early_hints"] = MethodType(early_hints, began)
            result: Any = None
            spooled = None
            try:
                if body is None or type(body) is bytes:
                    environ["wsgi.input"] = BytesIO(body or b"")
                else:
                    environ["wsgi.input"] = spooled = self._open(body)
                result = application(environ, start_response)
                kind = type(result)
                if kind is list or kind is tuple:
                    # The commonest answer: one piece, its length declared, all of it small.
                    if (
                        len(result) == 1
                        and (head := answer.head) is not None
                        and type(piece := result[0]) is bytes
                        and head.content_length == (size := len(piece)) <= COPIED_MAX_BYTES
                        and not (bodyless or head.bodyless or answer.head_sent)
                        and spooled is None
                    ):
                        # From here on nothing of this request can be sent but this.
                        answer.began = now = perf_counter()
                        elapsed_us = int((now - began) * 1e6)
                        if elapsed_us > ELAPSED_MAX_US:
                            elapsed_us = ELAPSED_MAX_US
                        append(pack_address(slot, generation, elapsed_us, size))
                        append(head.whole_frame)
                        append(piece)
                        if now - answer.flushed_at > FLUSH_INTERVAL_S:
                            answer.flush()
                        continue
                    answer.complete_list(result)
                else:
                    answer.complete_iterable(result, request is batch[-1] and not self._has_more)
            except BaseException as error:  # noqa: BLE001 - sorted out by _fail, raised by _settle
                self._fail(error, base, request)
            self._settle(result, spooled, base, request)
            answer.began = now = perf_counter()
            if unsent and now - answer.flushed_at > FLUSH_INTERVAL_S:
                answer.flush()
        self._last_path, self._last_once = last_path, last_once

    def _keep(self) -> bool:
        """Whether the answers that wait reach the gateway although this process may end."""
        return self._kept.keep(self._answer.unsent, self._channel.sent_bytes)

    @property
    def _has_more(self) -> bool:
        return bool(self._backlog) or self._channel.has_more

    def _fail(self, error: BaseException, base: Environ, request: tuple[Any, ...]) -> None:
        """Makes the answer where the application did not."""
        if isinstance(error, wire.ChannelError):
            self._ending = error
        elif isinstance(error, Disconnected):
            self._answer.forsake()
        elif isinstance(error, NotTaken):
            # The gateway knows.
            pass
        else:
            self._report(error, base, request)
            self._answer.fail()
            if not isinstance(error, Exception):
                # SystemExit, KeyboardInterrupt, GeneratorExit: the application wants this process
                # to end. It does, once the client has its answer; another worker runs the requests
                # behind this one.
                self._ending = error

    def _settle(
        self,
        result: Any,
        spooled: BufferedReader | BytesIO | None,
        base: Environ,
        request: tuple[Any, ...],
    ) -> None:
        """Closes what the request had open. Raises what ends this worker."""
        self._answer.reset()
        if self._ending is None and self._channel.in_doubt:
            self._ending = wire.ProtocolError(wire.IN_DOUBT)
        try:
            # PEP 3333: once, whatever happened; what it raises cannot change the answer any more.
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except BaseException as error:  # noqa: BLE001 - the application's, as that of the call
            self._report(error, base, request)
            if not isinstance(error, Exception) and self._ending is None:
                self._ending = error
        if spooled is not None:
            # The application may have put something else into the environ; it may have closed this
            # one, or taken the file out of it.
            with contextlib.suppress(OSError, ValueError):
                spooled.close()
        if self._ending is not None:
            if not isinstance(self._ending, wire.ChannelError):
                self._answer.flush()
            raise self._ending

    def _template(self, number: int, fields: dict[str, str]) -> tuple[Environ, bool, bool]:
        environ = self._base.copy()
        environ.update(fields)
        # Present from the start, these are only replaced in each copy; adding them would make the
        # copy's table grow.
        environ["PATH_INFO"] = environ["QUERY_STRING"] = environ["RAW_URI"] = ""
        environ["wsgi.input"] = environ["wsgi.early_hints"] = None
        method = fields["REQUEST_METHOD"]
        template = (environ, method not in IDEMPOTENT, method == "HEAD")
        if 0 <= number < TEMPLATES_MAX:
            self._templates[number] = template
        return template

    def _open(self, body: int | str | tuple[bytes, int]) -> BufferedReader | BytesIO:
        """wsgi.input for content that did not come with its request.

        It is in a file, which a descriptor or a path leads to, or its client is still sending it.
        Raises NotTaken.
        """
        if isinstance(body, int):
            return content.open_descriptor(self._channel.receive_file())
        if isinstance(body, str):
            return content.open_path(body)
        # The channel itself says what becomes of it, behind all answers before.
        self._answer.flush()
        address = (self._answer.slot, self._answer.generation)
        taken = self._channel.take_content(address, *body)
        if taken is None:
            raise NotTaken
        return taken

    def _reopen(self) -> None:
        failure = error_log.reopen(self._error_log)
        if failure is not None:
            log(failure)

    def _report(self, error: BaseException, base: Environ, request: tuple[Any, ...]) -> None:
        """The traceback with the request line, by one write.

        From what the gateway sent, not from the environ: that is the application's to change.
        """
        _, _, _, _, path, query, raw_uri, _, _ = request
        if raw_uri is None:
            raw_uri = f"{path}?{query}" if query else path
        line = escape(f"{base['REQUEST_METHOD']} {raw_uri}")
        advice = ""
        if type(error) is TypeError and match_asgi_call(str(error)):
            advice = f"portico: the application is called as ASGI applications are; {ASGI_ADVICE}\n"
        report(
            f"error in application: {line} (worker PID {os.getpid()})",
            f"{user_traceback(error)}{advice}",
        )

    def _is_cancelled(self, slot: int, generation: int) -> bool:
        """Whether the gateway has cancelled this request; takes in whatever else has arrived."""
        message = self._channel.receive_ready()
        while message is not None:
            if type(message) is list:
                self._backlog.append(message)
            elif message[0] == REOPEN:
                self._reopen()
            else:
                _, cancelled_slot, cancelled_generation = message
                self._cancelled.add((cancelled_slot, cancelled_generation))
            message = self._channel.receive_ready()
        return (slot, generation) in self._cancelled


def escape(text: str) -> str:
    """What a client sent, in printable ASCII."""
    return text.encode("unicode_escape").decode("ascii")


def user_traceback(error: BaseException) -> str:
    """The traceback without our own frames at its top."""
    entry = error.__traceback__
    while entry is not None and os.path.dirname(entry.tb_frame.f_code.co_filename) == FOLDER:
        entry = entry.tb_next
    return "".join(traceback.format_exception(type(error), error, entry))
