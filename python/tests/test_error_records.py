"""Records on standard error: nothing breaks out of one, and as JSON each is an object in a line."""

from __future__ import annotations

import io
import json
import os
import unittest
from contextlib import redirect_stderr

from portico_worker import error_records


def written(title: str, details: str) -> str:
    stream = io.StringIO()
    with redirect_stderr(stream):
        error_records.report(title, details)
    return stream.getvalue()


class Text(unittest.TestCase):
    def test_details_are_indented_and_control_characters_escaped(self) -> None:
        forged = "ValueError: \x1b[31m\n2026-11-21T00:00:00.000Z info stopped\r\u2028é\tend\n"
        self.assertEqual(
            written("it failed\nhere", forged),
            "it failed\\nhere\n"
            "    ValueError: \\x1b[31m\n"
            "    2026-11-21T00:00:00.000Z info stopped\\r\\u2028é\tend\n",
        )

    def test_lines_behind_the_first_of_a_message_are_its_details(self) -> None:
        stream = io.StringIO()
        with redirect_stderr(stream):
            error_records.log("first\nsecond")
        self.assertEqual(stream.getvalue(), "portico: first\n    second\n")

    def test_very_long_details_have_a_bound(self) -> None:
        lines = written("title", "\n".join(["x" * 10_000] * 1_000)).split("\n")
        self.assertEqual(len(lines), 1 + error_records.DETAIL_LINES_MAX + 1)
        self.assertLessEqual(max(map(len, lines)), error_records.LINE_MAX_CHARS)
        self.assertEqual(lines[error_records.DETAIL_LINES_MAX // 2], "    ...")


class Json(unittest.TestCase):
    def setUp(self) -> None:
        error_records.use_format(error_records.JSON)
        self.addCleanup(error_records.use_format, error_records.TEXT)

    def test_a_record_is_one_object_in_a_line(self) -> None:
        line = written("it failed", "Traceback\n  \x1b é \udc80\n")
        self.assertEqual(line.count("\n"), 1)
        self.assertTrue(line.isascii())
        record = json.loads(line)
        self.assertRegex(record.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(
            record,
            {
                "level": "error",
                "message": "it failed",
                "fields": {"pid": os.getpid()},
                "details": "Traceback\n  \x1b é \udc80",
            },
        )

    def test_without_details(self) -> None:
        self.assertNotIn("details", json.loads(written("it failed", "")))


if __name__ == "__main__":
    unittest.main()
