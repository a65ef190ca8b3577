"""Logging in and out, with a session in a signed cookie."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPFound
from pyramid.request import Request
from pyramid.security import forget, remember
from pyramid.view import forbidden_view_config, view_config

from .security import credentials_are_right


@view_config(route_name="login", request_method="GET", renderer="templates/login.html")
def login(_request: Request) -> dict[str, Any]:
    return {"failed": False}


@view_config(route_name="login", request_method="POST", renderer="templates/login.html")
def login_sent(request: Request) -> dict[str, Any] | HTTPFound:
    name = request.POST.get("name", "")
    if not credentials_are_right(name, request.POST.get("password", "")):
        request.response.status = 403
        return {"failed": True}
    request.session.invalidate()
    fields = remember(request, name)
    return HTTPFound(request.route_url("account"), headers=fields)


@view_config(route_name="logout", request_method="POST")
def logout(request: Request) -> HTTPFound:
    fields = forget(request)
    request.session.invalidate()
    return HTTPFound(request.route_url("home"), headers=fields)


@view_config(
    route_name="account",
    request_method="GET",
    permission="account",
    renderer="templates/account.html",
)
def account(request: Request) -> dict[str, Any]:
    """For those who are logged in: how often this page was seen since."""
    visits = request.session.get("visits", 0) + 1
    request.session["visits"] = visits
    return {"user": request.authenticated_userid, "visits": visits}


@forbidden_view_config()
def forbidden(request: Request) -> HTTPFound:
    return HTTPFound(request.route_url("login"))
