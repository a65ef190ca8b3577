/**
 * Sends requests at the times that `bench/arrivals.ts` gives, whether earlier ones were answered or
 * not, and prints as JSON how long the quick ones took. A process of its own, so that what the
 * benchmark does meanwhile delays nothing.
 *
 *     node bench/arrivals-client.ts '{"port": 8000, "seed": 1, ...}'
 *
 * A connection is kept where the server keeps it; one more is opened where none is free.
 */
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type Arrival, arrivals, percentile } from "./arrivals.ts";
import type { ArrivalsLoad } from "./work.ts";

/** More than the arrivals can ever need at once, unless the server answers nothing. */
const CONNECTIONS_MAX = 512;
const ANSWER_TIMEOUT_MS = 10_000;
/** One after the other, before the clock runs: what is done for the first time is slow. */
const WARM_UP_REQUESTS = 200;

export type ArrivalsOrder = Omit<ArrivalsLoad, "kind"> & {
  readonly port: number;
  readonly seed: number;
};

export interface ArrivalsReport {
  readonly requests: number;
  readonly failed: number;
  readonly quickP50Ms: number;
  readonly quickP99Ms: number;
}

/** @returns milliseconds from the request to the end of its answer; null where there was none */
async function ask(agent: http.Agent, port: number, path: string): Promise<number | null> {
  const begun = performance.now();
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const request = http.get({ agent, port, path, host: "127.0.0.1" }, (response) => {
    response.resume();
    response.on("end", () => {
      resolve(response.statusCode === 200 ? performance.now() - begun : null);
    });
    response.on("error", () => resolve(null));
  });
  request.setTimeout(ANSWER_TIMEOUT_MS, () => request.destroy(new Error("no answer in time")));
  request.on("error", () => resolve(null));
  return await promise;
}

async function run(order: ArrivalsOrder): Promise<ArrivalsReport> {
  const agent = new http.Agent({
    keepAlive: true,
    maxSockets: CONNECTIONS_MAX,
    scheduling: "fifo",
  });
  for (let count = 0; count < WARM_UP_REQUESTS; count++)
    await ask(agent, order.port, order.quickPath);
  const begun = performance.now();
  const send = async ({ atMs, isSlow }: Arrival): Promise<[Arrival, number | null]> => {
    await pause(atMs - (performance.now() - begun));
    const path = isSlow ? order.slowPath : order.quickPath;
    return [{ atMs, isSlow }, await ask(agent, order.port, path)];
  };
  const answers = await Promise.all(arrivals(order.seed, order).map(send));
  agent.destroy();
  const quick = answers.flatMap(([{ isSlow }, ms]) => (isSlow || ms === null ? [] : [ms]));
  return {
    requests: answers.length,
    failed: answers.filter(([, ms]) => ms === null).length,
    quickP50Ms: percentile(quick, 50),
    quickP99Ms: percentile(quick, 99),
  };
}

const order = JSON.parse(process.argv[2] ?? "") as ArrivalsOrder;
process.stdout.write(`${JSON.stringify(await run(order))}\n`);
