/**
 * Starts that hang: in the import, or in what the application registered for a fork. They end in
 * time, and leave nothing behind even where the gateway is killed meanwhile.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { APPLICATIONS, get, TRANSPORTS } from "./exercise.ts";
import { childrenOf } from "./process-tree.ts";
import { rawRequest } from "./raw-client.ts";
import { runPortico, startPortico } from "./server-process.ts";

/** Until it hangs it has to start, on a busy machine too. */
const START_TIMEOUT_S = 3;
/** A start of the gateway and of Python on a busy machine; far below any other bound of a start. */
const SLACK_MS = 20_000;

for (const transport of TRANSPORTS) {
  describe(`starts that hang, by ${transport}`, { concurrency: 4 }, () => {
    const application = ["--transport", transport, "--chdir", APPLICATIONS, "unruly:app"];

    for (const [hook, message] of [
      ["hang-in-fork", /its workers do not start: they were not ready within 3 s/],
      ["start-and-hang", /unruly:app was not imported within 3 s/],
    ] as const) {
      test(`--start-timeout ends one, with one line: ${hook}`, async () => {
        const beganAtMs = performance.now();
        const args = ["--start-timeout", String(START_TIMEOUT_S), ...application];
        const { status, stderr } = await runPortico(args, { env: { IMPORT: hook } });
        const tookMs = performance.now() - beganAtMs;
        assert.equal(status, 3, stderr);
        assert.match(stderr, message);
        assert.match(stderr, /^portico: [^\n]*--start-timeout\n$/);
        const timeoutMs = START_TIMEOUT_S * 1_000;
        assert.ok(tookMs >= timeoutMs && tookMs < timeoutMs + SLACK_MS, `${tookMs}`);
      });

      test(`a gateway that is killed meanwhile leaves nothing behind: ${hook}`, async () => {
        const folder = mkdtempSync(path.join(os.tmpdir(), "portico-hung-"));
        const file = path.join(folder, "socket");
        try {
          const server = await startPortico(["--bind", `unix:${file}`, ...application], {
            env: { IMPORT: hook, TMPDIR: folder },
            ready: null,
          });
          await server.until("what hangs", () => server.stdout.includes("hanging"));
          assert.ok(existsSync(file));
          assert.ok(server.processes().length >= 3, "gateway, zygote, guardian, and more");
          server.signal("SIGKILL");
          // It asserts that no process is left.
          await server.stop();
          assert.deepEqual(readdirSync(folder), []);
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }

    test("a zygote that cannot fork a worker any more is replaced", async () => {
      await using server = await startPortico(
        // It has to start before it can hang, on a busy machine too.
        ["--workers", "1", "--start-timeout", "5", ...application],
        { env: { IMPORT: "hang-in-second-fork" } },
      );
      const [zygote = 0] = childrenOf(server.pid);
      const [worker = 0] = childrenOf(zygote);
      process.kill(worker, "SIGKILL");
      await server.until("what hangs", () => server.stdout.includes("hanging"));
      assert.equal((await rawRequest(server.port, get("/"))).text, "parent");
      await server.untilLogged(/the zygote does not answer/);
      await server.until("the zygote's end", () => !server.processes().includes(zygote));
    });

    test("the guardian of a zygote that is killed alone goes, and leaves the socket", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "portico-hung-"));
      const file = path.join(folder, "socket");
      try {
        await using server = await startPortico(
          ["--bind", `unix:${file}`, "--workers", "1", ...application],
          { ready: null },
        );
        const answers = async (): Promise<boolean> => {
          try {
            return (await rawRequest(file, get("/"))).text === "parent";
          } catch {
            return false;
          }
        };
        await server.until("an answer", answers);
        const before = server.processes().filter((pid) => pid !== server.pid);
        assert.equal(before.length, 3, "zygote, guardian, worker");
        process.kill(childrenOf(server.pid)[0] ?? 0, "SIGKILL");
        await server.until("others in their place", () => {
          const now = server.processes();
          return now.length === 4 && !before.some((pid) => now.includes(pid));
        });
        assert.ok(await answers());
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
}
