"""Reads answers with ``http.client``, as a Python program would.

Takes a JSON array on standard input, one entry a connection: the methods of its requests, and all
bytes that came back, one byte a character. Writes what it has read of each.
"""

from __future__ import annotations

import http.client
import io
import json
import sys
from typing import Any


class _Connection(io.BytesIO):
    """Stands for the socket, and for the file made of it, which a reader's close leaves open."""

    def makefile(self, *_arguments: Any) -> _Connection:
        return self

    def close(self) -> None:
        pass

    @property
    def at_end(self) -> bool:
        return self.tell() == len(self.getbuffer())


def _read_answer(connection: _Connection, method: str) -> dict[str, Any]:
    response = http.client.HTTPResponse(connection, method=method)  # type: ignore[arg-type]
    response.begin()
    error = None
    try:
        content = response.read()
    except http.client.HTTPException as exception:
        content = b""
        if isinstance(exception, http.client.IncompleteRead):
            content = exception.partial
        error = type(exception).__name__
    return {
        "status": response.status,
        "reason": response.reason,
        "fields": [[name.lower(), value] for name, value in response.getheaders()],
        "defects": [str(defect) for defect in response.msg.defects],
        "content": content.decode("latin-1"),
        "error": error,
    }


def _read_all(methods: list[str], text: str) -> list[dict[str, Any]]:
    connection = _Connection(text.encode("latin-1"))
    answers: list[dict[str, Any]] = []
    while not connection.at_end:
        method = methods[min(len(answers), len(methods) - 1)]
        try:
            answers.append(_read_answer(connection, method))
        except (http.client.HTTPException, ValueError) as exception:
            answers.append({"error": type(exception).__name__})
            break
        if answers[-1]["error"] is not None:
            break
    return answers


def main() -> None:
    """Reads what standard input holds, writes what was understood."""
    connections = json.load(sys.stdin)
    json.dump([_read_all(one["methods"], one["received"]) for one in connections], sys.stdout)


if __name__ == "__main__":
    main()
