"""Who a visitor is, and what that allows."""

from __future__ import annotations

import hmac
from typing import Any

from pyramid.authentication import SessionAuthenticationHelper
from pyramid.request import Request
from pyramid.security import Allowed, Denied

# One visitor, for show. A real site has a user table with password hashes.
NAME = "ada"
PASSWORD = "lovelace"


def credentials_are_right(name: str, password: str) -> bool:
    return name == NAME and hmac.compare_digest(password.encode(), PASSWORD.encode())


class SitePolicy:
    """Keeps the name of the visitor in the session. Every permission asks only for a name."""

    def __init__(self) -> None:
        self._session = SessionAuthenticationHelper()

    def identity(self, request: Request) -> str | None:
        name: str | None = self._session.authenticated_userid(request)
        return name

    def authenticated_userid(self, request: Request) -> str | None:
        return self.identity(request)

    def permits(self, request: Request, _context: object, _permission: str) -> Allowed | Denied:
        return Denied("not logged in") if self.identity(request) is None else Allowed("logged in")

    def remember(self, request: Request, userid: str, **options: Any) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = self._session.remember(request, userid, **options)
        return fields

    def forget(self, request: Request, **options: Any) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = self._session.forget(request, **options)
        return fields
