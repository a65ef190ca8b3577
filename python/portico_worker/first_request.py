"""What a framework would do at the first request only.

What it would import is imported with the rest: broken code shows when it is loaded, and so before
it has any traffic; what it is made of is shared by all workers, and watched in development. Flask
and Pyramid import all of it by themselves.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any

from portico_worker import loading


def import_ahead() -> None:
    """Raises LoadError, status 3, where the code raises."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    # Not only by the kind of the application: another one may be wrapped around Django's.
    if not getattr(settings, "configured", False):
        return
    urlconf = getattr(settings, "ROOT_URLCONF", None)
    if not urlconf:
        return
    try:
        # Views come with it: a URLconf names them as objects.
        importlib.import_module("django.urls").get_resolver().url_patterns  # noqa: B018
    except BaseException as error:  # noqa: BLE001 - as in loading.import_module
        loading.raised(f"the URLconf {urlconf} could not be imported", error)
    close_database_connections()


def close_database_connections() -> None:
    """Those that the import has opened: two workers must not talk over the same one."""
    connections = getattr(sys.modules.get("django.db"), "connections", None)
    if connections is not None:
        connections.close_all()


def sort_routes(application: Any) -> None:
    """Flask's routes, which Werkzeug sorts and compiles before it looks for the first one."""
    routes: Any = getattr(application, "url_map", None)
    if type(routes).__module__.partition(".")[0] == "werkzeug":
        # What is wrong with them shows at the first request, as it would without us.
        with contextlib.suppress(Exception):
            routes.update()
