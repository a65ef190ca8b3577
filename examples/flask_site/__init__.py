"""A small Flask site: an application factory, and a blueprint for each of its parts.

    portico flask_site

Nothing is stored but in the visitor's signed cookie, so that any number of workers can answer.
"""

from __future__ import annotations

import os
import secrets

from flask import Flask

from . import account, api, pages

UPLOAD_LIMIT_BYTES = 16 * 1024 * 1024


def create_app() -> Flask:
    """Makes the application. `SITE_SECRET_KEY` keeps visitors logged in over a restart."""
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=os.environ.get("SITE_SECRET_KEY") or secrets.token_hex(32),
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=UPLOAD_LIMIT_BYTES,
    )
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_error_handler(404, pages.not_found)
    return app
