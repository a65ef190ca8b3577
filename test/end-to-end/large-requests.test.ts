/**
 * Large contents of requests, which a worker takes off the client's socket by itself where they
 * come fast. Over `node:net`, of slow clients, and with methods that may be run again, they go to a
 * file first: the application must not see any difference.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import {
  get,
  post,
  put,
  startApplication,
  textOf,
  TRANSPORTS,
  type TransportName,
} from "./exercise.ts";
import { RawClient } from "./raw-client.ts";
import type { ServerProcess } from "./server-process.ts";

const LARGE = randomBytes(3_000_000);
/** More than a worker takes. */
const HUGE = randomBytes(17_000_000);
/** Whether a content is lent is a matter of speed, so of chance; not in so many attempts. */
const ATTEMPTS_MAX = 200;

function start(
  transport: TransportName,
  args: readonly string[] = [],
  workers = 1,
): Promise<ServerProcess> {
  return startApplication("uploads:app", transport, args, workers);
}

function expected(content: Buffer): string {
  return `${content.length} ${createHash("sha256").update(content).digest("hex")}`;
}

/** Uploads until one has come in that way; each must be what was sent. */
async function uploadBy(way: "memory" | "file", client: RawClient): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { text } = await client.exchange(post("/", LARGE));
    const [first, ...rest] = text.split(" ");
    assert.equal(rest.join(" "), expected(LARGE));
    if (first === way) return;
  }
  assert.fail(`none of ${ATTEMPTS_MAX} uploads came by way of ${way}`);
}

for (const transport of TRANSPORTS) {
  describe(`large contents of requests over ${transport}`, () => {
    test("they come by each way, and the worker keeps no descriptor", async () => {
      await using server = await start(transport);
      const before = await textOf(server, "/descriptors");
      using client = await RawClient.connect(server.port);
      await uploadBy(transport === "epoll" ? "memory" : "file", client);
      assert.equal((await client.exchange(put("/", LARGE))).text, `file ${expected(LARGE)}`);
      assert.equal((await client.exchange(post("/", HUGE))).text, `file ${expected(HUGE)}`);
      const lines = await client.exchange(post("/?lines", LARGE));
      assert.ok(lines.text.endsWith(expected(LARGE)));
      assert.equal(await textOf(server, "/descriptors"), before);
    });

    test("pipelined behind each other, of many clients", async () => {
      await using server = await start(transport, [], 2);
      await Promise.all(
        [1, 2, 3, 4, 5, 6].map(async (number) => {
          using client = await RawClient.connect(server.port);
          const contents = [LARGE.length - number, 10 * number, 66_000 + number, 500_000].map(
            (size) => LARGE.subarray(size % 1_000, size),
          );
          for (let round = 0; round < 5; round++) {
            client.write(Buffer.concat(contents.map((each) => post("/", each))));
            for (const content of contents) {
              assert.ok((await client.readResponse()).text.endsWith(expected(content)));
            }
          }
        }),
      );
    });

    test("a client that stops in the middle holds nobody up, and goes on later", async () => {
      await using server = await start(transport);
      using slow = await RawClient.connect(server.port);
      for (const firstBytes of [70_000, 700_000, 2_999_999]) {
        const bytes = post("/", LARGE);
        slow.write(bytes.subarray(0, firstBytes));
        const others = [1, 2, 3].map(() => textOf(server, "/pid"));
        for (const text of await Promise.all(others)) assert.match(text, /^\d+$/);
        await wait(30);
        slow.write(bytes.subarray(firstBytes));
        assert.ok((await slow.readResponse()).text.endsWith(expected(LARGE)));
      }
    });

    test("one whose worker is busy is read meanwhile, and does not lose its turn", async () => {
      await using server = await start(transport);
      using busy = await RawClient.connect(server.port);
      using client = await RawClient.connect(server.port);
      await uploadBy(transport === "epoll" ? "memory" : "file", client);
      busy.write(get("/sleep?1.2"));
      await wait(100);
      client.write(post("/", LARGE));
      assert.ok((await client.readResponse()).text.endsWith(expected(LARGE)));
      assert.equal((await busy.readResponse()).text, "slept");
    });

    test("clients that leave in the middle leave nothing behind", async () => {
      await using server = await start(transport);
      const before = await textOf(server, "/descriptors");
      const pid = await textOf(server, "/pid");
      for (const sentBytes of [70_000, 300_000, 1_000_000, 2_999_000]) {
        const leaving = await RawClient.connect(server.port);
        leaving.write(post("/", LARGE).subarray(0, sentBytes));
        await wait(5);
        leaving.close();
        using ending = await RawClient.connect(server.port);
        ending.write(post("/", LARGE).subarray(0, sentBytes));
        ending.endWriting();
        assert.equal((await ending.readResponse()).status, 400);
      }
      assert.equal(await textOf(server, "/descriptors"), before);
      assert.equal(await textOf(server, "/pid"), pid);
    });

    test("a worker that dies before it comes to one: another takes it", async () => {
      await using server = await start(transport);
      using client = await RawClient.connect(server.port);
      await uploadBy(transport === "epoll" ? "memory" : "file", client);
      for (let round = 0; round < 3; round++) {
        const pid = Number(await textOf(server, "/pid"));
        process.kill(pid, "SIGSTOP");
        client.write(post("/", LARGE));
        await wait(100);
        process.kill(pid, "SIGKILL");
        assert.ok((await client.readResponse()).text.endsWith(expected(LARGE)));
      }
    });

    for (const args of [
      ["--worker-class", "thread", "--threads", "3"],
      ["--worker-class", "request"],
      ["--max-requests", "3"],
    ]) {
      test(`with ${args.join(" ")}`, async () => {
        await using server = await start(transport, args);
        await Promise.all(
          [1, 2, 3, 4].map(async () => {
            using client = await RawClient.connect(server.port);
            for (const size of [LARGE.length, 70_000, 400_000]) {
              const content = LARGE.subarray(0, size);
              const { text } = await client.exchange(post("/", content));
              assert.ok(text.endsWith(expected(content)), text);
            }
          }),
        );
      });
    }

    test("a reload and a stop let those under way end", async () => {
      await using server = await start(transport);
      using client = await RawClient.connect(server.port);
      const bytes = post("/", LARGE);
      client.write(bytes.subarray(0, 1_000_000));
      server.signal("SIGHUP");
      await server.untilLogged(/the new generation serves/);
      server.signal("SIGTERM");
      await wait(100);
      client.write(bytes.subarray(1_000_000));
      assert.ok((await client.readResponse()).text.endsWith(expected(LARGE)));
      assert.deepEqual(await server.ended, { status: 0, signal: null });
    });
  });
}
