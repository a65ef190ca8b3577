"""A worker that calls the operator's `pre_request` and `post_request`.

Only where there is one of them; any other worker pays nothing for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from portico_worker.hooks import call
from portico_worker.worker import Worker
from portico_worker.wsgi import Answer

if TYPE_CHECKING:
    from portico_worker import wire
    from portico_worker.hooks import WorkerHooks
    from portico_worker.progress import Progress
    from portico_worker.worker import Application, Environ

# What the gateway answers where the application does not.
FAILURE = "500 Internal Server Error"


class Request:
    """What a hook knows as `request`; `pre_request` may leave there what `post_request` needs."""

    def __init__(self, environ: Environ) -> None:
        # A copy: the application may put anything into its own.
        self._environ = environ.copy()
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"]
        self.query: str = environ["QUERY_STRING"]
        self.uri: str = environ["RAW_URI"]

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """The fields, names in capitals, as pairs."""
        return [
            (name.removeprefix("HTTP_").replace("_", "-"), value)
            for name, value in self._environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        ]


class Response:
    """What a hook knows as `response`: what the application answered with."""

    def __init__(self) -> None:
        self.status = FAILURE
        self.headers: list[tuple[str, str]] = []
        # Bytes of content that went to the gateway.
        self.sent = 0

    @property
    def status_code(self) -> int:
        return int(self.status[:3])


class RememberedAnswer(Answer):
    """Remembers whether it failed."""

    failed = False

    def fail(self) -> None:
        self.failed = not self.head_sent
        super().fail()


class HookedWorker(Worker):
    """Answers one request after the other, each between its hooks."""

    answer_type = RememberedAnswer
    _answer: RememberedAnswer

    def __init__(
        self,
        channel: wire.Channel,
        application: Application,
        base: Environ,
        error_log: str | None,
        hooks: WorkerHooks,
        own_progress: Progress | None = None,
    ) -> None:
        super().__init__(channel, self._between_hooks, base, error_log, own_progress)
        self._hooked_application = application
        self._hooks = hooks
        # Of the present request, once the application has been called.
        self._present: tuple[Request, Environ, Response] | None = None

    def _between_hooks(self, environ: Environ, start_response: Any) -> Any:
        request, response = Request(environ), Response()
        self._present = (request, environ, response)
        if self._hooks.pre_request is not None:
            call(self._hooks.pre_request, self._hooks.worker, request)

        def noting(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            write = start_response(status, headers, exc_info)
            response.status, response.headers = status, headers
            return write

        return self._hooked_application(environ, noting)

    def _run_batch(self, batch: list[Any]) -> None:
        post_request = self._hooks.post_request
        if post_request is None:
            super()._run_batch(batch)
            return
        # One by one: the hook is for an answer that has left.
        for request in batch:
            self._present = None
            self._answer.failed = False
            self._answer.content_bytes = 0
            try:
                super()._run_batch([request])
                self._answer.flush()
            finally:
                self._call_post_request(post_request)

    def _call_post_request(self, post_request: Any) -> None:
        if self._present is None:
            # The application was not called: its content could not be opened.
            return
        request, environ, response = self._present
        head = self._answer.head
        # The simplest answers are made without a call; their head is still there.
        simplest = 0 if head is None else head.content_length or 0
        response.sent = self._answer.content_bytes or simplest
        if self._answer.failed:
            response.status, response.headers = FAILURE, []
        call(post_request, self._hooks.worker, request, environ, response)
