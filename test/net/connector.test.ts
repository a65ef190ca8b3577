import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, it } from "node:test";
import { SystemCallError } from "../../src/base/errors.ts";
import type { ByteStream } from "../../src/net/byte-stream.ts";
import type { Connector } from "../../src/net/connector.ts";
import { EpollConnector } from "../../src/net/epoll-connector.ts";
import { NodeConnector } from "../../src/net/node-connector.ts";
import { EAGAIN, ECONNREFUSED } from "../../src/os/errno.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";
import { RecordingHandler, soon, writeText } from "./recording-handler.ts";
import { altered, availableLibraries } from "./system-under-test.ts";

const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0).toReversed()) one.close();
});

function failOnFatal(error: unknown): void {
  throw error;
}

function opens<T extends { close(): void }>(one: T): T {
  opened.push(one);
  return one;
}

function connected(connector: Connector, address: SocketAddress): Promise<ByteStream> {
  const { promise, resolve, reject } = Promise.withResolvers<ByteStream>();
  let isWithin = true;
  connector.connect(address, {
    onConnected: (stream) => {
      assert.ok(!isWithin, "nobody is called from within connect");
      resolve(stream);
    },
    onUnconnected: (error) => {
      assert.ok(!isWithin, "nobody is called from within connect");
      reject(error);
    },
  });
  isWithin = false;
  return soon(promise, "a connection");
}

async function echoServer(place: string | number): Promise<net.Server> {
  const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
  if (typeof place === "string") server.listen(place);
  else server.listen(place, "127.0.0.1");
  await once(server, "listening");
  return opens(server);
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

const CONNECTORS: readonly (readonly [name: string, make: () => Connector])[] = [
  ["EpollConnector", () => new EpollConnector(availableLibraries(), failOnFatal)],
  ["NodeConnector", () => new NodeConnector()],
];

for (const [name, make] of CONNECTORS) {
  describe(name, () => {
    it("connects over TCP, and bytes go both ways", async () => {
      const port = portOf(await echoServer(0));
      const connector = opens(make());
      const stream = await connected(connector, { family: "inet", host: "127.0.0.1", port });
      const handler = new RecordingHandler(stream);
      writeText(stream, "hello");
      await handler.untilText("hello");
      stream.end();
      await handler.untilCalled("close");
      assert.equal(handler.error, null);
    });

    it("connects over a Unix socket", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "portico-connect-"));
      try {
        const file = path.join(folder, "s");
        await echoServer(file);
        const stream = await connected(opens(make()), { family: "unix", path: file });
        const handler = new RecordingHandler(stream);
        writeText(stream, "hello");
        await handler.untilText("hello");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("says why it could not, as a SystemCallError", async () => {
      const server = await echoServer(0);
      const port = portOf(server);
      server.close();
      await once(server, "close");
      const connector = opens(make());
      const refusals = [
        [{ family: "inet", host: "127.0.0.1", port }, "ECONNREFUSED"],
        [{ family: "unix", path: path.join(os.tmpdir(), "nobody", "is-here") }, "ENOENT"],
      ] as const;
      for (const [address, code] of refusals) {
        await assert.rejects(connected(connector, address), (error) => {
          assert.ok(error instanceof SystemCallError);
          assert.equal(error.code, code);
          assert.match(error.message, /while connecting to /);
          return true;
        });
      }
    });

    it("calls nobody once an attempt was cancelled", async () => {
      const port = portOf(await echoServer(0));
      const connector = opens(make());
      const address = { family: "inet", host: "127.0.0.1", port } as const;
      const fail = (): void => assert.fail("it was cancelled");
      connector.connect(address, { onConnected: fail, onUnconnected: fail }).cancel();
      // Attempts end in the order in which they were begun, so by then the first one is over.
      const stream = await connected(connector, address);
      stream.close();
    });

    it("rings once for each time, and not when it was cleared", async () => {
      const connector = opens(make());
      let rings = 0;
      let { promise, resolve } = Promise.withResolvers<void>();
      const alarm = opens(
        connector.alarm(() => {
          rings++;
          resolve();
        }),
      );
      const beganMs = performance.now();
      alarm.set(5);
      await soon(promise, "a ring");
      // Node's timers may come a part of a millisecond early.
      assert.ok(performance.now() - beganMs >= 4);
      alarm.set(1);
      alarm.clear();
      ({ promise, resolve } = Promise.withResolvers<void>());
      const other = opens(connector.alarm(() => resolve()));
      other.set(10);
      await soon(promise, "the other ring");
      assert.equal(rings, 1);
    });
  });
}

describe("EpollConnector, where calls fail", () => {
  it("waits for room in the queue of a Unix socket, until it is cancelled", async () => {
    let tries = 0;
    const libraries = altered((_, fail) => ({
      connect: () => fail(++tries < 4 ? EAGAIN : ECONNREFUSED),
    }));
    const connector = opens(new EpollConnector(libraries, failOnFatal));
    const cancelled = (): void => assert.fail("it was cancelled");
    const waiter = { onConnected: cancelled, onUnconnected: cancelled };
    connector.connect({ family: "unix", path: "any" }, waiter).cancel();
    await assert.rejects(
      connected(connector, { family: "unix", path: "any" }),
      /ECONNREFUSED while connecting to unix:any/,
    );
    assert.equal(tries, 4);
  });
});
