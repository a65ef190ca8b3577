"""What a zygote or a worker says on standard error, in the forms of the gateway's error log.

As text a record is one line, and what follows it is indented, so that none of it can be taken for
a record; as JSON all of it is one object in a line. Messages quote what clients and applications
said, so control characters are escaped. Bounds are the gateway's own.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from io import TextIOWrapper

from portico_worker.standard_error import RECORDS, STANDARD_ERROR

TEXT = "text"
JSON = "json"

LINE_MAX_CHARS = 4096
DETAIL_LINES_MAX = 200
DETAIL_INDENT = "    "

# C0 without the tab, DEL, C1, and what Unicode has for ends of lines and for turning them around.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

# Chosen by the zygote before it forks.
_format = TEXT


def use_format(name: str) -> None:
    """Chooses the form of all records of this process and of those that it forks."""
    global _format  # noqa: PLW0603 - standard error is the process's own, too
    _format = name


def log(message: str) -> None:
    """Something that is no failure of a request. Lines behind the first are its details."""
    title, _, details = message.partition("\n")
    _write("warn", title, details, "portico: ")


def report(title: str, details: str) -> None:
    """A failure, with its traceback."""
    _write("error", title, details, "")


def _write(level: str, title: str, details: str, prefix: str) -> None:
    """By one write, so that records of several processes do not mix."""
    write_error(form(level, title, details, prefix))


def form(level: str, title: str, details: str, prefix: str, **fields: object) -> str:
    """A record, with its line end. fields: what stands in the title, too, by name."""
    kept = kept_lines(details)
    if _format == JSON:
        record: dict[str, object] = {
            "time": timestamp(time.time()),
            "level": level,
            "message": title[:LINE_MAX_CHARS],
            "fields": {"pid": os.getpid(), **fields},
        }
        if kept:
            record["details"] = "\n".join(line[:LINE_MAX_CHARS] for line in kept)
        return json.dumps(record, separators=(",", ":")) + "\n"
    lines = [prefix + escape_controls(title)]
    lines += [DETAIL_INDENT + escape_controls(line) for line in kept]
    return "".join(f"{line[:LINE_MAX_CHARS]}\n" for line in lines)


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03}Z"


def kept_lines(details: str) -> list[str]:
    """Its lines; of very many the first and the last ones."""
    lines = details.rstrip().split("\n") if details.strip() else []
    if len(lines) <= DETAIL_LINES_MAX:
        return lines
    half = DETAIL_LINES_MAX // 2
    return [*lines[: half - 1], "...", *lines[-half:]]


def escape_controls(line: str) -> str:
    """One line in which nothing moves the cursor of whoever reads it, nor begins another."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), line)


def write_error(text: str) -> None:
    """Writes to standard error, whatever the application has made of it.

    Waits for nobody, unless the application has put something of its own in its place.
    """
    try:
        stream = sys.stderr
        if type(stream) is TextIOWrapper and stream.fileno() == STANDARD_ERROR:
            encoding = stream.encoding
            RECORDS.write(
                encode(text, encoding),
                lambda count: encode(missing(count), encoding),
                stream.flush,
            )
        else:
            stream.write(text)
            stream.flush()
    except Exception:  # noqa: BLE001 - there is nowhere left to say so
        return


def missing(count: int) -> str:
    """Stands where records were dropped."""
    title = f"records missing here, because nobody read standard error: {count}"
    return form("warn", title, "", "portico: ", records=count)


def encode(text: str, encoding: str) -> bytes:
    """As standard error has it."""
    return text.encode(encoding, "backslashreplace")
