"""References: each form that is understood, and what is said where one leads nowhere."""

from __future__ import annotations

import os
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from typing import Any

from portico_worker import loading
from portico_worker.loading import Application, LoadError

HELLO = """
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"hello"]
"""


class LoadingCase(unittest.TestCase):
    """Each case has a folder of its own, which is the working folder and first in `sys.path`."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        path, modules, working_folder = list(sys.path), set(sys.modules), os.getcwd()

        def restore() -> None:
            os.chdir(working_folder)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                del sys.modules[name]

        self.addCleanup(restore)
        os.chdir(self.folder)
        sys.path.insert(0, str(self.folder))

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def content(self, application: Application) -> bytes:
        return b"".join(application.call({}, print))

    def fails(self, reference: str, status: int, *says: str) -> LoadError:
        """The failure, whose one line says all that."""
        with self.assertRaises(LoadError) as caught:
            loading.load(reference)
        error = caught.exception
        self.assertEqual(error.exit_status, status, error.message)
        self.assertNotIn("\n", error.message)
        for part in says:
            self.assertIn(part, error.message)
        return error


class Forms(LoadingCase):
    def test_module_and_name(self) -> None:
        self.write("hello.py", HELLO)
        application = loading.load("hello:app")
        self.assertEqual(self.content(application), b"hello")
        self.assertEqual((application.reference, application.kind), ("hello:app", "WSGI"))

    def test_a_module_in_a_package(self) -> None:
        self.write("site_package/__init__.py", "")
        self.write("site_package/wsgi.py", HELLO)
        self.assertEqual(self.content(loading.load("site_package.wsgi:app")), b"hello")

    def test_dotted_names(self) -> None:
        self.write(
            "nested.py",
            """
            class Site:
                def __call__(self, environ, start_response):
                    return [b"nested"]
            class holder:
                site = Site()
            """,
        )
        self.assertEqual(self.content(loading.load("nested:holder.site")), b"nested")

    def test_module_alone_tries_the_usual_names_in_order(self) -> None:
        factory = "def NAME(): return lambda environ, start_response: [b'NAME']\n"
        usual = "def NAME(environ, start_response): return [b'NAME']\n"
        made = [factory.replace("NAME", name) for name in ("make_app", "create_app")]
        named = [usual.replace("NAME", name) for name in ("app", "application")]
        text = ""
        for number, (line, reference, content) in enumerate(
            zip(
                made + named,
                ("make_app()", "create_app()", "app", "application"),
                (b"make_app", b"create_app", b"app", b"application"),
            )
        ):
            text += line
            self.write(f"usual{number}.py", text)
            application = loading.load(f"usual{number}")
            self.assertEqual(application.reference, f"usual{number}:{reference}")
            self.assertEqual(self.content(application), content)

    def test_module_alone_passes_over_what_cannot_be_called(self) -> None:
        self.write("partly.py", "application = None\n" + textwrap.dedent(HELLO))
        self.assertEqual(loading.load("partly").reference, "partly:app")

    def test_module_alone_passes_over_a_factory_that_needs_arguments(self) -> None:
        self.write("needs.py", "def create_app(config): pass\ndef make_app(): return print\n")
        self.assertEqual(loading.load("needs").reference, "needs:make_app()")

    def test_a_factory_with_literal_arguments(self) -> None:
        self.write(
            "factory.py",
            """
            def create_app(*arguments, **keywords):
                content = repr((arguments, keywords)).encode()
                return lambda environ, start_response: [content]
            """,
        )
        for call, content in (
            ("create_app()", b"((), {})"),
            ('create_app("production", debug=False)', b"(('production',), {'debug': False})"),
            (" create_app([1, -2], {'a': None}) ", b"(([1, -2], {'a': None}), {})"),
        ):
            self.assertEqual(self.content(loading.load(f"factory:{call}")), content)

    def test_a_method_as_a_factory(self) -> None:
        self.write(
            "method.py",
            "class Site:\n    def wsgi(self): return lambda e, s: [b'made']\nsite = Site()\n",
        )
        self.assertEqual(self.content(loading.load("method:site.wsgi()")), b"made")

    def test_a_file(self) -> None:
        self.write("below/my-site.py", "import neighbour\napp = neighbour.app\n")
        self.write("below/neighbour.py", HELLO)
        for reference in ("below/my-site.py:app", str(self.folder / "below" / "my-site.py")):
            application = loading.load(reference)
            self.assertEqual(self.content(application), b"hello")
        self.assertTrue(application.reference.endswith("my-site.py:app"))
        self.assertEqual(sys.path[0], str(self.folder / "below"))

    def test_a_file_can_be_imported_again_under_its_name(self) -> None:
        self.write("again.py", HELLO)
        application = loading.load("again.py:app")
        self.assertIs(sys.modules["again"].app, application.call)

    def test_kinds_are_for_people(self) -> None:
        self.write("flask/__init__.py", "class Flask:\n    def __call__(self, e, s): return []\n")
        self.write("site_of.py", "import flask\nclass Mine(flask.Flask): pass\napp = Mine()\n")
        self.assertEqual(loading.load("site_of:app").kind, "Flask")

    def test_whatever_can_be_called_with_two_arguments(self) -> None:
        self.write(
            "calls.py",
            """
            import functools, operator

            def three(prefix, environ, start_response): return [prefix]
            partial = functools.partial(three, b"p")
            starred = lambda *arguments, **keywords: []
            optional = lambda environ, start_response, more=None: []

            class Instance:
                def __call__(self, environ, start_response): return []
                def method(self, environ, start_response): return []
                @classmethod
                def of_class(cls, environ, start_response): return []
                @staticmethod
                def static(environ, start_response): return []
            instance = Instance()

            class Iterated:
                def __init__(self, environ, start_response): pass
                def __iter__(self): return iter([])

            class Made:
                def __new__(cls, environ, start_response): return [b"made"]

            in_c = operator.contains
            type_in_c = dict
            builtin = print
            """,
        )
        for name in (
            "partial",
            "starred",
            "optional",
            "instance",
            "instance.method",
            "Instance.of_class",
            "Instance.static",
            "Iterated",
            "Made",
            "in_c",
            "type_in_c",
            "builtin",
        ):
            with self.subTest(name):
                self.assertEqual(loading.load(f"calls:{name}").kind, "WSGI")


class ModuleNotLoaded(LoadingCase):
    def test_no_such_module(self) -> None:
        self.write("hello.py", HELLO)
        message = self.fails(
            "helo:app", 3, "no module named 'helo'", "did you mean 'hello'?", "searched: "
        ).message
        self.assertIn(str(self.folder), message.partition("searched: ")[2])

    def test_no_such_module_and_nothing_like_it(self) -> None:
        self.assertNotIn("did you mean", self.fails("zzzzqqqq:app", 3).message)

    def test_no_such_module_in_a_package(self) -> None:
        self.write("pack/__init__.py", "")
        self.write("pack/wsgi.py", HELLO)
        self.fails("pack.wsgy:app", 3, "'pack.wsgy'", "did you mean 'pack.wsgi'?")
        self.fails("pakc.wsgi:app", 3, "there is no pakc", "did you mean 'pack'?")

    def test_a_dot_in_place_of_the_colon(self) -> None:
        self.write("hello.py", HELLO)
        self.fails("hello.app", 3, "did you mean 'hello:app'?")

    def test_what_is_no_name(self) -> None:
        self.fails("", 3, "a module must be named")
        self.fails(":app", 3, "a module must be named")
        self.fails("my-site:app", 3, "'my-site' is not the name of a module")
        self.fails("a..b:app", 3, "is not the name of a module")

    def test_no_such_file(self) -> None:
        self.write("below/site.py", HELLO)
        self.fails("below/sit.py:app", 3, "there is no such file", "did you mean 'site.py'?")
        self.fails("nowhere/site.py:app", 3, "there is no such file")
        self.write("below/text.txt", "")
        self.fails("below/text.txt:app", 3, "its name must end with .py")

    def test_what_the_import_raises(self) -> None:
        self.write("lib.py", "def fails():\n    raise ValueError('the\\nreason')\n")
        self.write("raises.py", "import lib\nlib.fails()\n")
        for reference in ("raises:app", "raises.py:app"):
            sys.modules.pop("raises", None)
            error = self.fails(reference, 3, "could not be imported: ValueError: the reason")
            details = error.details or ""
            first, second, *_ = details.split("\n")
            self.assertEqual(first, "Traceback (most recent call last):")
            self.assertIn('raises.py", line 2', second)
            self.assertIn('lib.py", line 2, in fails', details)
            self.assertTrue(details.endswith("ValueError: the\nreason\n"))
            self.assertNotRegex(details, "portico_worker|importlib")

    def test_a_chain_of_exceptions_has_no_frames_of_the_import_system(self) -> None:
        self.write("inner.py", "import no_such_dependency\n")
        self.write(
            "chained.py",
            "try:\n    import inner\nexcept ImportError as error:\n"
            "    raise ValueError from error\n",
        )
        details = self.fails("chained:app", 3, "ValueError").details or ""
        self.assertIn("No module named 'no_such_dependency'", details)
        self.assertNotRegex(details, "portico_worker|importlib")

    def test_a_module_that_it_needs_is_another_matter_than_itself(self) -> None:
        self.write("needs.py", "import no_such_dependency\n")
        error = self.fails(
            "needs:app", 3, "needs could not be imported: ModuleNotFoundError", "no_such_dependency"
        )
        self.assertIn('needs.py", line 1', error.details or "")

    def test_a_syntax_error(self) -> None:
        self.write("wrong.py", "def app(:\n")
        details = self.fails("wrong:app", 3, "SyntaxError").details or ""
        self.assertIn('wrong.py", line 1', details)
        self.assertNotRegex(details, "portico_worker|importlib")

    def test_an_exit_is_no_exit_of_ours(self) -> None:
        self.write("exits.py", "import sys\nsys.exit(5)\n")
        self.fails("exits:app", 3, "it called exit (5)")
        self.write("interrupted.py", "raise KeyboardInterrupt\n")
        self.fails("interrupted:app", 3, "KeyboardInterrupt")

    def test_what_a_factory_raises(self) -> None:
        self.write("factory.py", "def create_app():\n    raise KeyError('configuration')\n")
        for reference in ("factory:create_app()", "factory"):
            error = self.fails(reference, 3, "factory:create_app() raised: KeyError:")
            self.assertIn("in create_app", error.details or "")
            self.assertNotIn("portico_worker", error.details or "")

    def test_what_an_attribute_raises(self) -> None:
        self.write("lazy.py", "def __getattr__(name):\n    raise ValueError(name)\n")
        self.fails("lazy:app", 3, "ValueError: app")

    def test_messages_and_tracebacks_are_bounded(self) -> None:
        self.write("endless.py", "raise ValueError('x' * 10_000_000)\n")
        error = self.fails("endless:app", 3)
        self.assertLessEqual(len(error.message), loading.MESSAGE_MAX_CHARACTERS)
        self.assertLessEqual(len(error.details or ""), loading.DETAILS_MAX_CHARACTERS)


class NotAnApplication(LoadingCase):
    def test_a_module_that_the_interpreter_had_before_is_named_by_its_file(self) -> None:
        # `site` is imported before anything of the application's is looked for.
        self.write("site.py", HELLO)
        theirs, ours = sys.modules["site"].__file__, self.folder / "site.py"
        for reference in ("site:app", "site"):
            self.fails(reference, 4, f"; imported was {theirs}, not {ours}; callables found in it:")
        self.write("time/__init__.py", HELLO)
        ours = self.folder / "time/__init__.py"
        self.fails("time:app", 4, f"; imported was what is built into Python, not {ours};")

    def test_a_module_that_is_the_one_that_was_meant_is_not(self) -> None:
        self.write("site_of.py", "")
        self.write("package/__init__.py", "")
        for name in ("site_of", "package", "sys"):
            self.assertNotIn("imported was", self.fails(f"{name}:app", 4).message)

    def test_the_file_of_a_shadowed_module_can_be_named_itself(self) -> None:
        self.addCleanup(sys.modules.__setitem__, "site", sys.modules["site"])
        self.write("site.py", HELLO)
        self.assertEqual(self.content(loading.load("site.py:app")), b"hello")

    def test_no_such_name(self) -> None:
        self.write("hello.py", HELLO + "\n    other = 5\n    def second(): pass\n")
        self.fails(
            "hello:ap",
            4,
            "hello has no 'ap'; did you mean 'app'?",
            "callables found in it: app, second",
        )
        self.fails("hello:app.wsgi", 4, "hello:app has no 'wsgi'")

    def test_no_usual_name(self) -> None:
        self.write("site_of.py", "def web(environ, start_response): pass\nfrom os import getpid\n")
        error = self.fails("site_of", 4, "none of application, app, create_app(), make_app()")
        self.assertTrue(error.message.endswith("as in site_of:NAME; callables found in it: web"))

    def test_no_callables_at_all(self) -> None:
        self.write("empty.py", "")
        self.fails("empty", 4, "it has no callables of its own")

    def test_callables_are_named_within_bounds(self) -> None:
        self.write("many.py", "\n".join(f"def name{n}(): pass" for n in range(50)))
        self.assertTrue(self.fails("many", 4).message.endswith("name7, ..."))

    def test_instances_are_named_too(self) -> None:
        self.write(
            "instances.py",
            "import functools\nclass Site:\n    def __call__(self, e, s): pass\n"
            "site = Site()\npart = functools.partial(print)\nvalue = 5\n_own = Site()\n",
        )
        error = self.fails("instances", 4)
        self.assertTrue(error.message.endswith("found in it: Site, site, part"), error.message)

    def test_what_stands_behind_the_colon_must_be_a_name_or_a_call(self) -> None:
        self.write("hello.py", HELLO)
        for text in (
            "",
            "app(",
            "app()()",
            "app[0]",
            "1",
            "app(other)",
            "app(*[1])",
            "app(**{'a': 1})",
            "app(__import__('os').getpid())",
            "app if 1 else 2",
            "app; app",
            "(" * 1000,
        ):
            self.fails(f"hello:{text}", 4, "there must be a name, or a call with literal arguments")

    def test_a_factory_that_does_not_take_these_arguments(self) -> None:
        self.write("factory.py", "def create_app(config): pass\n")
        self.fails("factory:create_app()", 4, "does not take these arguments", "config")
        self.fails("factory:create_app('a', 'b')", 4, "too many positional arguments")

    def test_a_factory_that_is_not_called(self) -> None:
        self.write("factory.py", "def create_app(config=None): pass\n")
        self.fails(
            "factory:create_app",
            4,
            "does not take (environ, start_response)",
            "call it: 'factory:create_app()'",
        )

    def test_a_factory_that_makes_no_application(self) -> None:
        self.write("factory.py", "def none(): pass\ndef text(): return 'text'\nvalue = 5\n")
        self.fails("factory:none()", 4, "factory:none() is None, which is not callable")
        self.fails("factory:text()", 4, "is a str, which is not callable")
        self.fails("factory:value()", 4, "factory:value is an int, which cannot be called")

    def test_not_callable(self) -> None:
        self.write("value.py", "app = 5\n")
        self.fails("value:app", 4, "value:app is an int, which is not callable")

    def test_a_class_whose_instances_are_no_content(self) -> None:
        self.write(
            "of_class.py",
            """
            class Flask:
                def __init__(self, import_name, static_url_path=None): pass
                def __call__(self, environ, start_response): return []
            """,
        )
        self.fails("of_class:Flask", 4, "is a class", "name an instance of it")

    def test_asgi_is_recognised_in_each_form(self) -> None:
        self.write(
            "asgi.py",
            """
            import functools

            async def function(scope, receive, send): pass
            async def other_names(a, b, c): pass
            async def generator(environ, start_response): yield b""
            def named(scope, receive, send): pass
            def named_and_more(scope, receive, send, extra=None): pass
            def version_2(scope): pass
            partial = functools.partial(function, {})

            class Site:
                async def __call__(self, scope, receive, send): pass
            instance = Site()

            class Derived(Site): pass
            derived = Derived()

            class Version2:
                def __init__(self, scope): pass
                async def __call__(self, receive, send): pass

            @functools.wraps(function)
            def wrapped(*arguments): pass
            """,
        )
        for name in (
            "function",
            "other_names",
            "generator",
            "named",
            "named_and_more",
            "version_2",
            "partial",
            "Site",
            "instance",
            "derived",
            "Version2",
            "wrapped",
        ):
            with self.subTest(name):
                self.fails(f"asgi:{name}", 4, f"asgi:{name} is an ASGI application", "a2wsgi")


class Names(unittest.TestCase):
    def test_articles(self) -> None:
        values: tuple[tuple[Any, str], ...] = ((5, "an int"), ("", "a str"), (None, "None"))
        for value, text in values:
            self.assertEqual(loading.a_type(value), text)
