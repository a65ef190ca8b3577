/** Parent and child: who runs, who dies, who is answered, and that nothing stays behind. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { APPLICATIONS, get, post, startExercise, TRANSPORTS } from "./exercise.ts";
import { childrenOf, statusOf } from "./process-tree.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { startPortico } from "./server-process.ts";

/** What is not answered when everything has to end is named. */
const CUT_OFF = / a request was cut off request="?GET \/slow/;

interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly descriptors: Readonly<Record<string, string>>;
}

for (const transport of TRANSPORTS) {
  describe(`processes, by ${transport}`, { concurrency: 2 }, () => {
    test("who is whose child", async () => {
      await using exercise = await startExercise(transport, ["--workers", "2"]);
      const facts = JSON.parse(
        (await rawRequest(exercise.port, get("/process"))).text,
      ) as ProcessFacts;
      assert.equal(statusOf(facts.ppid)?.parent, exercise.server.pid);
      assert.equal(childrenOf(facts.ppid).length, 2);
    });

    test("a worker holds no descriptor that is not its own", async () => {
      await using exercise = await startExercise(transport, ["--workers", "3"]);
      using idle = await RawClient.connect(exercise.port);
      assert.equal((await idle.exchange(get("/hello"))).status, 200);
      const facts = JSON.parse(
        (await rawRequest(exercise.port, get("/process"))).text,
      ) as ProcessFacts;
      const links = Object.entries(facts.descriptors)
        .filter(([descriptor]) => Number(descriptor) > 2)
        .map(([, link]) => link);
      const sockets = links.filter((link) => link.startsWith("socket:"));
      // The channel; by epoll also the socket over which files come.
      assert.equal(sockets.length, transport === "epoll" ? 2 : 1, links.join(" "));
      assert.equal(links.filter((link) => link.includes("eventpoll")).length, 0);
    });

    test("a worker that dies is replaced, and its request is answered 502", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1"]);
      const response = await rawRequest(exercise.port, post("/die", "x"));
      assert.equal(response.status, 502);
      assert.ok(response.content.length > 0);
      assert.deepEqual(exercise.notes(), ["die POST"]);
      assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
      const zygote = childrenOf(exercise.server.pid)[0] ?? 0;
      await exercise.server.until("no zombie", () =>
        childrenOf(zygote).every((pid) => statusOf(pid)?.state !== "Z"),
      );
    });

    test("a GET is run once more, a POST never", async () => {
      await using exercise = await startExercise(transport, ["--workers", "2"]);
      const response = await rawRequest(exercise.port, get("/once"));
      assert.equal(response.text, "the second time");
      assert.equal((await rawRequest(exercise.port, get("/die"))).status, 502);
      assert.equal((await rawRequest(exercise.port, post("/die", ""))).status, 502);
      assert.deepEqual(exercise.notes(), ["once", "once", "die GET", "die GET", "die POST"]);
    });

    test("workers that keep dying do not stop the others from answering", async () => {
      await using exercise = await startExercise(transport, ["--workers", "2"]);
      for (let count = 0; count < 4; count++) {
        assert.equal((await rawRequest(exercise.port, post("/die", ""))).status, 502);
        assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
      }
      await exercise.server.until("two workers", () => {
        const zygote = childrenOf(exercise.server.pid)[0] ?? 0;
        return childrenOf(zygote).length === 2;
      });
    });

    test("a zygote that is killed is replaced with all its workers", async () => {
      await using exercise = await startExercise(transport, ["--workers", "2"]);
      const before = childrenOf(exercise.server.pid);
      process.kill(before[0] ?? 0, "SIGKILL");
      const response = await rawRequest(exercise.port, get("/hello"));
      assert.equal(response.status, 200);
      await exercise.server.until("another zygote", () => {
        const [zygote] = childrenOf(exercise.server.pid);
        return zygote !== undefined && zygote !== before[0] && childrenOf(zygote).length === 2;
      });
      assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
    });

    test("what takes too long: 504, its worker is replaced, its stack logged", async () => {
      await using exercise = await startExercise(transport, [
        "--workers",
        "1",
        "--timeout",
        "500ms",
      ]);
      assert.equal((await rawRequest(exercise.port, get("/slow?s=20"))).status, 504);
      assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
      await exercise.server.untilLogged(/GET \/slow\?s=20/);
      await exercise.server.until("the stack", () =>
        /exercise\.py.*in slow/.test(exercise.server.stderr),
      );
    });

    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      test(`${signal} answers all that runs, is queued or waits to be accepted`, async () => {
        await using exercise = await startExercise(transport, ["--workers", "1"]);
        const clients = await Promise.all(
          Array.from({ length: 4 }, () => RawClient.connect(exercise.port)),
        );
        clients.forEach((client, index) => client.write(get(`/slow?s=0.3&c=${index}`)));
        const [first] = clients;
        assert.ok(first);
        // The first is running; whatever comes while the gateway stands still is not accepted yet.
        await pause(100);
        exercise.server.signal("SIGSTOP");
        const late = await RawClient.connect(exercise.port);
        late.write(get("/slow?s=0&late"));
        exercise.server.signal(signal);
        exercise.server.signal("SIGCONT");
        for (const client of [...clients, late]) {
          const response = await client.readResponse();
          assert.equal(response.status, 200);
          assert.equal(response.field("Connection"), "close");
          client.close();
        }
        assert.deepEqual(await exercise.server.ended, { status: 0, signal: null });
        await assert.rejects(RawClient.connect(exercise.port));
      });
    }

    test("what exceeds --graceful-timeout is ended", async () => {
      await using exercise = await startExercise(transport, [
        "--workers",
        "1",
        "--graceful-timeout",
        "300ms",
      ]);
      using client = await RawClient.connect(exercise.port);
      client.write(get("/slow?s=20"));
      await pause(100);
      exercise.server.signal("SIGTERM");
      const end = await exercise.server.ended;
      assert.deepEqual(end, { status: 0, signal: null });
      await exercise.server.untilLogged(/graceful-timeout/);
      await exercise.server.untilLogged(CUT_OFF);
    });

    test("a second SIGINT, or SIGQUIT, ends at once", async () => {
      for (const signals of [["SIGINT", "SIGINT"], ["SIGQUIT"]] as const) {
        await using exercise = await startExercise(transport, ["--workers", "1"]);
        using client = await RawClient.connect(exercise.port);
        client.write(get("/slow?s=20"));
        await pause(100);
        const begun = performance.now();
        for (const signal of signals) {
          exercise.server.signal(signal);
          await pause(50);
        }
        assert.deepEqual(await exercise.server.ended, { status: 0, signal: null });
        assert.ok(performance.now() - begun < 5_000);
        await exercise.server.untilLogged(CUT_OFF);
      }
    });

    test("after kill -9 of the gateway no process and no temporary file is left", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "portico-killed-"));
      try {
        const server = await startPortico(
          ["--transport", transport, "--chdir", APPLICATIONS, "--workers", "2", "exercise:app"],
          { env: { TMPDIR: folder } },
        );
        // One worker is busy, and one upload is half way into its file.
        using busy = await RawClient.connect(server.port);
        busy.write(get("/slow?s=20"));
        using upload = await RawClient.connect(server.port);
        const head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n";
        upload.write(head + "x".repeat(500_000));
        await pause(300);
        server.signal("SIGKILL");
        await server.ended;
        await server.stop();
        const deadline = performance.now() + 3_000;
        while (readdirSync(folder).length > 0 && performance.now() < deadline) await pause(20);
        assert.deepEqual(readdirSync(folder), []);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test("--quiet prints nothing", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "portico-quiet-"));
      const file = path.join(folder, "socket");
      const server = await startPortico(
        [
          "--transport",
          transport,
          "--chdir",
          APPLICATIONS,
          "--quiet",
          "--bind",
          `unix:${file}`,
          "exercise:app",
        ],
        { ready: null },
      );
      await server.until("the socket file", () => existsSync(file));
      await server.until("an answer", async () => {
        try {
          return (await rawRequest(file, get("/hello"))).status === 200;
        } catch {
          return false;
        }
      });
      assert.deepEqual(await server.stop(), { status: 0, signal: null });
      assert.equal(server.stdout + server.stderr, "");
      assert.equal(existsSync(file), false);
      rmSync(folder, { recursive: true });
    });
  });
}
