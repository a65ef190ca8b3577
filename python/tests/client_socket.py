"""A client whose socket the gateway's side lends, for tests of large answers."""

from __future__ import annotations

import socket
import threading
import unittest
from typing import TYPE_CHECKING, Any
from unittest import mock

from portico_worker import loan

from tests.gateway_side import TIMEOUT_S, Answer, Gateway
from tests.test_spooled_content import open_descriptors

if TYPE_CHECKING:
    from tests.applications import Application

LARGE = bytes(range(256)) * 4096


class Client:
    """The gateway's end of a connection, which does not block, and what comes out at the other."""

    def __init__(self, reads: bool = True) -> None:
        self.socket, self.peer = socket.socketpair()
        self.socket.setblocking(False)
        self.received = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        if reads:
            self.read()

    def read(self) -> None:
        self._thread.start()

    def end(self) -> bytes:
        """What has come, once the gateway has closed its end, and the worker its own."""
        self.socket.close()
        if self._thread.ident is None:
            self.read()
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive(), "somebody still has the client's socket"
        self.peer.close()
        return bytes(self.received)

    def _read(self) -> None:
        while data := self.peer.recv(65_536):
            self.received += data


def lent(application: Application, client: Client, **parts: Any) -> Answer:
    """The answer of a worker that may borrow; afterwards it has no more descriptors than before."""
    with Gateway(application) as gateway:
        gateway.client = client.socket
        before = open_descriptors()
        answer = gateway.ask(**parts)
        gateway.ask(path="/next", method="HEAD")
        assert open_descriptors() == before
    assert gateway.stderr == "", gateway.stderr
    return answer


class PatientCase(unittest.TestCase):
    """Cases in which a client that reads, or sends, is fast enough, however busy the machine is."""

    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(loan, "PATIENCE_S", TIMEOUT_S)
        patch.start()
        self.addCleanup(patch.stop)
