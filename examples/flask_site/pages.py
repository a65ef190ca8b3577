"""The pages: home, about, a form, an upload, a download, a stream, and those that show errors."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

TIDES = Path(__file__).parent / "files" / "tides.csv"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MESSAGE_MAX_CHARS = 500
HASH_PIECE_BYTES = 64 * 1024
STREAM_LINES = 4
STREAM_PAUSE_SECONDS = 0.2

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    return render_template("home.html")


@blueprint.get("/about")
def about() -> ResponseReturnValue:
    return render_template("about.html")


@blueprint.route("/contact", methods=["GET", "POST"])
def contact() -> ResponseReturnValue:
    """A form: shown again with what is wrong, or followed by a redirect (POST, redirect, GET)."""
    if request.method == "GET":
        return render_template(
            "contact.html", values={}, errors={}, thanks=session.pop("thanks", None)
        )
    errors = contact_errors(request.form)
    if errors:
        return render_template("contact.html", values=request.form, errors=errors), 422
    session["thanks"] = request.form["name"]
    return redirect(url_for("pages.contact"))


def contact_errors(form: dict[str, str]) -> dict[str, str]:
    errors = {}
    if not form.get("name", "").strip():
        errors["name"] = "Please say who you are."
    if not EMAIL.fullmatch(form.get("email", "")):
        errors["email"] = "This is not an e-mail address."
    if not 1 <= len(form.get("message", "")) <= MESSAGE_MAX_CHARS:
        errors["message"] = f"Between 1 and {MESSAGE_MAX_CHARS} characters, please."
    return errors


@blueprint.route("/upload", methods=["GET", "POST"])
def upload() -> ResponseReturnValue:
    """Takes a file and reports on it, without ever holding all of it."""
    file = request.files.get("file")
    if request.method == "GET" or file is None or not file.filename:
        status = 200 if request.method == "GET" else 422
        return render_template("upload.html", report=None), status
    digest = hashlib.sha256()
    size = 0
    for piece in iter(partial(file.stream.read, HASH_PIECE_BYTES), b""):
        digest.update(piece)
        size += len(piece)
    report = {"name": file.filename, "size": size, "sha256": digest.hexdigest()}
    return render_template("upload.html", report=report)


@blueprint.get("/files/tides.csv")
def download() -> ResponseReturnValue:
    return send_file(TIDES, mimetype="text/csv", as_attachment=True)


@blueprint.get("/stream")
def stream() -> ResponseReturnValue:
    """Sends lines as they are made."""
    return Response(slow_lines(), mimetype="text/plain")


def slow_lines() -> Iterator[str]:
    for number in range(1, STREAM_LINES + 1):
        if number > 1:
            time.sleep(STREAM_PAUSE_SECONDS)
        yield f"line {number}\n"


@blueprint.get("/hällo/<path:name>")
def greet(name: str) -> ResponseReturnValue:
    return Response(f"Hällo, {name}!\n", mimetype="text/plain")


@blueprint.get("/old")
def moved() -> ResponseReturnValue:
    return redirect(url_for("pages.home"), 301)


@blueprint.get("/raise")
def fail() -> ResponseReturnValue:
    raise RuntimeError("this view always fails")


def not_found(_error: HTTPException) -> ResponseReturnValue:
    return render_template("not_found.html"), 404
