/** What the gateway says of its own health, and that it says so before it stops. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { APPLICATIONS, get, startExercise, TRANSPORTS } from "./exercise.ts";
import { childrenOf, statusOf } from "./process-tree.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { type ServerProcess, startPortico } from "./server-process.ts";

const PATHS = ["--livez", "/livez", "--readyz", "/readyz"];
const DELAY_MS = 2_500;

async function statusAt(port: number, path: string): Promise<number> {
  return (await rawRequest(port, get(path))).status;
}

function refuses(port: number): Promise<boolean> {
  return RawClient.connect(port).then(
    (client) => {
      client.close();
      return false;
    },
    () => true,
  );
}

function startDelayed(transport: string, delay: string): Promise<ServerProcess> {
  const args = ["--transport", transport, "--workers", "1", "--drain-delay", delay, ...PATHS];
  return startPortico([...args, "--chdir", APPLICATIONS, "exercise:app"]);
}

for (const transport of TRANSPORTS) {
  describe(`health, by ${transport}`, { concurrency: 2 }, () => {
    test("GET and HEAD are answered, whatever the query; nothing else is", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1", ...PATHS]);
      for (const path of ["/livez", "/readyz", "/readyz?verbose"]) {
        const { status, text, fields } = await rawRequest(exercise.port, get(path));
        assert.equal(status, 200);
        assert.equal(text, "ok\n");
        const values = new Map(fields);
        assert.equal(values.get("Cache-Control"), "no-store");
        assert.equal(values.get("Content-Type"), "text/plain; charset=utf-8");
        const head = await rawRequest(exercise.port, get(path).replace("GET", "HEAD"));
        assert.equal(head.status, 200);
      }
      const posted = await rawRequest(exercise.port, get("/livez").replace("GET", "POST"));
      assert.equal(posted.status, 405);
      assert.equal(posted.field("allow"), "GET, HEAD");
      for (const path of ["/livez/", "/livez%7A", "/LIVEZ"]) {
        const { text } = await rawRequest(exercise.port, get(path));
        assert.match(text, /"PATH_INFO"/, "the application's");
      }
    });

    test("no rule in front of the application holds for it", async () => {
      const rules = ["--allowed-host", "site.example", "--fetch-policy", "enforce"];
      await using exercise = await startExercise(transport, ["--workers", "1", ...PATHS, ...rules]);
      const fields =
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nX-Forwarded-For: 192.0.2.1\r\n" +
        "Forwarded: for=192.0.2.2\r\n";
      assert.equal((await rawRequest(exercise.port, get("/readyz", fields))).status, 200);
      assert.notEqual((await rawRequest(exercise.port, get("/hello", fields))).status, 200);
    });

    test("it is answered while all workers are busy and the queue is full", async () => {
      const args = ["--workers", "1", "--queue-max", "1", ...PATHS];
      await using exercise = await startExercise(transport, args);
      let answered = 0;
      const slow = [1, 2].map(async () => {
        await rawRequest(exercise.port, get("/slow?s=2"));
        answered++;
      });
      await exercise.server.until(
        "a full queue",
        async () => (await statusAt(exercise.port, "/hello")) === 503,
      );
      assert.equal(await statusAt(exercise.port, "/livez"), 200);
      assert.equal(await statusAt(exercise.port, "/readyz"), 200);
      assert.ok(answered < slow.length, "not when a worker had time");
      await Promise.all(slow);
    });

    test("it is answered to one connection too many, which is answered nothing else", async () => {
      const args = ["--workers", "1", "--connections-max", "2", ...PATHS];
      await using exercise = await startExercise(transport, args);
      const clients = await Promise.all([1, 2].map(() => RawClient.connect(exercise.port)));
      for (const client of clients) {
        assert.equal((await client.exchange(get("/hello"))).status, 200);
      }
      const live = await rawRequest(exercise.port, get("/livez"));
      assert.equal(live.status, 200);
      assert.equal(live.field("connection"), "close");
      const other = await rawRequest(exercise.port, get("/hello"));
      assert.equal(other.status, 503);
      assert.equal(other.field("connection"), "close");
      using silent = await RawClient.connect(exercise.port);
      assert.equal((await silent.readResponse()).status, 503);
      for (const client of clients) client.close();
    });

    test("it is not ready while no worker is", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1", ...PATHS]);
      const { server, port } = exercise;
      const [zygote = 0] = childrenOf(server.pid).filter((pid) => childrenOf(pid).length > 0);
      const [worker = 0] = childrenOf(zygote).filter((pid) => statusOf(pid)?.state !== "Z");
      process.kill(zygote, "SIGSTOP");
      process.kill(worker, "SIGKILL");
      await server.until("503", async () => (await statusAt(port, "/readyz")) === 503);
      assert.equal((await rawRequest(port, get("/readyz"))).text, "no worker is ready\n");
      assert.equal(await statusAt(port, "/livez"), 200);
      process.kill(zygote, "SIGCONT");
      await server.until("200", async () => (await statusAt(port, "/readyz")) === 200);
    });
  });

  describe(`--drain-delay, by ${transport}`, () => {
    test("readiness fails first, and everything else goes on; then it stops", async () => {
      await using server = await startDelayed(transport, `${DELAY_MS}ms`);
      using kept = await RawClient.connect(server.port);
      assert.equal((await kept.exchange(get("/hello"))).status, 200);
      const beganAtMs = performance.now();
      server.signal("SIGTERM");
      await server.until("503", async () => (await statusAt(server.port, "/readyz")) === 503);
      assert.ok(performance.now() - beganAtMs < DELAY_MS, "not when the delay ended");
      assert.equal((await rawRequest(server.port, get("/readyz"))).text, "stopping\n");
      server.signal("SIGTERM");
      assert.equal(await statusAt(server.port, "/livez"), 200);
      assert.equal(await statusAt(server.port, "/hello"), 200, "on a new connection");
      const still = await kept.exchange(get("/hello"));
      assert.equal(still.field("connection"), null, "nobody is asked to go yet");
      const slow = kept.exchange(get(`/slow?s=${(DELAY_MS + 300) / 1000}`));
      await server.until("no new connections", () => refuses(server.port));
      const refusedAfterMs = performance.now() - beganAtMs;
      assert.ok(refusedAfterMs >= DELAY_MS, `accepting stopped after ${refusedAfterMs} ms`);
      const last = await slow;
      assert.equal(last.status, 200, "what was accepted is answered");
      assert.equal(last.field("connection"), "close");
      assert.deepEqual(await server.ended, { status: 0, signal: null });
    });

    test("SIGINT ends the delay", async () => {
      await using server = await startDelayed(transport, "1h");
      server.signal("SIGTERM");
      assert.equal(await statusAt(server.port, "/hello"), 200);
      server.signal("SIGINT");
      assert.deepEqual(await server.ended, { status: 0, signal: null });
    });
  });
}
