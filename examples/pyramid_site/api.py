"""A JSON interface that counts words: the text comes in the query, or as JSON."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.view import view_config


@view_config(route_name="words", request_method="GET", renderer="json")
def words_of_query(request: Request) -> dict[str, Any]:
    return report(request.GET.get("text", ""))


# Programs hold no form token; and nothing is changed here that a forged request could abuse.
@view_config(route_name="words", request_method="POST", renderer="json", require_csrf=False)
def words_of_content(request: Request) -> dict[str, Any]:
    try:
        given = request.json_body
    except ValueError:
        given = None
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        request.response.status = 400
        return {"error": 'send JSON such as {"text": "some words"}'}
    return report(given["text"])


def report(text: str) -> dict[str, Any]:
    return {"text": text, "characters": len(text), "words": len(text.split())}
