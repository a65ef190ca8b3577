"""The least that a Pyramid application does."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response


def hello(_request: Request) -> Response:
    return Response("Hello, world!\n", content_type="text/plain", charset="utf-8")


with Configurator() as config:
    config.add_route("hello", "/")
    config.add_view(hello, route_name="hello", request_method="GET")
    app = config.make_wsgi_app()
