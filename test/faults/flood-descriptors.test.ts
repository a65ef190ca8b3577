/**
 * No descriptor is left for one more connection: accepting rests without spinning, who is connected
 * is served, workers are replaced, and it comes back.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { get, post } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";
import { Flood } from "./flood.ts";
import { assertReturns, heldResources, processorMs } from "./held-resources.ts";
import { assertServed, quickGet } from "./load-client.ts";

const DESCRIPTORS_MAX = 128;
/** More than there are descriptors, less than the kernel's queue holds. */
const CONNECTIONS = 400;
const OTHERS_BOUND_MS = 1_000;
const MEASURED_MS = 2_000;
/** Of one processor; a loop that spins takes all of it, the steady client about a tenth. */
const PROCESSOR_SHARE_MAX = 0.35;
const RESTS = /accepting rests for want of descriptors/;

const site = (transport: string): Promise<FaultSite> =>
  FaultSite.start({
    args: ["--transport", transport, "--workers", "2", "--header-timeout", "60s"],
    descriptorsMax: DESCRIPTORS_MAX,
  });

describe("no descriptor is left, by epoll", () => {
  test("who is connected is served, without spinning; then all are", async () => {
    await using server = await site("epoll");
    const others = server.load({ connections: 2, pauseMs: 20, kinds: [quickGet] });
    await others.more(20);
    const before = heldResources(server);
    {
      using flood = new Flood(server.port);
      await flood.open(CONNECTIONS);
      await server.server.until("accepting to rest", () => RESTS.test(server.log), 5_000);
      assert.ok(heldResources(server).descriptors < DESCRIPTORS_MAX, "some are kept");
      // Nobody has to wait for the first answers to a full queue any more.
      await pause(500);
      const processorBefore = processorMs(server);
      await pause(MEASURED_MS);
      const share = (processorMs(server) - processorBefore) / MEASURED_MS;
      assert.ok(share < PROCESSOR_SHARE_MAX, `${Math.round(share * 100)} % of a processor`);
      await others.more(20);
    }
    const answer = await rawRequest(server.port, get("/get/after"));
    assert.equal(answer.status, 200);
    await assertReturns(server, before);
    assert.equal(server.logged(RESTS).length, 1, "it is said once, not with each connection");
    assertServed(await others.stop(), {
      slowestMs: OTHERS_BOUND_MS,
      output: server.server.output,
    });
  });

  test("who waits in the kernel's queue meanwhile is served when there is room", async () => {
    await using server = await site("epoll");
    using late = new Flood(server.port);
    {
      using flood = new Flood(server.port);
      await flood.open(CONNECTIONS);
      await server.server.until("accepting to rest", () => RESTS.test(server.log), 5_000);
      await late.open(1);
    }
    using client = new RawClient(late.sockets[0] ?? assert.fail());
    assert.equal((await client.exchange(get("/get/late"))).status, 200);
  });
});

for (const transport of ["epoll", "node"]) {
  describe(`descriptors are kept for the work, by ${transport}`, () => {
    test("a worker that dies is replaced, and a content finds its file", async () => {
      await using server = await site(transport);
      using client = await RawClient.connect(server.port);
      assert.equal((await client.exchange(get("/get/1"))).status, 200);
      using flood = new Flood(server.port);
      await flood.open(CONNECTIONS);
      await server.server.until(
        "the limit",
        () => heldResources(server).descriptors >= DESCRIPTORS_MAX - 20,
      );
      const [victim = 0] = server.workers();
      process.kill(victim, "SIGKILL");
      await server.server.until(
        "another worker",
        () => server.workers().length === 2 && !server.workers().includes(victim),
      );
      const id = "x".repeat(200_000);
      const answer = await client.exchange(post("/post", id));
      assert.equal(answer.text, `${id}\n`);
    });
  });
}
