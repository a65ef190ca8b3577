/**
 * A view that hangs among requests that were sent to its worker together, and a worker that does
 * not come to what it was sent: nobody pays for that but whose own call hangs.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { get, post, TRANSPORTS } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";

const CLIENTS = 24;
const QUICK_ROUNDS = 40;
const TIMEOUT_MS = 1_000;
/** SIGABRT, a second later SIGKILL, a fork, and a busy machine. */
const REPLACED_MS = 8_000;
const HUNG = 12;

/** One path for all of them: only behind another path are answers sent at once. */
function slow(seconds: number, client: number): string {
  return get(`/slow/x?s=${seconds}&client=${client}`);
}

function start(transport: string, workers: number): Promise<FaultSite> {
  const timeout = `${TIMEOUT_MS}ms`;
  const args = ["--transport", transport, "--workers", String(workers), "--timeout", timeout];
  return FaultSite.start({ args });
}

for (const transport of TRANSPORTS) {
  describe(`a hang in a batch, by ${transport}`, () => {
    for (const workers of [1, 2]) {
      test(`of ${workers}: 504 for the call that hangs, and for no other`, async () => {
        await using site = await start(transport, workers);
        const connecting = Array.from({ length: CLIENTS }, () => RawClient.connect(site.port));
        const clients = await Promise.all(connecting);
        const all = (seconds: (client: number) => number): Promise<number[]> =>
          Promise.all(
            clients.map(async (client, number) => {
              return (await client.exchange(slow(seconds(number), number))).status;
            }),
          );
        // So many that batches are formed.
        for (let round = 0; round < QUICK_ROUNDS; round++) await all(() => 0);
        const before = site.workers();
        const beganAtMs = performance.now();
        const statuses = await all((client) => (client === HUNG ? 600 : 0));
        const tookMs = performance.now() - beganAtMs;
        const expected = clients.map((_, client) => (client === HUNG ? 504 : 200));
        assert.deepEqual(statuses, expected, site.log);
        assert.ok(tookMs >= TIMEOUT_MS - 50 && tookMs < REPLACED_MS, `${tookMs} ms`);
        // Not the line that tells of its end, which says the same.
        const named = site.logged(/the application did not answer in time/);
        assert.equal(named.length, 1, `one worker is given up\n${site.log}`);
        assert.match(named[0] ?? "", new RegExp(`s=600&client=${HUNG}`));
        await site.server.until(
          "another worker in its place",
          () => {
            const now = site.workers();
            const kept = now.filter((pid) => before.includes(pid));
            return now.length === workers && kept.length === workers - 1;
          },
          REPLACED_MS,
        );
        for (const client of clients) client.close();
      });
    }

    test("what a stopped worker has not begun is run by another, a POST once", async () => {
      await using site = await start(transport, 1);
      assert.equal((await rawRequest(site.port, get("/get/x"))).status, 200);
      const [worker = 0] = site.workers();
      process.kill(worker, "SIGSTOP");
      const answers = await Promise.all([
        rawRequest(site.port, post("/post", "posted")),
        rawRequest(site.port, get("/get/y")),
      ]);
      assert.deepEqual(
        answers.map(({ status, text }) => [status, text]),
        [
          [200, "posted\n"],
          [200, "y\n"],
        ],
        site.log,
      );
      assert.deepEqual(
        site.notes().filter((note) => note === "posted"),
        ["posted"],
      );
    });
  });
}
