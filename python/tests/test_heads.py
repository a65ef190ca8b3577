"""Response heads: what is refused, how the rest is encoded, and that the cache is bounded."""

from __future__ import annotations

import enum
import unittest
from typing import Any

from portico_worker import heads
from portico_worker.heads import HeadCache, HeadError, encode


class Text(str):
    """A native string that is none, as marked-up strings of template engines are."""

    __slots__ = ()

    def lower(self) -> str:
        return "not what it is"


class Language(str, enum.Enum):
    GERMAN = "de"


class Encoding(unittest.TestCase):
    def refused(self, status: Any, headers: Any, says: str) -> None:
        with self.assertRaisesRegex(HeadError, says):
            encode(status, headers)

    def test_status_line_and_fields(self) -> None:
        head = encode("404 Not Found", [("Content-Type", "text/plain"), ("X-A", "b")])
        self.assertEqual(head.status, 404)
        self.assertEqual(head.encoded, b"404 Not Found\r\nContent-Type: text/plain\r\nX-A: b\r\n")
        self.assertIsNone(head.content_length)

    def test_fields_may_repeat_and_keep_their_order(self) -> None:
        head = encode("200 OK", [("Set-Cookie", "a=1"), ("X", "y"), ("Set-Cookie", "b=2")])
        self.assertEqual(head.encoded, b"200 OK\r\nSet-Cookie: a=1\r\nX: y\r\nSet-Cookie: b=2\r\n")

    def test_characters_are_bytes(self) -> None:
        head = encode("200 \xe9", [("X", "\xff\x80\t ok")])
        self.assertEqual(head.encoded, b"200 \xe9\r\nX: \xff\x80\t ok\r\n")

    def test_space_around_a_value_is_not_part_of_it(self) -> None:
        self.assertEqual(encode("200 OK", [("X", " \ty ")]).encoded, b"200 OK\r\nX: y\r\n")

    def test_status_must_be_three_digits_and_a_reason(self) -> None:
        for status in ("200", "20 OK", "2000 OK", "200OK", "abc OK", "", " 200 OK", "200\tOK"):
            self.refused(status, [], "three digits, a space and a reason")

    def test_status_must_be_a_final_one(self) -> None:
        for status in ("100 Continue", "101 Switching", "000 No", "600 No", "999 No"):
            self.refused(status, [], "three digits")

    def test_digits_of_other_scripts_are_no_digits(self) -> None:
        self.refused("2\u0660\u0660 OK", [], "three digits")

    def test_status_must_not_break_the_message(self) -> None:
        for status in ("200 OK\r\nX: y", "200 OK\n", "200 \x00", "200 \x7f", "200 \u20ac"):
            self.refused(status, [], "three digits")

    def test_status_must_be_native(self) -> None:
        for status in (b"200 OK", 200, None):
            self.refused(status, [], "the status must be a str")

    def test_headers_must_be_a_list(self) -> None:
        headers: Any
        for headers in ((), (("X", "y"),), {"X": "y"}, iter([]), None, "X: y"):
            self.refused("200 OK", headers, "the headers must be a list")

    def test_a_header_must_be_a_pair(self) -> None:
        for header in (["X", "y"], ("X",), ("X", "y", "z"), "Xy", None):
            self.refused("200 OK", [header], r"must be a tuple \(name, value\)")

    def test_name_and_value_must_be_native(self) -> None:
        self.refused("200 OK", [(b"X", "y")], "name must be a str, not bytes")
        self.refused("200 OK", [("X", b"y")], "the value of X must be a str, not bytes")
        self.refused("200 OK", [("X", 1)], "the value of X must be a str, not int")

    def test_name_must_be_a_token(self) -> None:
        for name in ("", "X Y", "X:", "X\r\n", "X\x00", "X\xe9", "(X)", 'X"'):
            self.refused("200 OK", [(name, "y")], "is not the name of a field")

    def test_value_must_not_break_the_message(self) -> None:
        for value in ("a\r\nSet-Cookie: b=1", "a\n b", "a\r", "\x00", "\x1b[0m", "\x7f", "\u20ac"):
            self.refused("200 OK", [("X", value)], "control character or one beyond latin-1")

    def test_connection_fields_are_refused_by_name(self) -> None:
        for name in ("Connection", "keep-alive", "TRANSFER-ENCODING", "Upgrade", "TE", "Trailer"):
            self.refused("200 OK", [(name, "x")], f"^{name} is about the connection")
        for name in ("Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection"):
            self.refused("200 OK", [(name, "x")], f"^{name} is about the connection")

    def test_content_length_is_read(self) -> None:
        for value, length in (("0", 0), ("5", 5), (" 7 ", 7), (str(2**53 - 1), 2**53 - 1)):
            self.assertEqual(encode("200 OK", [("content-LENGTH", value)]).content_length, length)

    def test_content_length_must_be_a_number_of_bytes(self) -> None:
        for value in ("", "-1", "+1", "1.0", "0x1", "1,1", "1 1", "\xb2", str(2**53), "9" * 40):
            self.refused("200 OK", [("Content-Length", value)], "must be a number of bytes")

    def test_content_length_must_be_single(self) -> None:
        twice = [("Content-Length", "1"), ("content-length", "1")]
        self.refused("200 OK", twice, "more than once")

    def test_204_and_205_say_no_length_and_304_may(self) -> None:
        for status in ("204 No Content", "205 Reset Content"):
            head = encode(status, [("Content-Length", "7"), ("X", "y")])
            self.assertEqual(head.encoded, status.encode() + b"\r\nX: y\r\n")
            self.assertIsNone(head.content_length)
            self.assertTrue(head.bodyless)
        head = encode("304 Not Modified", [("Content-Length", "9")])
        self.assertEqual((head.content_length, head.bodyless), (9, True))

    def test_subclasses_of_str_give_their_characters(self) -> None:
        headers = [(Text("Content-Length"), Text("3")), ("Content-Language", Language.GERMAN)]
        head = encode(Text("200 OK"), headers)
        self.assertEqual(head.encoded, b"200 OK\r\nContent-Length: 3\r\nContent-Language: de\r\n")
        self.assertEqual(head.content_length, 3)
        self.refused("200 OK", [(Text("Connection"), "x")], "about the connection")

    def test_a_head_is_bounded(self) -> None:
        self.refused("200 OK", [("X", "y" * heads.HEAD_MAX_BYTES)], "larger than 262144 bytes")

    def test_with_length_declares_it_once(self) -> None:
        head = encode("200 OK", [("X", "y")])
        self.assertEqual(head.with_length(5).encoded, b"200 OK\r\nX: y\r\nContent-Length: 5\r\n")
        self.assertEqual(head.with_length(5).content_length, 5)
        self.assertEqual(head.with_length(0).content_length, 0)
        self.assertIsNone(head.content_length)


class Cache(unittest.TestCase):
    def test_a_head_is_kept_by_status_and_headers(self) -> None:
        cache = HeadCache()
        head = cache.add("200 OK", [("X", "y")])
        self.assertEqual(cache.kept, {("200 OK", ("X", "y")): head})

    def test_what_is_refused_is_not_kept(self) -> None:
        cache = HeadCache()
        with self.assertRaises(HeadError):
            cache.add("200 OK", [("X", "y\n")])
        self.assertEqual(cache.kept, {})

    def test_the_number_of_heads_is_bounded(self) -> None:
        cache = HeadCache()
        for number in range(3 * heads.HEADS_MAX):
            cache.add("200 OK", [("X", str(number))])
            self.assertLessEqual(len(cache.kept), heads.HEADS_MAX)
        self.assertIn(("200 OK", ("X", str(3 * heads.HEADS_MAX - 1))), cache.kept)

    def test_a_large_head_is_not_kept(self) -> None:
        cache = HeadCache()
        cache.add("200 OK", [("X", "y" * heads.HEAD_KEPT_MAX_BYTES)])
        self.assertEqual(cache.kept, {})
