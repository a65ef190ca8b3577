"""Which source files the gateway is told of, and the trap of bytecode that is kept too early."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from unittest import mock

from portico_worker import source_files

from tests import zygote_case
from tests.zygote_case import ZygoteCase

# By these, Python keeps no bytecode, or keeps it elsewhere.
NO_BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


class Files(ZygoteCase):
    def files(self, reference: str, kind: str = "loaded") -> list[str]:
        """Those that are reported, relative to the application's folder."""
        self.start(reference, reportFiles=True)
        files = self.expect(kind)["files"]
        folder = str(self.folder.resolve())
        return [os.path.relpath(file, folder) for file in files]

    def test_they_are_the_applications_own(self) -> None:
        (self.folder / "package").mkdir()
        (self.folder / ".venv/lib/site-packages").mkdir(parents=True)
        self.write("package/__init__.py", "")
        self.write("package/part.py", "")
        self.write(".venv/lib/site-packages/installed.py", "")
        self.write(
            "site_of_mine.py",
            """
            import json, sys, xml.dom.minidom, package.part
            sys.path.append(".venv/lib/site-packages")
            import installed
            sys.modules["strange"] = None
            from application import app
            """,
        )
        self.assertEqual(
            self.files("site_of_mine:app"),
            ["application.py", "package/__init__.py", "package/part.py", "site_of_mine.py"],
        )
        self.assertEqual(self.files("application.py:app"), ["application.py"])

    def test_they_are_not_reported_where_nobody_asked(self) -> None:
        self.start("application:app")
        self.assertNotIn("files", self.expect("loaded"))

    def test_what_has_to_be_changed_after_a_failure_is_among_them(self) -> None:
        self.write("wrong.py", "def app(:")
        self.write("imports_wrong.py", "import fine, wrong")
        self.write("fine.py", "")
        self.write("raises.py", "import fine\nfine.call = lambda: 1 / 0\nfine.call()")
        self.write(
            "chain.py", "try:\n    import raises\nexcept ArithmeticError:\n    import absent"
        )
        for reference, files in (
            ("wrong:app", ["wrong.py"]),
            ("wrong.py", ["wrong.py"]),
            ("imports_wrong:app", ["fine.py", "imports_wrong.py", "wrong.py"]),
            ("raises:app", ["fine.py", "raises.py"]),
            ("chain:app", ["chain.py", "fine.py", "raises.py"]),
            ("application:ap", ["application.py"]),
            ("absent.py:app", ["absent.py"]),
            ("absent:app", []),
        ):
            with self.subTest(reference=reference):
                self.assertEqual(self.files(reference, "failed"), files)


class Own(unittest.TestCase):
    def test_only_source_files_outside_the_interpreters_folders(self) -> None:
        for file, own in (
            ("/app/main.py", True),
            ("/app/native.so", False),
            ("/app/bytecode.pyc", False),
            ("/app/.venv/lib/python3.11/site-packages/flask/app.py", False),
            ("/usr/lib/python3/dist-packages/yaml/__init__.py", False),
            (os.__file__, False),
            (source_files.__file__, False),
            (None, False),
        ):
            self.assertEqual(source_files.is_own(file), own, file)

    def test_lazy_modules_are_not_loaded_by_being_asked(self) -> None:
        class Lazy(ModuleType):
            def __getattr__(self, name: str) -> object:
                raise AssertionError(f"it was asked for {name}")

        with mock.patch.dict(sys.modules, lazy=Lazy("lazy")):
            source_files.imported()

    def test_a_name_that_json_cannot_say_is_left_out(self) -> None:
        files = {"/b.py", "/\udcff.py", "/a\xe9.py"}
        self.assertEqual(source_files.listed(files), ["/a\xe9.py", "/b.py"])


class Bytecode(ZygoteCase):
    def setUp(self) -> None:
        super().setUp()
        environ = {name: value for name, value in os.environ.items() if name not in NO_BYTECODE}
        patch = mock.patch.dict(os.environ, environ, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def answer_of_new_zygote(self) -> bytes:
        self.loaded(reference="edited:app")
        return self.fork(1)[1].ask("/")

    def edit(self, word: str, at: float) -> None:
        self.write(
            "edited.py",
            f"""
            def app(environ, start_response):
                start_response("200 OK", [])
                return [b"{word}"]
            """,
        )
        os.utime(self.folder / "edited.py", (at, at))

    def test_code_that_is_edited_twice_within_a_second_is_seen(self) -> None:
        now = int(time.time())
        # The same size, and the same second.
        self.edit("one", now + 0.1)
        self.assertEqual(self.answer_of_new_zygote(), b"one")
        self.edit("two", now + 0.6)
        self.assertEqual(self.answer_of_new_zygote(), b"two")

    def test_but_what_has_settled_is_kept(self) -> None:
        self.edit("one", time.time() - 60)
        self.answer_of_new_zygote()
        self.assertEqual(len(list((self.folder / "__pycache__").glob("edited.*.pyc"))), 1)

    def test_the_header_says_which_it_is(self) -> None:
        now = 1_700_000_000.5
        for flags, modified, fresh in (
            (0, now - 60, False),
            (0, now - 2.6, False),
            (0, now - 1, True),
            (0, now, True),
            # A clock that goes ahead, as on a file server.
            (0, now + 5, True),
            # Checked by a hash of the source: no second is too short.
            (1, now, False),
            (3, now, False),
        ):
            header = b"1234" + flags.to_bytes(4, "little") + int(modified).to_bytes(4, "little")
            self.assertEqual(source_files.is_fresh_bytecode(header + b"more", now), fresh)

    def test_what_is_no_bytecode_is_written_as_ever(self) -> None:
        file = self.folder / "data"
        real = SourceFileLoader.set_data
        try:
            source_files.keep_no_fresh_bytecode()
            SourceFileLoader("name", "file").set_data(str(file), bytes(16))
        finally:
            SourceFileLoader.set_data = real  # type: ignore[method-assign]
        self.assertEqual(Path(file).read_bytes(), bytes(16))

    def test_our_own_is_kept_also_where_the_applications_is_not_to_be(self) -> None:
        own = self.folder / "own" / "portico_worker"
        folder = os.path.dirname(source_files.__file__)
        shutil.copytree(folder, own, ignore=shutil.ignore_patterns("__pycache__"))
        self.edit("one", time.time() - 60)
        program = mock.patch.object(zygote_case, "PROGRAM", str(own))
        with program, mock.patch.dict(os.environ, PYTHONDONTWRITEBYTECODE="1"):
            self.assertEqual(self.answer_of_new_zygote(), b"one")
        self.assertEqual(len(list((own / "__pycache__").glob("wsgi.*.pyc"))), 1)
        self.assertFalse((self.folder / "__pycache__").exists())
