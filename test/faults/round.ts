/**
 * One round of faults by the dice: a site of some shape, a load, faults at some moments, some of
 * them at the same time, and then all that must hold whatever was done.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { get } from "../end-to-end/exercise.ts";
import { rawRequest } from "../end-to-end/raw-client.ts";
import { Dice } from "../fuzz/dice.ts";
import { FaultSite } from "./fault-site.ts";
import { LARGE_KINDS } from "./large-content.ts";
import {
  assertExactlyOnce,
  assertServed,
  KINDS_DEFAULT,
  post,
  quickGet,
  slowGet,
  streamedGet,
} from "./load-client.ts";
import {
  type Costs,
  killGateway,
  RANDOM_FAULTS,
  type RandomFault,
  type RoundFacts,
} from "./random-faults.ts";
import { shopCode } from "./shop-code.ts";

const TIMEOUT_MS = 2_000;
/** Nothing that is done to it makes anybody wait for longer: two hangs, a zygote, an import. */
const SLOWEST_MS = 14_000;
const SETTLED_MS = 25_000;
const WORKER_CLASSES = ["process", "process", "process", "thread", "request"] as const;
const THREADS = 3;

export interface RoundShape {
  readonly seed: number;
  readonly transport: string;
  readonly workerClass: string;
  readonly gateways: number;
  /** At least as many as there are gateways. */
  readonly workers: number;
  readonly connections: number;
  readonly pauseMs: number;
  /** Those of one list follow each other; the lists go on at the same time. */
  readonly faults: readonly (readonly RandomFault[])[];
}

/** What the round with this seed does. */
export function shapeOf(dice: Dice, seed: number, only: string | null): RoundShape {
  const named = RANDOM_FAULTS.filter(({ name }) => only === null || name.includes(only));
  assert.ok(named.length > 0, `no fault has ${only} in its name`);
  const transport = dice.pick(["epoll", "epoll", "node"]);
  const gateways = transport === "node" ? 1 : dice.pick([1, 1, 2, 3]);
  return {
    seed,
    transport,
    workerClass: dice.pick(WORKER_CLASSES),
    gateways,
    workers: dice.between(gateways, 4),
    connections: dice.between(2, 8),
    pauseMs: dice.pick([0, 2, 10, 30]),
    faults: dice.many(dice.pick([1, 1, 2]), () =>
      dice.many(dice.between(1, 3), () => dice.pick(named)),
    ),
  };
}

export function describeRound(shape: RoundShape): string {
  const { transport, workerClass, gateways, workers, connections, pauseMs, faults } = shape;
  const done = faults.map((list) => list.map(({ name }) => name).join(", then "));
  return (
    `${transport}, ${gateways} gateways, ${workers} workers of class ${workerClass}, ` +
    `${connections} connections ` +
    `${pauseMs} ms apart: ${done.join("; meanwhile ")}`
  );
}

/** @throws where something does not hold, with what the server wrote */
export async function runRound(shape: RoundShape, dice: Dice): Promise<string> {
  const { transport, workerClass, gateways, workers, connections, pauseMs } = shape;
  let version = 1;
  await using site = await FaultSite.start({
    args: [
      `--transport=${transport}`,
      ...(gateways === 1 ? [] : ["--gateways", String(gateways)]),
      `--workers=${workers}`,
      `--worker-class=${workerClass}`,
      ...(workerClass === "thread" ? ["--threads", String(THREADS)] : []),
      `--timeout=${TIMEOUT_MS}ms`,
      "--watch-window=1s",
      "--start-timeout=6s",
      "--keep-alive=60s",
    ],
    code: shopCode("1"),
  });
  const facts: RoundFacts = {
    site,
    dice,
    threads: workerClass === "thread" ? THREADS : 1,
    timeoutMs: TIMEOUT_MS,
    nextVersion: () => String(++version),
  };
  const descriptors = site.descriptors();
  const load = site.load({
    connections,
    pauseMs,
    kinds: dice.pick([
      [...KINDS_DEFAULT, streamedGet],
      [post],
      [quickGet, post],
      [slowGet, post, post],
      LARGE_KINDS,
    ]),
  });
  await load.more(5);
  const lists = await runAll(shape, facts);
  await settle(site, shape);
  await load.round();
  const report = await load.stop();
  await untilLeftAsItWas(site, shape, descriptors);
  assertServed(report, {
    statuses: sum(lists.flat()),
    slowestMs: SLOWEST_MS,
    // A streamed answer whose worker was killed in the middle is cut, and its connection with it.
    cutsMax: killsIn(shape) * facts.threads,
    lostMax: gatewayKillsIn(shape) * connections,
    requestsMin: connections,
    output: site.log,
  });
  if (report.exchanges.some(({ method }) => method === "POST")) {
    assertExactlyOnce(report, site.notes());
  }
  const end = await site.server.stop();
  assert.equal(end.status, 0, `${JSON.stringify(end)}\n${site.server.output}`);
  return report.summary;
}

