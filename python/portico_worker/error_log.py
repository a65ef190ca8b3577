"""The file that standard error goes to, opened again when it has been renamed (log rotation)."""

from __future__ import annotations

import os

STANDARD_ERROR = 2
NEW_FILE_MODE = 0o644


def reopen(path: str | None) -> str | None:
    """Makes descriptor 2 lead to what has that path now; None leaves everything as it is.

    Returns what went wrong, in one line, or None; then descriptor 2 is what it was.
    """
    if path is None:
        return None
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, NEW_FILE_MODE)
    except OSError as error:
        return f"the error log could not be reopened: {error}"
    # In one step, so that no line of another thread is lost; programs inherit it, as they do any
    # standard error.
    os.dup2(descriptor, STANDARD_ERROR, inheritable=True)
    os.close(descriptor)
    return None
