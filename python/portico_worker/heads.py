"""Response heads: what PEP 3333 demands of a status and of headers, checked and encoded once each.

Applications answer with few different heads, so the encoded ones are kept, within bounds. Knows no
socket.
"""

from __future__ import annotations

import re
from typing import Any

from portico_worker import wire

HEADS_MAX = 1024
# A head longer than this is not kept: few repeat, and the bound on their number would not bound the
# memory.
HEAD_KEPT_MAX_BYTES = 4096
# The protocol's bound, docs/worker-protocol.md.
HEAD_MAX_BYTES = 262_144
CONTENT_LENGTH_MAX = 2**53 - 1

# Fields about the connection are the gateway's alone (PEP 3333, "Other HTTP Features"; RFC 9110
# section 7.6.1).
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# What frames a message, or says who it is for, has no place in an interim answer, which has no
# content and is on its way already (RFC 9110 sections 7.2, 8.6 and 14.4).
NOT_IN_INTERIM = HOP_BY_HOP | {"content-length", "content-range", "host"}
# The protocol's bounds on the interim answers of one request, docs/worker-protocol.md.
INTERIM_ANSWERS_MAX = 16
INTERIM_HEADS_MAX_BYTES = 16_384

BODYLESS = frozenset((204, 205, 304))
# A 204 says by itself that there is no content, and must not say how long it is (RFC 9110 section
# 8.6). A 205 has none, either, whatever the application says of it; where it must say so, the
# gateway does (section 15.3.6).
WITHOUT_LENGTH = frozenset((204, 205))

match_status = re.compile(r"[2-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*").fullmatch
match_name = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# Visible characters, space, tab and obs-text (RFC 9110 section 5.5): no CR, LF, NUL or other
# control.
match_value = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
match_length = re.compile(r"[0-9]{1,16}").fullmatch


class HeadError(ValueError):
    """The application gave a status or a header that cannot be sent."""


class Head:
    """One checked head, with the second halves of the frames that carry it."""

    __slots__ = (
        "_lengthened",
        "bodyless",
        "content_length",
        "encoded",
        "first_frame",
        "status",
        "whole_frame",
    )

    def __init__(self, status: int, encoded: bytes, content_length: int | None) -> None:
        self.status = status
        self.encoded = encoded
        self.content_length = content_length
        self.bodyless = status in BODYLESS
        flags = 0 if content_length is None else wire.FLAG_CONTENT_LENGTH
        length = content_length or 0
        size = len(encoded)
        # What follows the address in a frame that is the whole answer, and in one that begins it.
        self.whole_frame = wire.pack_kind(wire.RESPONSE, flags, status, size, length) + encoded
        self.first_frame = wire.pack_kind(wire.HEAD, flags, status, size, length) + encoded
        self._lengthened: Head | None = None

    def with_length(self, content_length: int) -> Head:
        """The same head with a Content-Length. The last one is kept: many answers are alike."""
        head = self._lengthened
        if head is None or head.content_length != content_length:
            encoded = self.encoded + b"Content-Length: %d\r\n" % content_length
            head = self._lengthened = Head(self.status, encoded, content_length)
        return head


class HeadCache:
    """Heads by status and headers; looked up in `kept` by `(status, *headers)`."""

    def __init__(self) -> None:
        self.kept: dict[Any, Head] = {}

    def add(self, status: Any, headers: Any) -> Head:
        """A head that is not in the cache. Raises HeadError where PEP 3333 or HTTP forbids it."""
        head = encode(status, headers)
        if len(head.encoded) <= HEAD_KEPT_MAX_BYTES:
            if len(self.kept) >= HEADS_MAX:
                self.kept.clear()
            self.kept[(status, *headers)] = head
        return head


def encode(status: Any, headers: Any) -> Head:
    """Checks a status and headers; encodes them as the protocol wants them.

    That is `STATUS REASON`, then field lines, each with its line end. A native string's characters
    are bytes (latin-1). Raises HeadError.
    """
    status = exact_string(status, "the status")
    if not match_status(status):
        raise HeadError(f"the status must be three digits, a space and a reason, not {status!r}")
    if not isinstance(headers, list):
        raise HeadError(f"the headers must be a list, not {type(headers).__name__}")
    code = int(status[:3])
    lines = [f"{status}\r\n"]
    content_length: int | None = None
    for header in headers:
        name, value = check_header(header)
        if name.lower() == "content-length":
            if content_length is not None:
                raise HeadError("Content-Length is given more than once")
            content_length = parse_length(value)
            if code in WITHOUT_LENGTH:
                continue
        lines.append(f"{name}: {value}\r\n")
    if code in WITHOUT_LENGTH:
        content_length = None
    encoded = "".join(lines).encode("latin-1")
    if len(encoded) > HEAD_MAX_BYTES:
        raise HeadError(f"the head is larger than {HEAD_MAX_BYTES} bytes")
    return Head(code, encoded, content_length)


def encode_interim(headers: Any) -> bytes:
    """Checks the headers of a 103 (Early Hints); encodes it as the protocol wants it.

    Raises HeadError.
    """
    if not isinstance(headers, (list, tuple)):
        raise HeadError(f"the hints must be a list, not {type(headers).__name__}")
    lines = ["103 Early Hints\r\n"]
    for header in headers:
        name, value = check_header(header)
        if name.lower() in NOT_IN_INTERIM:
            raise HeadError(f"{name} must not be sent in an interim answer")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")


def exact_string(value: Any, what: str) -> str:
    """The characters of a native string; those of a subclass, too, whatever it does with them."""
    if not isinstance(value, str):
        raise HeadError(f"{what} must be a str, not {type(value).__name__}")
    return value if type(value) is str else str.__str__(value)


def check_header(header: Any) -> tuple[str, str]:
    if not isinstance(header, tuple) or len(header) != 2:
        raise HeadError(f"a header must be a tuple (name, value), not {header!r}")
    name = exact_string(header[0], "a header's name")
    value = exact_string(header[1], f"the value of {name}")
    if not match_name(name):
        raise HeadError(f"{name!r} is not the name of a field")
    if not match_value(value):
        raise HeadError(
            f"the value of {name} has a control character or one beyond latin-1: {value!r}"
        )
    if name.lower() in HOP_BY_HOP:
        raise HeadError(f"{name} is about the connection, which is the server's alone")
    return name, value.strip(" \t")


def parse_length(value: str) -> int:
    """A Content-Length's number. Raises HeadError."""
    if not match_length(value) or int(value) > CONTENT_LENGTH_MAX:
        raise HeadError(f"Content-Length must be a number of bytes, not {value!r}")
    return int(value)
