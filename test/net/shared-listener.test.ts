/** A listening socket that several processes accept from, here by several event loops' sets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { EpollTransport } from "../../src/net/epoll-transport.ts";
import { duplicate } from "../../src/os/sockets.ts";
import { availableLibraries } from "./system-under-test.ts";

const CONNECTIONS = 24;
const BACKLOG = 64;

test("none takes all connections that come at a time", async () => {
  const libraries = availableLibraries();
  const fail = (error: unknown): void => assert.fail(String(error));
  const transports = [0, 1].map(() => new EpollTransport(libraries, "hosted", NULL_LOG, fail));
  const [one, other] = transports as [EpollTransport, EpollTransport];
  const clients: net.Socket[] = [];
  try {
    const first = await one.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, BACKLOG);
    assert.ok(first.address.family === "inet" && first.descriptor !== null);
    const copy = duplicate(libraries.libc, first.descriptor);
    const listeners = [first, await other.adopt(copy, BACKLOG, null)];
    for (let count = 0; count < CONNECTIONS; count++) {
      const client = net.connect(first.address.port, "127.0.0.1");
      clients.push(client);
      await once(client, "connect");
    }
    const accepted = [0, 0];
    const all = Promise.withResolvers<void>();
    for (const [index, listener] of listeners.entries()) {
      listener.shared = true;
      listener.start(() => {
        accepted[index] = (accepted[index] ?? 0) + 1;
        if ((accepted[0] ?? 0) + (accepted[1] ?? 0) === CONNECTIONS) all.resolve();
      });
    }
    await all.promise;
    assert.ok(Math.min(...accepted) >= CONNECTIONS / 6, accepted.join(" and "));
  } finally {
    for (const client of clients) client.destroy();
    for (const transport of transports) transport.close();
  }
});
