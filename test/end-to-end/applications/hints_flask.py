"""Early hints by Flask: the paths of `hints.py`."""

from __future__ import annotations

import flask
from hints import give_hints

app = flask.Flask(__name__)


@app.route("/", defaults={"path": ""})
@app.route("/<path:path>")
def view(path: str) -> flask.Response:
    content = give_hints(f"/{path}", flask.request.environ)
    return flask.Response(content, content_type="text/plain")
