"""Starts the zygote: `python .../portico_worker zygote REFERENCE`, with the control socket as descriptor 3.

This file must be understood by any Python 3, so that one that is too old can be told so. It imports the package
and then takes the package's folder off `sys.path` again: an application's own modules can have any name.
"""

import json
import os
import sys

CONTROL_DESCRIPTOR = 3
OLDEST_PYTHON = (3, 9)
EXIT_USAGE = 2


def refuse_old_python():
    """Reports over the control socket that this interpreter cannot be used, and exits."""
    message = "Python %d.%d (%s) is too old: Portico needs %d.%d or later; choose another with --python" % (
        sys.version_info[0],
        sys.version_info[1],
        sys.executable,
        OLDEST_PYTHON[0],
        OLDEST_PYTHON[1],
    )
    failure = {"type": "failed", "exitStatus": EXIT_USAGE, "message": message, "details": None}
    os.write(CONTROL_DESCRIPTOR, json.dumps(failure).encode() + b"\n")
    sys.exit(EXIT_USAGE)


if sys.version_info < OLDEST_PYTHON:
    refuse_old_python()

package = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.dirname(package)
from portico_worker import zygote  # noqa: E402

del sys.path[0]
zygote.main(CONTROL_DESCRIPTOR)
