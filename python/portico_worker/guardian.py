"""The guardian: ends what a gateway that was killed has left behind, where the zygote cannot.

While the application is being imported, or a function that it registered for a fork hangs, nobody
in the zygote listens to the gateway. The guardian has nothing else to do. It is forked before the
application's first line is run, and holds nothing of it.

It is nobody's child (its parent is gone at once), so that no application that waits for its
children waits for it; and it is in the zygote's process group, so that it ends where that is ended.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import signal
import socket
import time
from typing import Any

# A gateway that has closed its end of the control socket is being ended by the system, or goes on
# without this zygote; so long it may take to be gone in the first case.
GATEWAY_END_BOUND_S = 2.0
# How long the zygote may take to end everything by itself, as it does where it listens.
ZYGOTE_END_BOUND_S = 1.0
POLL_INTERVAL_S = 0.02
PATH_MAX_BYTES = 4096
PID_MAX_BYTES = 32
STANDARD_STREAMS = range(3)
# After each look at a socket that seems to be listened on; 0.4 s together.
PROBE_PAUSES_S = (0.01, 0.02, 0.04, 0.08, 0.25)


def fork_guardian(
    control: socket.socket, gateway: int, socket_files: list[dict[str, Any]]
) -> tuple[int, int | None]:
    """Forks the guardian.

    Returns the writing end of a pipe, which the zygote keeps open as long as it lives, and no child
    of it should; what it writes there is the path of a folder to remove. And the guardian's PID;
    None where the system had no room for it.
    """
    zygote_ended, zygote_lives = os.pipe()
    os.set_blocking(zygote_ended, False)
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            guardian = os.fork()
            if guardian == 0:
                for descriptor in (zygote_lives, told, tells):
                    os.close(descriptor)
                leave_standard_streams()
                watch(control.fileno(), zygote_ended, gateway, socket_files)
            os.write(tells, str(guardian).encode())
        finally:
            os._exit(0)
    os.close(tells)
    os.waitpid(child, 0)
    pid = os.read(told, PID_MAX_BYTES)
    os.close(told)
    os.close(zygote_ended)
    return zygote_lives, int(pid) if pid else None


def leave_standard_streams() -> None:
    """Lets go of a log that may be rotated, and of pipes whose readers wait for their end."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in STANDARD_STREAMS:
        os.dup2(nothing, descriptor)
    # It is one of the three where that had been closed.
    if nothing not in STANDARD_STREAMS:
        os.close(nothing)


def watch(
    control: int, zygote_ended: int, gateway: int, socket_files: list[dict[str, Any]]
) -> None:
    """Waits for the end of the gateway, or of the zygote, and does what is left to do."""
    waiting = select.poll()
    for descriptor in (control, zygote_ended):
        # Only for the end of the other side, which is always reported.
        waiting.register(descriptor, 0)
    ended = [descriptor for descriptor, _ in waiting.poll()]
    if control not in ended:
        # The zygote has ended first, and the gateway is there to see it.
        return
    end = time.monotonic() + GATEWAY_END_BOUND_S
    while is_running(gateway):
        if time.monotonic() > end:
            return
        time.sleep(POLL_INTERVAL_S)
    # The last thing that a zygote does is to end its group.
    time.sleep(ZYGOTE_END_BOUND_S)
    folder = b""
    with contextlib.suppress(BlockingIOError):
        folder = os.read(zygote_ended, PATH_MAX_BYTES)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    remove_files(socket_files)
    end_group()


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie (as far as proc(5) can tell)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in (b"Z", b"X")


def remove_files(files: list[dict[str, Any]]) -> None:
    """Removes files of sockets, where the path still leads to the file meant and nobody listens.

    A successor may have bound the path anew, or have taken the socket over as it is.
    """
    for file in files:
        with contextlib.suppress(OSError):
            found = os.lstat(file["path"])
            is_meant = (found.st_dev, found.st_ino) == (file["device"], file["inode"])
            if is_meant and not is_listened_on(file["path"]):
                os.unlink(file["path"])


def is_listened_on(path: str) -> bool:
    """Whether somebody accepts connections there; not where only the file is left.

    The kernel closes the descriptors of a gateway that was killed one after the other, and its
    listening socket may still be there when we hear of its end. So it is asked more than once.
    """
    for pause in PROBE_PAUSES_S:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            # One whose queue is full would have us wait.
            probe.setblocking(False)
            if probe.connect_ex(path) in (errno.ECONNREFUSED, errno.ENOTSOCK):
                return False
        time.sleep(pause)
    return True


def end_group() -> None:
    """Ends the zygote's process group, and with it whoever calls this."""
    with contextlib.suppress(OSError):
        os.killpg(0, signal.SIGKILL)
