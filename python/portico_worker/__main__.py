"""Starts the zygote: `python FOLDER/portico_worker zygote REFERENCE`, its socket as descriptor 3.

This file must be understood by any Python, so that one that is too old can be told so. It imports
the package and then takes the package's folder off `sys.path` again: an application's own modules
can have any name.
"""

import json
import os
import sys

CONTROL_DESCRIPTOR = 3
OLDEST_PYTHON = (3, 9)
EXIT_USAGE = 2

if sys.version_info < OLDEST_PYTHON:
    message = (
        "Python %s (%s) is too old: Portico needs %s or later; choose another with --python"
        % (
            ".".join(str(part) for part in sys.version_info[:3]),
            sys.executable,
            ".".join(str(part) for part in OLDEST_PYTHON),
        )
    )
    failure = {"type": "failed", "exitStatus": EXIT_USAGE, "message": message, "details": None}
    os.write(CONTROL_DESCRIPTOR, json.dumps(failure).encode() + b"\n")
    sys.exit(EXIT_USAGE)

from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader  # noqa: E402


class KeepingLoader(SourceFileLoader):
    """Keeps the bytecode of our own modules, in our own folder, also where the application's is not
    to be kept (PYTHONDONTWRITEBYTECODE): to compile them takes a quarter of our own start.
    """

    def get_code(self, fullname):  # type: ignore[no-untyped-def]
        """Compiles at most this module, and runs nothing."""
        asked, sys.dont_write_bytecode = sys.dont_write_bytecode, False
        try:
            return super().get_code(fullname)
        finally:
            sys.dont_write_bytecode = asked


package = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.dirname(package)
sys.path_importer_cache[package] = FileFinder(package, (KeepingLoader, SOURCE_SUFFIXES))
from portico_worker import zygote  # noqa: E402 - only now can it be found, and be understood

del sys.path[0]
zygote.main(CONTROL_DESCRIPTOR)
