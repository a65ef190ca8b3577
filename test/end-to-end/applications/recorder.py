"""A WSGI application that gives back what it was given, in a field, so that HEAD shows it too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    record = {name: value for name, value in environ.items() if isinstance(value, str)}
    if "portico.trailers" in environ:
        record["portico.trailers"] = environ["portico.trailers"]
    record["content"] = environ["wsgi.input"].read().decode("latin-1")
    start_response("200 OK", [("Content-Length", "0"), ("X-Record", json.dumps(record))])
    return []
