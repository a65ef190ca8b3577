"""The pages: home, about, a form, an upload, a download, a stream, and those that show errors."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pyramid.exceptions import URLDecodeError
from pyramid.httpexceptions import HTTPBadRequest, HTTPFound, HTTPMovedPermanently
from pyramid.request import Request
from pyramid.response import FileResponse, Response
from pyramid.view import exception_view_config, notfound_view_config, view_config

TIDES = Path(__file__).parent / "files" / "tides.csv"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MESSAGE_MAX_CHARS = 500
HASH_PIECE_BYTES = 64 * 1024
STREAM_LINES = 4
STREAM_PAUSE_SECONDS = 0.2


@view_config(route_name="home", request_method="GET", renderer="templates/home.html")
def home(_request: Request) -> dict[str, Any]:
    return {}


@view_config(route_name="about", request_method="GET", renderer="templates/about.html")
def about(_request: Request) -> dict[str, Any]:
    return {}


@view_config(route_name="contact", request_method="GET", renderer="templates/contact.html")
def contact(request: Request) -> dict[str, Any]:
    return {"values": {}, "errors": {}, "thanks": request.session.pop_flash()}


@view_config(route_name="contact", request_method="POST", renderer="templates/contact.html")
def contact_sent(request: Request) -> dict[str, Any] | HTTPFound:
    """A form: shown again with what is wrong, or followed by a redirect (POST, redirect, GET)."""
    errors = contact_errors(request.POST)
    if errors:
        request.response.status = 422
        return {"values": request.POST, "errors": errors, "thanks": []}
    request.session.flash(request.POST["name"])
    return HTTPFound(request.route_url("contact"))


def contact_errors(form: dict[str, str]) -> dict[str, str]:
    errors = {}
    if not form.get("name", "").strip():
        errors["name"] = "Please say who you are."
    if not EMAIL.fullmatch(form.get("email", "")):
        errors["email"] = "This is not an e-mail address."
    if not 1 <= len(form.get("message", "")) <= MESSAGE_MAX_CHARS:
        errors["message"] = f"Between 1 and {MESSAGE_MAX_CHARS} characters, please."
    return errors


@view_config(route_name="upload", request_method="GET", renderer="templates/upload.html")
def upload(_request: Request) -> dict[str, Any]:
    return {"report": None}


@view_config(route_name="upload", request_method="POST", renderer="templates/upload.html")
def upload_sent(request: Request) -> dict[str, Any]:
    """Takes a file and reports on it, without ever holding all of it."""
    part = request.POST.get("file")
    if not hasattr(part, "file"):
        request.response.status = 422
        return {"report": None}
    digest = hashlib.sha256()
    size = 0
    for piece in iter(partial(part.file.read, HASH_PIECE_BYTES), b""):
        digest.update(piece)
        size += len(piece)
    return {"report": {"name": part.filename, "size": size, "sha256": digest.hexdigest()}}


@view_config(route_name="download", request_method="GET")
def download(request: Request) -> FileResponse:
    response = FileResponse(str(TIDES), request=request, content_type="text/csv")
    response.content_disposition = f'attachment; filename="{TIDES.name}"'
    return response


@view_config(route_name="stream", request_method="GET")
def stream(_request: Request) -> Response:
    """Sends lines as they are made."""
    return Response(app_iter=slow_lines(), content_type="text/plain", charset="utf-8")


def slow_lines() -> Iterator[bytes]:
    for number in range(1, STREAM_LINES + 1):
        if number > 1:
            time.sleep(STREAM_PAUSE_SECONDS)
        yield f"line {number}\n".encode()


@view_config(route_name="greet", request_method="GET")
def greet(request: Request) -> Response:
    text = f"Hällo, {request.matchdict['name']}!\n"
    return Response(text, content_type="text/plain", charset="utf-8")


@view_config(route_name="moved", request_method="GET")
def moved(request: Request) -> HTTPMovedPermanently:
    return HTTPMovedPermanently(request.route_url("home"))


@view_config(route_name="fail", request_method="GET")
def fail(_request: Request) -> Response:
    """Raises; there is no exception view, so the server gets to see it."""
    raise RuntimeError("this view always fails")


@notfound_view_config(renderer="templates/not_found.html")
def not_found(request: Request) -> dict[str, Any]:
    request.response.status = 404
    return {}


@exception_view_config(URLDecodeError)
def undecodable(_error: URLDecodeError, _request: Request) -> HTTPBadRequest:
    """Answers a path that is not UTF-8, which Pyramid itself takes for a failure of the site."""
    return HTTPBadRequest("The path is not UTF-8.")
