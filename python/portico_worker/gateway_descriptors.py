"""Closes what the gateway passes on without meaning to: what it has open without close-on-exec.

That is one file. Node.js reads the one that NODE_EXTRA_CA_CERTS names in a thread of its own, by
`fopen` of C; a process that is started meanwhile inherits its descriptor, and so would every
worker. The gateway cannot prevent that, since it does not know when that thread opens it.

Nothing else is closed: other descriptors may be whoever's who started the gateway, for the
application to find.
"""

from __future__ import annotations

import contextlib
import os
import stat

CERTIFICATES_VARIABLE = "NODE_EXTRA_CA_CERTS"


def close_certificates(first_descriptor: int) -> None:
    """Closes each descriptor, from the first one on, of the file that the variable names.

    Where the system does not list descriptors they stay open. So does one whose name is relative to
    another folder than the application's. Raises nothing.
    """
    name = os.environ.get(CERTIFICATES_VARIABLE)
    if not name:
        return
    with contextlib.suppress(OSError, ValueError):
        certificates = os.stat(name)
        # Such as /dev/null, which anybody may have open.
        if not stat.S_ISREG(certificates.st_mode):
            return
        for descriptor in map(int, os.listdir("/dev/fd")):
            if descriptor >= first_descriptor and is_open_at(descriptor, certificates):
                os.close(descriptor)


def is_open_at(descriptor: int, file: os.stat_result) -> bool:
    """Whether it is that file; that of the list itself is gone by now."""
    try:
        return os.path.samestat(os.fstat(descriptor), file)
    except OSError:
        return False
