"""What Django would import at the first request is imported ahead; without Django nothing is."""

from __future__ import annotations

import sys
import types
import unittest
from typing import Any
from unittest import mock

from portico_worker import first_request, loading


class Resolver:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
        self.asked = 0

    @property
    def url_patterns(self) -> list[Any]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return []


def with_django(resolver: Resolver, **settings: Any) -> Any:
    conf = types.ModuleType("django.conf")
    conf.settings = types.SimpleNamespace(**settings)  # type: ignore[attr-defined]
    urls = types.ModuleType("django.urls")
    urls.get_resolver = lambda: resolver  # type: ignore[attr-defined]
    modules = {"django": types.ModuleType("django"), "django.conf": conf, "django.urls": urls}
    return mock.patch.dict(sys.modules, modules)


class FirstRequestTest(unittest.TestCase):
    def test_without_django_there_is_nothing_to_do(self) -> None:
        self.assertNotIn("django.conf", sys.modules)
        first_request.import_ahead()

    def test_the_urlconf_is_imported(self) -> None:
        resolver = Resolver(None)
        with with_django(resolver, configured=True, ROOT_URLCONF="site.urls"):
            first_request.import_ahead()
        self.assertEqual(resolver.asked, 1)

    def test_connections_that_the_import_has_opened_are_closed(self) -> None:
        database = types.ModuleType("django.db")
        database.connections = mock.Mock()  # type: ignore[attr-defined]
        site = with_django(Resolver(None), configured=True, ROOT_URLCONF="site.urls")
        with site, mock.patch.dict(sys.modules, {"django.db": database}):
            first_request.import_ahead()
        database.connections.close_all.assert_called_once_with()

    def test_django_that_is_imported_but_not_used_is_left_alone(self) -> None:
        resolver = Resolver(RuntimeError("it must not be asked"))
        with with_django(resolver, configured=False):
            first_request.import_ahead()
        with with_django(resolver, configured=True, ROOT_URLCONF=None):
            first_request.import_ahead()
        with with_django(resolver, configured=True):
            first_request.import_ahead()
        self.assertEqual(resolver.asked, 0)

    def test_what_it_raises_is_told_with_its_traceback(self) -> None:
        for error in (SyntaxError("no"), SystemExit(3), KeyError("x")):
            resolver = Resolver(error)
            django = with_django(resolver, configured=True, ROOT_URLCONF="site.urls")
            with django, self.assertRaises(loading.LoadError) as caught:
                first_request.import_ahead()
            self.assertEqual(caught.exception.exit_status, 3)
            self.assertIn("the URLconf site.urls could not be imported", caught.exception.message)
            self.assertIn(type(error).__name__, caught.exception.details or "")


if __name__ == "__main__":
    unittest.main()


class SortRoutesTest(unittest.TestCase):
    def test_only_werkzeugs_routes_are_sorted(self) -> None:
        theirs = type("Map", (), {"__module__": "werkzeug.routing.map", "update": mock.Mock()})()
        first_request.sort_routes(types.SimpleNamespace(url_map=theirs))
        theirs.update.assert_called_once_with()
        other = mock.Mock()
        first_request.sort_routes(types.SimpleNamespace(url_map=other))
        other.update.assert_not_called()
        first_request.sort_routes(print)

    def test_what_is_wrong_with_them_shows_later(self) -> None:
        update = mock.Mock(side_effect=ValueError)
        theirs = type("Map", (), {"__module__": "werkzeug.routing", "update": update})()
        first_request.sort_routes(types.SimpleNamespace(url_map=theirs))
        update.assert_called_once_with()
