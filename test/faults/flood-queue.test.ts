/**
 * More requests than workers: one queue, so that nobody waits behind a busy worker while another is
 * idle, and an honest 503 where the wait would be too long.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { get, post, TRANSPORTS } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest, type RawResponse } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";

const SLOW_S = 1;
/** Far less than a slow request, and enough on a machine with much else to do. */
const QUICK_BOUND_MS = 500;
const ROUNDS = 5;

interface Timed {
  readonly answer: RawResponse;
  readonly tookMs: number;
}

async function timed(request: () => Promise<RawResponse>): Promise<Timed> {
  const beganAtMs = performance.now();
  const answer = await request();
  return { answer, tookMs: performance.now() - beganAtMs };
}

function start(transport: string, ...args: string[]): Promise<FaultSite> {
  return FaultSite.start({ args: ["--transport", transport, ...args] });
}

/** Has the gateway learn that requests are answered at once, which lets it send several ahead. */
async function beQuick(site: FaultSite): Promise<void> {
  using client = await RawClient.connect(site.port);
  for (let count = 0; count < 300; count++) await client.exchange(get("/get/x"));
}

function assertRefused({ answer }: Timed): void {
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.field("retry-after")) >= 1, "it says when to come again");
  assert.match(answer.field("x-request-id") ?? "", /^[\da-f-]{36}$/);
}

for (const transport of TRANSPORTS) {
  describe(`one queue, by ${transport}`, () => {
    test("while one worker is busy, the other serves everybody", async () => {
      await using site = await start(transport, "--workers", "2");
      await beQuick(site);
      for (let round = 0; round < ROUNDS; round++) {
        const slow = timed(() => rawRequest(site.port, get(`/slow/x?s=${SLOW_S}`)));
        while (!(await isSettled(slow))) {
          const { answer, tookMs } = await timed(() => rawRequest(site.port, get("/get/x")));
          assert.equal(answer.status, 200);
          assert.ok(tookMs < QUICK_BOUND_MS, `a quick request took ${tookMs} ms`);
        }
        assert.equal((await slow).answer.status, 200);
      }
    });

    test("two slow requests at once have a worker each", async () => {
      await using site = await start(transport, "--workers", "2");
      await beQuick(site);
      for (let round = 0; round < ROUNDS; round++) {
        const both = ["/slow/a?s=0.6", "/slow/b?s=0.6"].map((target) =>
          timed(() => rawRequest(site.port, get(target))),
        );
        for (const { tookMs } of await Promise.all(both)) {
          assert.ok(tookMs < 1_100, `one waited behind the other: ${tookMs} ms`);
        }
      }
    });

    test("quick requests that come together with a slow one do not wait behind it", async () => {
      await using site = await start(transport, "--workers", "2");
      await beQuick(site);
      const clients = await Promise.all(
        Array.from({ length: 12 }, () => RawClient.connect(site.port)),
      );
      for (let round = 0; round < ROUNDS; round++) {
        const took = await Promise.all(
          clients.map((client, index) => {
            const target = index === round ? `/slow/x?s=${SLOW_S}` : "/get/x";
            return timed(() => client.exchange(get(target)));
          }),
        );
        const slowest = took.map(({ tookMs }) => tookMs).toSorted((a, b) => b - a);
        assert.ok((slowest[1] ?? 0) < QUICK_BOUND_MS, `round ${round}: ${slowest.join(", ")}`);
      }
      for (const client of clients) client.close();
    });

    test("beyond --queue-max a request is 503 at once", async () => {
      await using site = await start(transport, "--workers", "1", "--queue-max", "3");
      const all = await Promise.all(
        Array.from({ length: 9 }, () => timed(() => rawRequest(site.port, get("/slow/x?s=0.4")))),
      );
      const refused = all.filter(({ answer }) => answer.status !== 200);
      assert.equal(refused.length, 9 - 1 - 3);
      for (const one of refused) {
        assertRefused(one);
        assert.ok(one.tookMs < 400, `it took ${one.tookMs} ms`);
      }
    });

    test("who has waited for --queue-timeout is 503", async () => {
      await using site = await start(transport, "--workers", "1", "--queue-timeout", "300ms");
      const slow = rawRequest(site.port, get("/slow/x?s=1.5"));
      await pause(100);
      const waited = await timed(() => rawRequest(site.port, get("/get/x")));
      assertRefused(waited);
      assert.ok(waited.tookMs >= 300 && waited.tookMs < 1_200, `it took ${waited.tookMs} ms`);
      assert.equal((await slow).status, 200);
      assert.equal((await rawRequest(site.port, get("/get/x"))).status, 200);
    });

    test("a wait that would be too long is 503 early", async () => {
      await using site = await start(transport, "--workers", "1", "--queue-timeout", "1s");
      const slow = (): Promise<RawResponse> => rawRequest(site.port, get("/slow/x?s=0.1"));
      // What can be known of the wait is known from those before.
      for (let count = 0; count < 20; count++) await slow();
      const all = await Promise.all(Array.from({ length: 40 }, () => timed(slow)));
      const refused = all.filter(({ answer }) => answer.status !== 200);
      assert.ok(refused.length > 10, `${refused.length} of 40 were refused`);
      for (const one of refused) assertRefused(one);
      const early = refused.filter(({ tookMs }) => tookMs < 700);
      assert.ok(early.length > 10, `${early.length} of ${refused.length} were told early`);
    });

    test("a POST whose client has gone away while it was queued is not run", async () => {
      await using site = await start(transport, "--workers", "1");
      const first = rawRequest(site.port, post("/post?until=go", "first"));
      await site.server.until("the first", () => site.notes().includes("first"));
      const gone = await Promise.all(
        Array.from({ length: 10 }, () => RawClient.connect(site.port)),
      );
      for (const client of gone) client.write(post("/post", "gone"));
      const untilWaiting = (count: number): Promise<void> =>
        site.server.until(
          `${count} that wait`,
          async () => (await site.status()).queue.waiting === count,
        );
      await untilWaiting(gone.length);
      for (const client of gone) client.socket.resetAndDestroy();
      await untilWaiting(0);
      site.tell("go");
      assert.equal((await first).status, 200);
      assert.equal((await rawRequest(site.port, post("/post", "here"))).status, 200);
      assert.deepEqual(site.notes(), ["first", "here"]);
    });
  });
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise<void>((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}
