import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { systemLibraries } from "../../src/os/libc.ts";
import { localAddressOf, openListeningSocket, openSocketPair } from "../../src/os/sockets.ts";
import { acceptQueue } from "../../src/os/tcp-info.ts";

const libraries = systemLibraries();
assert("libc" in libraries, "these are the tests of a machine with epoll");
const { libc } = libraries;

test("connections that nobody accepts are counted, beside the bound of their queue", async () => {
  const address = { family: "inet", host: "127.0.0.1", port: 0 } as const;
  const fd = openListeningSocket(libc, address, { backlog: 7, ipv6Only: false });
  after(() => libc.close(fd));
  assert.deepEqual(acceptQueue(fd), { queued: 0, queuedMax: 7 });

  const bound = localAddressOf(libc, fd);
  assert(bound.family === "inet");
  for (const waiting of [1, 2, 3]) {
    const client = connect(bound.port, bound.host);
    after(() => client.destroy());
    await once(client, "connect");
    // The client is told a moment before the server's end is in the queue.
    for (let round = 0; round < 500 && acceptQueue(fd)?.queued !== waiting; round++) await pause(2);
    assert.deepEqual(acceptQueue(fd), { queued: waiting, queuedMax: 7 });
  }
});

test("of what is no listening TCP socket nothing is told", () => {
  const pair = openSocketPair(libc, null);
  after(() => pair.forEach((fd) => libc.close(fd)));
  assert.equal(acceptQueue(pair[0]), null);
  assert.equal(acceptQueue(1_000_000), null);
});
