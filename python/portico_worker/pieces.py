"""What an application returned, piece by piece: bytes, or one of the usual mistakes."""

from __future__ import annotations

from typing import Any

from portico_worker.loading import ASGI_ADVICE, a_type


def exact_bytes(piece: Any, pieces: Any) -> bytes:
    """A piece of content; of a subclass of bytes only its bytes, whatever it says about itself.

    Raises TypeError, and names the usual mistakes.
    """
    if type(piece) is bytes:
        return piece
    if isinstance(piece, bytes):
        return b"".join((piece,))
    if isinstance(pieces, (bytes, str)):
        raise TypeError(
            f"the application returned {type(pieces).__name__}; it must return an iterable of "
            "bytes, such as a list with one element"
        )
    raise TypeError(f"the iterable must give bytes, not {type(piece).__name__}")


def mistake_in(result: Any) -> str | None:
    """What the application returned in place of an iterable; None for nothing usual."""
    if result is None:
        return "the application returned None, not an iterable of bytes"
    kind = type(result)
    awaited = hasattr(kind, "__await__") or hasattr(kind, "__aiter__")
    if not awaited or hasattr(kind, "__iter__"):
        return None
    return (
        f"the application returned {a_type(result)}, not an iterable of bytes: it is "
        f"asynchronous, as ASGI applications are; {ASGI_ADVICE}"
    )
