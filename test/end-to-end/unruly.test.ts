/** Applications and surroundings that misbehave: forked children, signals, readers that stop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { APPLICATIONS, get, TRANSPORTS } from "./exercise.ts";
import { childrenOf } from "./process-tree.ts";
import { rawRequest } from "./raw-client.ts";
import { type ServerProcess, type StartOptions, startPortico } from "./server-process.ts";

/** So many log lines fill the pipe and what the test's own end of it takes in unread. */
const LINES = 3_000;

for (const transport of TRANSPORTS) {
  describe(`what is unruly, by ${transport}`, () => {
    const start = (options: StartOptions = {}): Promise<ServerProcess> =>
      startPortico(
        ["--transport", transport, "--chdir", APPLICATIONS, "--workers", "1", "unruly:app"],
        options,
      );

    for (const path of ["/child-returns", "/child-exits", "/child-raises"]) {
      test(`a forked child does not answer for its parent: ${path}`, async () => {
        await using server = await start();
        for (let count = 0; count < 2; count++) {
          const response = await rawRequest(server.port, get(path));
          assert.equal(response.text, "parent", server.output);
        }
        assert.doesNotMatch(server.stderr, /a worker ended/);
      });
    }

    test("a worker's end is noticed where the application has blocked SIGCHLD", async () => {
      await using server = await start({ env: { IMPORT: "block-signals" } });
      const [zygote = 0] = childrenOf(server.pid);
      const [worker = 0] = childrenOf(zygote);
      process.kill(worker, "SIGKILL");
      await server.until("a new worker", () => {
        const workers = childrenOf(zygote);
        return workers.length === 1 && !workers.includes(worker);
      });
      assert.equal((await rawRequest(server.port, get("/"))).text, "parent");
    });

    test("what an import has started goes with it", async () => {
      // Its end asserts that no process is left.
      await using server = await start({ env: { IMPORT: "start-and-hang" }, ready: null });
      await server.until("a hanging import", () => server.stdout.includes("hanging"));
    });

    test("a standard error that nobody reads holds up neither requests nor the stop", async () => {
      await using server = await start();
      server.child.stderr?.pause();
      // Clients cannot make it write so much; an answer says that the signal was taken.
      for (let count = 0; count < LINES; count++) {
        server.signal("SIGUSR1");
        assert.equal((await rawRequest(server.port, get("/"))).text, "parent");
      }
      server.child.stderr?.resume();
      server.signal("SIGUSR1");
      await server.until("the gap named", () => server.stderr.includes("lines missing here"));
    });
  });
}
