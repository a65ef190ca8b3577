"""A JSON interface that counts words: the text comes in the query, or as JSON."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.get("/words")
def words_of_query() -> ResponseReturnValue:
    return report(request.args.get("text", ""))


@blueprint.post("/words")
def words_of_content() -> ResponseReturnValue:
    given = request.get_json(silent=True)
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return jsonify(error='send JSON such as {"text": "some words"}'), 400
    return report(given["text"])


def report(text: str) -> ResponseReturnValue:
    return jsonify(text=text, characters=len(text), words=len(text.split()))
