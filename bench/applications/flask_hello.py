"""The least that a Flask application does."""

from __future__ import annotations

from flask import Flask, Response

app = Flask(__name__)


@app.get("/")
def hello() -> Response:
    return Response("Hello, world!\n", mimetype="text/plain")