/** @throws the first error of any list, once all have ended */
async function runAll({ faults }: RoundShape, facts: RoundFacts): Promise<Costs[][]> {
  const ended = await Promise.allSettled(faults.map((list) => runFaults(list, facts)));
  return ended.map((one) => {
    if (one.status === "fulfilled") return one.value;
    const { server } = facts.site;
    const text = one.reason instanceof Error ? one.reason.stack : String(one.reason);
    throw new Error(`${text}\nended: ${JSON.stringify(server.end)}\n${server.output}`);
  });
}

async function runFaults(list: readonly RandomFault[], facts: RoundFacts): Promise<Costs[]> {
  const costs: Costs[] = [];
  for (const fault of list) {
    await pause(facts.dice.between(0, 400));
    costs.push(await fault.run(facts));
  }
  return costs;
}

/** Nothing that was used for a while is kept: no zombie, and no descriptor. */
async function untilLeftAsItWas(
  site: FaultSite,
  { workers, workerClass }: RoundShape,
  descriptors: number,
): Promise<void> {
  await site.server.until("no zombie", () => site.zombies().length === 0, SETTLED_MS);
  if (workerClass === "request" || site.workers().length !== workers) return;
  await site.server.until(
    `no more descriptors than ${descriptors}`,
    () => site.descriptors() <= descriptors,
    SETTLED_MS,
  );
}

/**
 * One generation in each gateway, as many workers as are wanted, the last code, and every one of
 * them answers.
 */
async function settle(
  site: FaultSite,
  { gateways, workers, workerClass }: RoundShape,
): Promise<void> {
  const deadline = performance.now() + SETTLED_MS;
  for (;;) {
    const { generations, workers: range } = await site.status();
    const ready = generations.flatMap((generation) =>
      generation.workers.filter(({ state }) => state === "ready"),
    );
    const isAlone =
      generations.length === gateways && generations.every(({ state }) => state === "serving");
    // Gateway, zygote and guardian, who leads several, and nobody from before. Workers of class
    // `request` come and go.
    const others = 3 * gateways + (gateways === 1 ? 0 : 1);
    const isWhole =
      workerClass === "request" ||
      (ready.length === range.target && site.server.processes().length === others + ready.length);
    if (isAlone && isWhole) break;
    assert.ok(
      performance.now() < deadline,
      `not settled, of ${workers} workers: ${JSON.stringify(generations)} ` +
        `${site.server.processes().length} processes\n${site.log}`,
    );
    await pause(100);
  }
  for (let count = 0; count < 4; count++) {
    assert.equal((await rawRequest(site.port, get("/get/a"))).status, 200);
  }
}

/** Connections of a gateway that was killed are opened anew, and may meet the next one's end. */
function gatewayKillsIn({ gateways, faults }: RoundShape): number {
  return gateways === 1 ? 0 : faults.flat().filter((fault) => fault === killGateway).length;
}

function killsIn({ faults, workers }: RoundShape): number {
  const kills = faults.flat().filter(({ name }) => /kill|fails|hangs/.test(name)).length;
  return kills * (workers + 5);
}

function sum(costs: readonly Costs[]): Record<number, number> {
  const total: Record<number, number> = {};
  for (const cost of costs) {
    for (const [status, count] of Object.entries(cost)) {
      total[Number(status)] = (total[Number(status)] ?? 0) + count;
    }
  }
  return total;
}
