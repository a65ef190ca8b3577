"""REPORT frames: a worker that grew too large, and source files that were imported late."""

from __future__ import annotations

import json
import select
import unittest
from typing import Any
from unittest import mock

from portico_worker import reporting
from portico_worker.reporting import SizeWatch, in_reports, route_of

from tests.gateway_side import RESPONSE, TIMEOUT_S, request
from tests.zygote_case import WorkerEnd, ZygoteCase

MEGABYTE = 1 << 20
# Keeps as many megabytes as the query says; `/forget` gives them back. What malloc has it may keep
# for itself, as it happens to lie; what was mapped goes back to the system.
GROWING = """
    import mmap, os

    kept = []

    def mapped(size):
        memory = mmap.mmap(-1, size)
        while memory.tell() < size:
            memory.write(b"x" * 65536)
        return memory

    def app(environ, start_response):
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        if path == "/forget":
            kept.clear()
        elif path == "/import":
            import late
        elif int(query or 0):
            kept.append(mapped(int(query) << 20))
        start_response("200 OK", [])
        with open("/proc/self/statm") as file:
            return [str(int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")).encode()]
"""


class Reporting(ZygoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("growing.py", GROWING)

    def resident(self) -> int:
        """A worker's size at its begin."""
        self.loaded(reference="growing:app")
        return int(self.fork(1)[1].ask("/"))

    def worker(self, count: int = 1, **more: Any) -> list[WorkerEnd]:
        self.loaded(reference="growing:app", **more)
        return self.fork_with_channels(1, count)[1]

    def test_a_worker_that_grew_says_so_once_and_by_which_routes(self) -> None:
        bound = self.resident() + 40 * MEGABYTE
        [end] = self.worker(maxRssBytes=bound)
        for path, megabytes in (
            ("/", 0),
            ("/export/7", 10),
            ("/export/123e4567-e89b-12d3-a456-426614174000", 10),
            ("/items/0123456789abcdef0123", 5),
            ("/small", 1),
            ("/export/8", 20),
        ):
            end.send(path, str(megabytes))
            end.expect_kind(RESPONSE)
        report = end.report()
        self.assertGreater(report["rssBytes"], bound)
        first, second = report["routes"][:2]
        self.assertEqual((first["route"], first["requests"]), ("/export/*", 3))
        self.assertAlmostEqual(first["grewBytes"] / MEGABYTE, 40, delta=3)
        self.assertEqual((second["route"], second["requests"]), ("/items/*", 1))
        self.assertAlmostEqual(second["grewBytes"] / MEGABYTE, 5, delta=2)
        # Behind it come answers, and no second report.
        for _ in range(2):
            end.send("/export/9", "10")
            end.expect_kind(RESPONSE)

    def test_growth_is_the_requests_that_made_it_also_within_a_batch(self) -> None:
        bound = self.resident() + 20 * MEGABYTE
        [end] = self.worker(maxRssBytes=bound)
        end.say(
            [request(n, path=f"/{name}", query=mb) for n, (name, mb) in enumerate(BATCH.items())]
        )
        for _ in BATCH:
            end.expect_kind(RESPONSE)
        report = end.report()
        grown = {route["route"]: route["grewBytes"] / MEGABYTE for route in report["routes"]}
        for name in ("b", "d"):
            self.assertAlmostEqual(grown[f"/{name}"], int(BATCH[name]), delta=3)
        self.assertEqual([route["route"] for route in report["routes"][:2]], ["/d", "/b"])

    def test_what_is_given_back_does_not_count(self) -> None:
        [end] = self.worker(maxRssBytes=self.resident() + 30 * MEGABYTE)
        for _ in range(3):
            end.send("/take", "25")
            end.expect_kind(RESPONSE)
            end.ask("/forget")

    def test_a_worker_that_begins_too_large_says_so_behind_its_first_answer(self) -> None:
        [end] = self.worker(maxRssBytes=MEGABYTE)
        end.ask("/")
        self.assertGreater(end.report()["rssBytes"], MEGABYTE)

    def test_one_of_several_threads_says_it_for_all(self) -> None:
        ends = self.worker(3, maxRssBytes=self.resident() + 20 * MEGABYTE, workerClass="thread")
        for end in ends:
            end.send("/thread", "12")
            end.expect_kind(RESPONSE)
        # On whichever channel: the first may look when the second has taken its share already.
        [stream], _, _ = select.select([end.stream for end in ends], [], [], TIMEOUT_S)
        [reporting_end] = [end for end in ends if end.stream is stream]
        self.assertEqual(reporting_end.report()["routes"][0]["route"], "/thread")
        for end in ends:
            end.ask("/")

    def test_files_that_are_imported_late(self) -> None:
        self.write("late.py", "import json, colorsys, later")
        self.write("later.py", "")
        [end] = self.worker(reportFiles=True)
        end.ask("/")
        end.ask("/import")
        files = [str(self.folder.resolve() / name) for name in ("late.py", "later.py")]
        self.assertEqual(end.report(), {"files": files})
        end.ask("/import")
        end.ask("/")


BATCH = {"a": "0", "b": "8", "c": "0", "d": "16", "e": "0"}


class Routes(unittest.TestCase):
    def test_what_differs_from_one_thing_to_the_next_is_one_route(self) -> None:
        for path, route in (
            ("/", "/"),
            ("/export", "/export"),
            ("/items/17", "/items/*"),
            ("/items/17/", "/items/*/"),
            ("/1/2/3", "/*/*/*"),
            ("/a/123e4567-E89B-12d3-a456-426614174000/b", "/a/*/b"),
            ("/o/0123456789abcdef", "/o/*"),
            ("/o/deadbeef", "/o/deadbeef"),
            ("/v2/x17", "/v2/x17"),
            ("*", "*"),
            ("/" + "x" * 1000, "/" + "x" * 199),
        ):
            self.assertEqual(route_of(path), route)

    def watch(self) -> SizeWatch:
        self.sizes = [0]
        with mock.patch.object(reporting, "resident_bytes_reader", lambda: lambda: self.sizes[0]):
            return SizeWatch(1000)

    def test_the_table_is_bounded(self) -> None:
        watch = self.watch()
        for number in range(1000):
            self.sizes[0] += 10
            watch.end_request(f"/r{number}")
        report = watch.report()
        assert report is not None
        self.assertEqual(report["rssBytes"], 10_000)
        self.assertEqual(len(report["routes"]), 5)
        other = {"route": "(other)", "grewBytes": 7440, "requests": 744}
        self.assertEqual(report["routes"][0], other)
        self.assertIsNone(watch.report())

    def test_only_routes_that_grew_are_named(self) -> None:
        watch = self.watch()
        for size, path in ((2000, "/grows"), (1500, "/shrinks"), (1500, "/stays")):
            self.sizes[0] = size
            watch.end_request(path)
        self.assertEqual(
            watch.report(),
            {"rssBytes": 1500, "routes": [{"route": "/grows", "grewBytes": 2000, "requests": 1}]},
        )

    def test_a_report_fits_its_frame_whatever_the_paths(self) -> None:
        watch = self.watch()
        for number, character in enumerate(('"', "\x00", "\\", "\xff", "\U0010ffff")):
            self.sizes[0] += 2000
            watch.end_request(f"/{number}x" + character * 60_000)
        report = reporting.encode(watch.report())
        self.assertLess(len(report), reporting.REPORT_MAX_BYTES)
        self.assertEqual(len(json.loads(report)["routes"]), 5)


class Files(unittest.TestCase):
    def test_as_many_reports_as_it_takes(self) -> None:
        files = [f"/folder/{'é' * 500}{number}.py" for number in range(100)]
        heads = in_reports(files)
        self.assertGreater(len(heads), 5)
        for head in heads:
            self.assertLessEqual(len(head), reporting.REPORT_MAX_BYTES)
            self.assertEqual(list(json.loads(head)), ["files"])
        self.assertEqual([file for head in heads for file in json.loads(head)["files"]], files)
        self.assertEqual(in_reports([]), [])
