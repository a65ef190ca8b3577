"""Which source files the application is made of, and how Python keeps what it made of them.

The gateway watches these files in development, and starts a new generation when one of them is
changed.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SOURCE_SUFFIX = ".py"
BYTECODE_SUFFIX = ".pyc"
# A project has hundreds; more would say that something is wrong with what we take for its own.
FILES_MAX = 8192
# Folders of installed packages, also of a virtual environment inside the project.
PACKAGE_FOLDERS = frozenset(("site-packages", "dist-packages"))
OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
# A chain of exceptions is looked at to this depth.
CAUSES_MAX = 32

# A .pyc file's header: magic number, flags, and for flags 0 the source's time in whole seconds and
# its size (PEP 552).
PYC_FLAGS = slice(4, 8)
PYC_SOURCE_SECONDS = slice(8, 12)
CHECKED_BY_TIME = bytes(4)
# A source file that was modified so recently may be modified again within the same second.
SETTLED_AFTER_S = 2.0


def standard_folders() -> tuple[str, ...]:
    """Where the interpreter's own modules are, each with a separator at its end."""
    folders = (os.path.dirname(os.__file__), OWN_FOLDER)
    forms = (os.path.abspath, os.path.realpath)
    return tuple({form(folder) + os.sep for folder in folders for form in forms})


STANDARD_FOLDERS = standard_folders()


def is_own(file: Any) -> bool:
    """Whether that is the path of a source file that is not the interpreter's or a package's."""
    return (
        isinstance(file, str)
        and file.endswith(SOURCE_SUFFIX)
        and not file.startswith(STANDARD_FOLDERS)
        and PACKAGE_FOLDERS.isdisjoint(file.split(os.sep))
    )


def imported() -> set[str]:
    """The source files of all modules that are imported now, as absolute paths."""
    files: set[str] = set()
    # A copy: another thread may be importing. Not getattr: a lazy module would load itself.
    for module in list(sys.modules.values()):
        namespace = getattr(module, "__dict__", None)
        file = namespace.get("__file__") if isinstance(namespace, dict) else None
        if isinstance(file, str):
            files.add(os.path.abspath(file))
    return set(sorted(filter(is_own, files))[:FILES_MAX])


def named_by(error: BaseException | None) -> set[str]:
    """The source files that an error, and what it came from, leads through.

    A module that could not be imported is not among the imported ones, but it is what has to be
    changed.
    """
    files: set[str] = set()
    for _ in range(CAUSES_MAX):
        if error is None:
            break
        if isinstance(error, SyntaxError) and isinstance(error.filename, str):
            files.add(os.path.abspath(error.filename))
        for frame, _line in traceback.walk_tb(error.__traceback__):
            files.add(os.path.abspath(frame.f_code.co_filename))
        error = error.__cause__ or error.__context__
    return set(filter(is_own, files))


def listed(files: Iterable[str]) -> list[str]:
    """In order, without those whose names are not UTF-8, which JSON cannot say."""
    return sorted(file for file in files if is_unicode(file))


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def keep_no_fresh_bytecode() -> None:
    """From here on the bytecode of a source file that has just been modified is not kept.

    Python takes kept bytecode for a source file's by its size and by its time in whole seconds. Of
    code that is edited twice within a second, with a reload between, the first version would be
    run for ever.
    """
    loader = importlib.machinery.SourceFileLoader
    keep: Callable[..., None] = loader.set_data

    def set_data(self: Any, path: Any, data: Any, **more: Any) -> None:
        if not (str(path).endswith(BYTECODE_SUFFIX) and is_fresh_bytecode(data, time.time())):
            keep(self, path, data, **more)

    loader.set_data = set_data  # type: ignore[method-assign]


def is_fresh_bytecode(data: Any, now: float) -> bool:
    """Whether a .pyc file's content is of a source that may change unseen; now: epoch, seconds."""
    if bytes(data[PYC_FLAGS]) != CHECKED_BY_TIME:
        return False
    modified = int.from_bytes(data[PYC_SOURCE_SECONDS], "little")
    # The header has the lower 32 bits of the time.
    return now - modified < SETTLED_AFTER_S
