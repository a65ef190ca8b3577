"""The site's paths."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Adds the routes; Pyramid calls it for `config.include`."""
    config.add_route("home", "/")
    config.add_route("about", "/about")
    config.add_route("contact", "/contact")
    config.add_route("upload", "/upload")
    config.add_route("download", "/files/tides.csv")
    config.add_route("stream", "/stream")
    config.add_route("greet", "/hällo/{name:.+}")
    config.add_route("moved", "/old")
    config.add_route("fail", "/raise")
    config.add_route("login", "/login")
    config.add_route("logout", "/logout")
    config.add_route("account", "/account")
    config.add_route("words", "/api/words")
