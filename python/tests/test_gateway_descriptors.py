"""Of what a zygote inherits it closes the file of certificates that Node.js had open, alone."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import AbstractContextManager, ExitStack
from unittest import mock, skipUnless

from portico_worker.gateway_descriptors import CERTIFICATES_VARIABLE

from tests.zygote_case import ZygoteCase

FIRST_DESCRIPTOR = 20


def named(name: str) -> AbstractContextManager[object]:
    return mock.patch.dict(os.environ, {CERTIFICATES_VARIABLE: name})


@skipUnless(sys.platform == "linux", "descriptors have names only there")
class Inherited(ZygoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.certificates = str(self.folder.resolve() / "certificates.pem")
        self.other = str(self.folder.resolve() / "other.txt")

    def links_in_worker(self) -> list[str]:
        """What a worker has of what its zygote was started with: both files, one of them twice."""
        with ExitStack() as opened:
            inherited = []
            for name in (self.certificates, self.other, self.certificates):
                with open(name, "w") as file:
                    # Far from 3, which is put over whatever is there.
                    descriptor = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
                opened.callback(os.close, descriptor)
                inherited.append(descriptor)
            self.start(inherited=tuple(inherited))
        self.expect("loaded")
        _, end = self.fork(1)
        links: list[str] = json.loads(end.ask("/descriptors"))
        return sorted(link for link in links if link in (self.certificates, self.other))

    def test_the_certificates_are_closed_and_nothing_else_is(self) -> None:
        with named(self.certificates):
            self.assertEqual(self.links_in_worker(), [self.other])

    def test_a_link_to_them_names_them(self) -> None:
        link = self.folder / "link.pem"
        link.symlink_to(self.certificates)
        with named(str(link)):
            self.assertEqual(self.links_in_worker(), [self.other])

    def test_where_none_are_named_everything_stays(self) -> None:
        both = [self.certificates, self.certificates, self.other]
        for name in ("", str(self.folder / "not-there.pem"), "/dev/null"):
            with self.subTest(name), named(name):
                self.assertEqual(self.links_in_worker(), both)
