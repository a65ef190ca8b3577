"""An application that does with processes what a server would rather not see.

IMPORT in the environment says what happens while it is imported.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any, Callable


def hang() -> None:
    print("hanging", flush=True)
    time.sleep(600)


def hang_from_the_second_time() -> None:
    if times:
        hang()
    times.append(1)


times: list[int] = []
on_import = os.environ.get("IMPORT")
if on_import == "block-signals":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
elif on_import == "start-and-hang":
    subprocess.Popen(["sleep", "600"])
    hang()
elif on_import == "hang-in-fork":
    os.register_at_fork(before=hang)
elif on_import == "hang-in-second-fork":
    os.register_at_fork(before=hang_from_the_second_time)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    who = b"parent"
    if environ["PATH_INFO"] != "/":
        child = os.fork()
        if child == 0 and environ["PATH_INFO"] == "/child-exits":
            sys.exit(0)
        if child == 0 and environ["PATH_INFO"] == "/child-raises":
            raise RuntimeError("in the child")
        if child == 0:
            who = b"child"
        else:
            os.waitpid(child, 0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [who]
