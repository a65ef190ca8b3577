"""A JSON interface that counts words: the text comes in the query, or as JSON."""

from __future__ import annotations

import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods


# Programs hold no form token; and nothing is changed here that a forged request could abuse.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def words(request: HttpRequest) -> JsonResponse:
    if request.method != "POST":
        return report(request.GET.get("text", ""))
    try:
        given = json.loads(request.body)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return JsonResponse({"error": 'send JSON such as {"text": "some words"}'}, status=400)
    return report(given["text"])


def report(text: str) -> JsonResponse:
    return JsonResponse({"text": text, "characters": len(text), "words": len(text.split())})
