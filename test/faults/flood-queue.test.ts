/**
 * More requests than workers: one queue, so that nobody waits behind a busy worker while another is
 * idle, and an honest 503 where the wait would be too long.
 *
 * A slow view ends when the test says so, and not by the clock: what is answered before did not
 * wait for it, however slow the machine is.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { get, post, TRANSPORTS } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest, type RawResponse } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";

const ROUNDS = 5;
/** Longer than a test waits for an answer: a view that is held is not stopped before. */
const HELD = ["--timeout", "60s"];

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
  return FaultSite.start({ args: ["--transport", transport, ...HELD, ...args] });
}

/** Has the gateway learn that requests are answered at once, which lets it send several ahead. */
async function beQuick(site: FaultSite): Promise<void> {
  using client = await RawClient.connect(site.port);
  for (let count = 0; count < 300; count++) await client.exchange(get("/get/x"));
}

/** A request whose view says when it has begun, and ends when the test tells it to. */
class HeldRequest {
  readonly name: string;
  readonly answer: Promise<RawResponse>;
  readonly #site: FaultSite;

  constructor(site: FaultSite, name: string) {
    this.#site = site;
    this.name = name;
    this.answer = rawRequest(site.port, get(`/slow/${name}?until=${name}`));
  }

  async begun(): Promise<this> {
    await this.#site.server.until(`the view of ${this.name}`, () =>
      this.#site.notes().includes(this.name),
    );
    return this;
  }

  async end(): Promise<void> {
    this.#site.tell(this.name);
    assert.equal((await this.answer).status, 200);
  }
}

function assertRefused(answer: RawResponse): void {
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
        const slow = await new HeldRequest(site, `round-${round}`).begun();
        for (let count = 0; count < 100; count++) {
          assert.equal((await rawRequest(site.port, get("/get/x"))).status, 200);
        }
        await slow.end();
      }
    });

    test("two slow requests at once have a worker each", async () => {
      await using site = await start(transport, "--workers", "2");
      await beQuick(site);
      for (let round = 0; round < ROUNDS; round++) {
        const both = ["a", "b"].map((name) => new HeldRequest(site, `${name}-${round}`));
        for (const slow of both) await slow.begun();
        for (const slow of both) await slow.end();
      }
    });

    test("quick requests that come together with a slow one do not wait behind it", async () => {
      await using site = await start(transport, "--workers", "2");
      await beQuick(site);
      const clients = await Promise.all(
        Array.from({ length: 12 }, () => RawClient.connect(site.port)),
      );
      for (let round = 0; round < ROUNDS; round++) {
        const name = `round-${round}`;
        const answers = clients.map((client, index) =>
          client.exchange(get(index === round ? `/slow/${name}?until=${name}` : "/get/x")),
        );
        const quick = answers.filter((_, index) => index !== round);
        for (const { status } of await Promise.all(quick)) assert.equal(status, 200);
        site.tell(name);
        assert.equal((await answers[round])?.status, 200);
      }
      for (const client of clients) client.close();
    });

    test("beyond --queue-max a request is 503 at once", async () => {
      await using site = await start(transport, "--workers", "1", "--queue-max", "3");
      const slow = await new HeldRequest(site, "slow").begun();
      const answered: RawResponse[] = [];
      const all = Array.from({ length: 8 }, async () => {
        answered.push(await rawRequest(site.port, get("/get/x")));
      });
      await site.server.until("five refusals", () => answered.length === 8 - 3);
      for (const answer of answered) assertRefused(answer);
      await slow.end();
      await Promise.all(all);
      assert.deepEqual(
        answered.slice(-3).map(({ status }) => status),
        [200, 200, 200],
      );
    });

    test("who has waited for --queue-timeout is 503", async () => {
      await using site = await start(transport, "--workers", "1", "--queue-timeout", "300ms");
      const slow = await new HeldRequest(site, "slow").begun();
      const { answer, tookMs } = await timed(() => rawRequest(site.port, get("/get/x")));
      assertRefused(answer);
      assert.ok(tookMs >= 300 && tookMs < 10_000, `it took ${tookMs} ms`);
      await slow.end();
      assert.equal((await rawRequest(site.port, get("/get/x"))).status, 200);
    });

    test("a wait that would be too long is 503 early", async () => {
      const timeoutS = 20;
      await using site = await start(
        transport,
        "--workers",
        "1",
        "--queue-timeout",
        `${timeoutS}s`,
      );
      // What can be known of the wait is known from those before.
      for (let count = 0; count < 20; count++) {
        await rawRequest(site.port, get("/slow/x?s=0.2"));
      }
      const slow = await new HeldRequest(site, "slow").begun();
      const early: RawResponse[] = [];
      const all = Array.from({ length: 180 }, async () => {
        const { answer, tookMs } = await timed(() => rawRequest(site.port, get("/get/x")));
        if (answer.status !== 200 && tookMs < timeoutS * 1000) early.push(answer);
      });
      await site.server.until("early refusals", () => early.length > 40);
      for (const answer of early) assertRefused(answer);
      await slow.end();
      await Promise.all(all);
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
