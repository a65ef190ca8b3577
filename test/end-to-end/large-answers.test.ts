/**
 * Large answers, which a worker sends to the client by itself where the gateway lends it the
 * socket. Over `node:net` nothing is lent, and everything goes through the gateway: clients must
 * not see any difference.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { get, startApplication, textOf, TRANSPORTS, type TransportName } from "./exercise.ts";
import { RawClient } from "./raw-client.ts";
import type { ServerProcess } from "./server-process.ts";

const LARGE_BYTES = 3_000_000;
/** More than the sockets of one connection hold. */
const HUGE_BYTES = 20_000_000;
const BLOCK_BYTES = 1_024;

/** What the application gives, made anew. */
function contentOf(size: number): Buffer {
  const count = Math.ceil(size / BLOCK_BYTES);
  const blocks = Array.from({ length: count }, (_, index) =>
    createHash("shake256", { outputLength: BLOCK_BYTES }).update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

const LARGE = contentOf(LARGE_BYTES);

function start(
  transport: TransportName,
  args: readonly string[] = [],
  workers = 1,
): Promise<ServerProcess> {
  return startApplication("large:app", transport, args, workers);
}

/** Sends a request and waits until some of its answer is there, without reading on. */
async function beginReading(server: ServerProcess, target: string): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  client.write(get(target));
  await new Promise((resolve) => client.socket.once("data", resolve));
  client.socket.pause();
  return client;
}

/** How much more comes before the connection ends. */
async function readToEnd(client: RawClient): Promise<number> {
  let bytes = 0;
  client.socket.on("data", (piece: Buffer) => (bytes += piece.length));
  const ended = new Promise((resolve) => client.socket.once("close", resolve));
  client.socket.once("end", () => client.socket.end());
  client.socket.resume();
  await ended;
  return bytes;
}

for (const transport of TRANSPORTS) {
  describe(`large answers over ${transport}`, () => {
    test("each kind arrives whole, and the connection goes on", async () => {
      await using server = await start(transport);
      using client = await RawClient.connect(server.port);
      for (const target of [
        `/list?size=${LARGE_BYTES}`,
        `/write?size=${LARGE_BYTES}`,
        `/file?size=${LARGE_BYTES}`,
        `/pieces?size=${LARGE_BYTES}`,
        `/pieces?size=${LARGE_BYTES}&piece=999`,
        `/pieces?size=${LARGE_BYTES}&piece=${LARGE_BYTES - 1}`,
        ...[99, 4_096, 16_385, 70_000, LARGE_BYTES].map(
          (piece) => `/stream?size=${LARGE_BYTES}&piece=${piece}`,
        ),
      ]) {
        const { status, content } = await client.exchange(get(target));
        assert.equal(status, 200, target);
        assert.ok(content.equals(LARGE), target);
      }
      const head = await client.exchange(`HEAD /list HTTP/1.1\r\nHost: test\r\n\r\n`);
      assert.deepEqual([head.field("Content-Length"), head.content.length], ["1000000", 0]);
      for (const target of ["/list?size=3000000", "/stream?size=3000000&piece=999"]) {
        using old = await RawClient.connect(server.port);
        const { content } = await old.exchange(`GET ${target} HTTP/1.0\r\n\r\n`);
        assert.ok(content.equals(LARGE), target);
      }
    });

    test("the worker sends where it was lent the socket, and keeps none", async () => {
      await using server = await start(transport);
      const before = await textOf(server, "/descriptors");
      for (const target of ["/pieces?more=1", "/stream?piece=9000"]) {
        const looked = await textOf(server, `${target}&size=${LARGE_BYTES}&look=1`);
        assert.equal(looked.at(-1), transport === "epoll" ? "1" : "0");
      }
      assert.equal(await textOf(server, "/descriptors"), before);
    });

    test("answers to pipelined requests stay apart, of many clients too", async () => {
      await using server = await start(transport, [], 2);
      await Promise.all(
        [1, 2, 3, 4, 5, 6].map(async (number) => {
          using client = await RawClient.connect(server.port);
          const sizes = [LARGE_BYTES - number, 10 * number, 500_000 + number, LARGE_BYTES];
          const way = number % 2 === 0 ? "/list?" : "/stream?piece=3000&";
          client.write(sizes.map((size) => get(`${way}size=${size}`)).join(""));
          for (const size of sizes) {
            const { content } = await client.readResponse();
            assert.ok(content.equals(LARGE.subarray(0, size)), `${size} bytes of ${number}`);
          }
        }),
      );
    });

    for (const way of ["/list?", "/stream?piece=5000&"]) {
      test(`a client that does not read ${way} holds nobody up, and gets it later`, async () => {
        await using server = await start(transport);
        const expected = contentOf(HUGE_BYTES);
        using slow = await beginReading(server, `${way}size=${HUGE_BYTES}`);
        assert.match(await textOf(server, "/pid"), /^\d+$/);
        const { content } = await new Promise<{ content: Buffer }>((resolve, reject) => {
          slow.socket.resume();
          slow.readResponse().then(resolve, reject);
        });
        assert.ok(content.equals(expected));
      });
    }

    test("what was given arrives while the next piece is made, however small it is", async () => {
      await using server = await start(transport);
      const pid = Number(await textOf(server, "/pid"));
      using client = await RawClient.connect(server.port);
      let received = "";
      client.socket.on("data", (bytes: Buffer) => (received += bytes.toString()));
      client.write(get("/parts"));
      for (const part of [0, 1, 2]) {
        await server.until(`part ${part}`, () => received.includes(`\n${part} 99\n`));
        process.kill(pid, "SIGUSR1");
      }
      await server.until("the end", () => received.endsWith("0\r\n\r\n"));
    });

    test("a file goes by the kernel's own way, to a slow client as to any other", async () => {
      await using server = await start(transport);
      const before = await textOf(server, "/descriptors");
      using slow = await beginReading(server, `/file?size=${HUGE_BYTES}`);
      assert.equal(await textOf(server, "/descriptors"), before, "it has been closed");
      slow.socket.resume();
      assert.ok((await slow.readResponse()).content.equals(contentOf(HUGE_BYTES)));
      using other = await RawClient.connect(server.port);
      other.write(get(`/file?size=${LARGE_BYTES}&from=1000`));
      const bytes = await readToEnd(other);
      assert.ok(bytes > LARGE_BYTES - 1_000 && bytes < LARGE_BYTES, `${bytes} with the head`);
    });

    test("a client that leaves in the middle leaves nothing behind", async () => {
      await using server = await start(transport);
      const before = await textOf(server, "/descriptors");
      const pid = await textOf(server, "/pid");
      const leaving = await beginReading(server, `/list?size=${HUGE_BYTES}`);
      leaving.close();
      assert.equal(await textOf(server, "/descriptors"), before);
      assert.equal(await textOf(server, "/pid"), pid);
    });

    for (const [what, query] of [
      ["content that falls short", "/pieces?more=7"],
      ["an application that raises", "/pieces?raise=2000000"],
      ["one that raises without a length", "/stream?piece=7000&raise=2000000"],
    ] as const) {
      test(`${what} ends the connection before the content is complete`, async () => {
        await using server = await start(transport);
        using client = await RawClient.connect(server.port);
        client.write(get(`${query}&size=${LARGE_BYTES}`));
        let last: Buffer = Buffer.alloc(0);
        client.socket.on("data", (piece: Buffer) => (last = piece));
        const bytes = await readToEnd(client);
        assert.ok(bytes > 1_900_000 && bytes < LARGE_BYTES + 200, `${bytes} bytes`);
        assert.ok(!last.toString("latin1").endsWith("0\r\n\r\n"), "no last chunk");
        assert.match(await textOf(server, "/pid"), /^\d+$/);
      });
    }

    test("a worker that hangs or dies in the middle ends the connection, too", async () => {
      await using server = await start(transport, ["--timeout", "1"]);
      using hung = await RawClient.connect(server.port);
      hung.write(get(`/pieces?size=${LARGE_BYTES}&hang=2000000`));
      assert.ok((await readToEnd(hung)) < LARGE_BYTES);
      for (const way of ["/pieces?", "/stream?piece=3000&"]) {
        const pid = Number(await textOf(server, "/pid"));
        using killed = await RawClient.connect(server.port);
        killed.write(get(`${way}size=${LARGE_BYTES}&hang=2000000`));
        await new Promise((resolve) => killed.socket.once("data", resolve));
        process.kill(pid, "SIGKILL");
        assert.ok((await readToEnd(killed)) < LARGE_BYTES);
        assert.notEqual(Number(await textOf(server, "/pid")), pid);
      }
    });

    test("a reload and a stop let an answer under way end", async () => {
      await using server = await start(transport);
      using client = await beginReading(server, `/pieces?size=${HUGE_BYTES}&piece=4096`);
      server.signal("SIGHUP");
      await server.untilLogged(/the new generation serves/);
      server.signal("SIGTERM");
      await wait(100);
      client.socket.resume();
      assert.ok((await client.readResponse()).content.equals(contentOf(HUGE_BYTES)));
      assert.deepEqual(await server.ended, { status: 0, signal: null });
    });

    test("a gateway that is killed takes the worker, and with it the connection", async () => {
      await using server = await start(transport);
      using client = await RawClient.connect(server.port);
      client.write(get(`/pieces?size=${LARGE_BYTES}&hang=2000000`));
      await new Promise((resolve) => client.socket.once("data", resolve));
      server.signal("SIGKILL");
      assert.ok((await readToEnd(client)) < LARGE_BYTES);
    });

    for (const args of [
      ["--worker-class", "thread", "--threads", "3"],
      ["--worker-class", "request"],
    ]) {
      test(`with ${args.join(" ")}`, async () => {
        await using server = await start(transport, args);
        await Promise.all(
          [1, 2, 3, 4].map(async () => {
            using client = await RawClient.connect(server.port);
            for (const way of ["/pieces?", "/stream?piece=999&"]) {
              const { content } = await client.exchange(get(`${way}size=${LARGE_BYTES}`));
              assert.ok(content.equals(LARGE));
            }
          }),
        );
      });
    }
  });
}
