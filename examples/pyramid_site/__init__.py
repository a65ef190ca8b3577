"""A small Pyramid site: a Configurator that names the routes, and views that are found by a scan.

    portico pyramid_site

Nothing is stored but in the visitor's signed cookie, so that any number of workers can answer.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

from pyramid.config import Configurator
from pyramid.session import SignedCookieSessionFactory

from .security import SitePolicy


def make_app() -> Any:
    """Makes the application. `SITE_SECRET_KEY` keeps visitors logged in over a restart."""
    secret = os.environ.get("SITE_SECRET_KEY") or secrets.token_hex(32)
    with Configurator() as config:
        config.include("pyramid_jinja2")
        config.add_jinja2_renderer(".html")
        config.set_session_factory(
            SignedCookieSessionFactory(
                secret,
                samesite="Lax",
                httponly=True,
                # A session without an end needs no new cookie at each later second either.
                timeout=None,
                reissue_time=None,
            )
        )
        config.set_security_policy(SitePolicy())
        config.set_default_csrf_options(require_csrf=True)
        config.include(".routes")
        config.scan()
        return config.make_wsgi_app()
