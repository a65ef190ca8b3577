"""Reads an access log as log analysers do: with `apachelogs`, which knows Apache's formats.

The name of a format is the argument, lines come by standard input, and what was found in them
leaves as JSON, one object a line.
"""

from __future__ import annotations

import json
import sys

from apachelogs import COMBINED, COMMON, LogParser

FORMATS = {"common": COMMON, "combined": COMBINED}


def main() -> None:
    parser = LogParser(FORMATS[sys.argv[1]], encoding="latin-1")
    for entry in parser.parse_lines(sys.stdin):
        found = {
            "host": entry.remote_host,
            "user": entry.remote_user,
            "time": entry.request_time.timestamp(),
            "request": entry.request_line,
            "status": entry.final_status,
            "bytes": entry.bytes_sent,
        }
        if sys.argv[1] == "combined":
            found["referer"] = entry.headers_in["Referer"]
            found["agent"] = entry.headers_in["User-Agent"]
        print(json.dumps(found))


main()
