"""What the gateway's first line tells the zygote, docs/worker-protocol.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portico_worker import error_records

PROCESS = "process"
THREAD = "thread"
REQUEST = "request"


@dataclass(frozen=True)
class Start:
    """How to import the application, and what its workers are to be.

    What is off is None. `pythonpath` holds paths as they were given, relative to the working
    folder; `hooks` is the name of a module, or a path that ends in `.py`.
    """

    reference: str
    pythonpath: list[str]
    root_path: str = ""
    version: str = ""
    multiprocess: bool = True
    worker_class: str = PROCESS
    generation: int = 1
    hooks: str | None = None
    max_rss_bytes: int | None = None
    report_files: bool = False
    error_log: str | None = None
    log_format: str = error_records.TEXT
    # Files of the gateway's listening sockets, as {"path", "device", "inode"}.
    socket_files: list[dict[str, Any]] = field(default_factory=list)
    # The folder with the socket that workers connect to, where they are not handed descriptors.
    link_folder: str | None = None

    @classmethod
    def read(cls, message: dict[str, Any]) -> Start:
        """Takes the message apart; what it leaves out is off, and what it has besides is ignored.

        Raises KeyError where it names no reference.
        """
        named = {
            "pythonpath": message.get("pythonpath", []),
            "root_path": message.get("rootPath"),
            "version": message.get("version"),
            "multiprocess": message.get("multiprocess"),
            "worker_class": message.get("workerClass"),
            "generation": message.get("generation"),
            "hooks": message.get("hooks"),
            "max_rss_bytes": message.get("maxRssBytes"),
            "report_files": message.get("reportFiles"),
            "error_log": message.get("errorLog"),
            "log_format": message.get("logFormat"),
            "socket_files": message.get("socketFiles"),
            "link_folder": message.get("linkFolder"),
        }
        given = {name: value for name, value in named.items() if value is not None}
        return cls(reference=message["reference"], **given)
