"""Applications, and an iterable, that several tests use."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any, Callable

from tests.gateway_side import Answer, answer_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Environ = dict[str, Any]
Application = Callable[[Environ, Any], "Iterable[bytes]"]
TEXT = ("Content-Type", "text/plain")


class Content:
    """An iterable that counts how often it is closed."""

    def __init__(self, pieces: Iterable[bytes], error: BaseException | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


def giving(
    content: Any, status: str = "200 OK", headers: tuple[tuple[str, str], ...] = (TEXT,)
) -> Application:
    """An application that calls start_response and returns that content."""

    def application(environ: Environ, start_response: Any) -> Any:
        start_response(status, list(headers))
        return content

    return application


def length(number: int) -> tuple[str, str]:
    return ("Content-Length", str(number))


def echo_path(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Answers with the path: the commonest kind of answer, with its length declared."""
    content = environ["PATH_INFO"].encode()
    start_response("200 OK", [TEXT, length(len(content))])
    return [content]


class Case(unittest.TestCase):
    """Cases with a worker for each application."""

    wrap: Callable[[Application], Application] = staticmethod(lambda application: application)

    def answer(self, application: Application, **parts: Any) -> Answer:
        """The answer of an application that breaks no rule: nothing is logged."""
        answer, stderr = answer_to(self.wrap(application), **parts)
        self.assertEqual(stderr, "")
        return answer
