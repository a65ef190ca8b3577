/**
 * The four slow attacks, by a client of our own and by slowhttptest: others are served throughout,
 * whoever is slow is cut off within the bound that was set, and memory and descriptors return to
 * where they were.
 *
 * PORTICO_SLOW_CONNECTIONS and PORTICO_SLOW_ROUNDS make it a long run (scripts/check-long): more of
 * everything, and memory compared between rounds.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { requireProgram } from "../system-programs.ts";
import { runClient } from "./clients/client-program.ts";
import { type Exercise, get, startExercise, TRANSPORTS, type TransportName } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import type { ServerProcess } from "./server-process.ts";
import { SLOW_MODES, SlowClient, type SlowMode } from "./slow-client.ts";

const CONNECTIONS = Number(process.env["PORTICO_SLOW_CONNECTIONS"] ?? 150);
const ROUNDS = Number(process.env["PORTICO_SLOW_ROUNDS"] ?? 1);

const TIMEOUT_MS = 1_000;
/** Before this a transfer's rate is not judged (src/server/transfer-watch.ts). */
const RATE_GRACE_MS = 5_000;
/** Sweeps, opening the connections, and a machine that does other things too. */
const SLACK_MS = 6_000;
/** Longest time in which another client gets its answer while the attack goes on. */
const PROBE_BOUND_MS = 8_000;
const PROBE_INTERVAL_MS = 40;
/**
 * What the allocator of C keeps for the next time, once some dozens of slow readers have had their
 * megabytes. It does not grow from round to round.
 */
const MEMORY_SLACK_BYTES = 128 * 1_048_576;
const MEMORY_SLACK_BETWEEN_ROUNDS_BYTES = 64 * 1_048_576;
const RETURN_TIMEOUT_MS = 20_000;
/** What the probe itself may have open. */
const PROBE_DESCRIPTORS = 1;

/** How long slowhttptest reads slowly. */
const SLOW_READ_S = 4;

interface Case {
  readonly target: string;
  readonly connections: number;
  readonly intervalMs: number;
  /** Options of slowhttptest. */
  readonly program: readonly string[];
  /** When a connection is ended at the latest. */
  readonly heldMaxMs: number;
  /** What each connection is answered; null where that is not to be seen. */
  readonly status: number | null;
}

const CASES: Readonly<Record<SlowMode, Case>> = {
  headers: {
    target: "/hello",
    connections: CONNECTIONS,
    intervalMs: 100,
    program: ["-H", "-i", "1"],
    heldMaxMs: TIMEOUT_MS + SLACK_MS,
    status: 408,
  },
  // Never a pause that is too long, so what ends it is the rate.
  body: {
    target: "/echo",
    connections: CONNECTIONS,
    intervalMs: 200,
    program: ["-B", "-i", "1", "-x", "10"],
    heldMaxMs: RATE_GRACE_MS + SLACK_MS,
    status: 408,
  },
  // More than is kept in memory for one client: neither memory nor a worker may wait for it.
  read: {
    target: "/large?size=8000000",
    connections: Math.ceil(CONNECTIONS / 4),
    intervalMs: 200,
    program: ["-X", "-w", "64", "-y", "128", "-n", "1", "-z", "5"],
    heldMaxMs: RATE_GRACE_MS + SLACK_MS,
    status: null,
  },
  ranges: {
    target: "/large",
    connections: CONNECTIONS,
    intervalMs: 200,
    program: ["-R", "-a", "5", "-b", "1300"],
    heldMaxMs: TIMEOUT_MS + SLACK_MS,
    status: 200,
  },
};

const slowhttptest = requireProgram("slowhttptest");

/** Descriptors and resident bytes of the gateway, by proc(5). */
function usage({ pid }: ServerProcess): { descriptors: number; memoryBytes: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const kibibytes = Number(/^Rss:\s+(\d+) kB/m.exec(rollup)?.[1]);
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, memoryBytes: kibibytes * 1024 };
}

/** Asks again and again, each time on a new connection, until it is stopped. */
class Probe {
  answers = 0;
  worstMs = 0;
  readonly #port: number;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.#done = this.#run();
  }

  /** @throws {AssertionError} when any answer was not to be had */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const beganAtMs = performance.now();
      const { status } = await rawRequest(this.#port, get("/hello", "Connection: close\r\n"));
      assert.equal(status, 200);
      this.worstMs = Math.max(this.worstMs, performance.now() - beganAtMs);
      this.answers++;
      await pause(PROBE_INTERVAL_MS);
    }
  }
}

function start(transport: TransportName): Promise<Exercise> {
  const timeouts = ["header-timeout", "body-timeout", "write-timeout", "keep-alive"];
  const args = timeouts.flatMap((name) => [`--${name}`, `${TIMEOUT_MS}ms`]);
  return startExercise(transport, ["--workers", "2", ...args]);
}

/** Attacks, and looks at everything but the attackers themselves. */
async function endure(exercise: Exercise, attack: () => Promise<void>): Promise<number> {
  const { server } = exercise;
  for (let count = 0; count < 50; count++) await rawRequest(exercise.port, get("/hello"));
  const before = usage(server);
  const probe = new Probe(exercise.port);
  try {
    await attack();
    const isBack = (): boolean =>
      usage(server).descriptors <= before.descriptors + PROBE_DESCRIPTORS;
    await server.until("its descriptors back", isBack, RETURN_TIMEOUT_MS);
    // What is unreachable goes when the collector runs, and requests are what makes it run.
    const isGiven = (): boolean =>
      usage(server).memoryBytes < before.memoryBytes + MEMORY_SLACK_BYTES;
    await server.until("its memory back", isGiven, RETURN_TIMEOUT_MS);
  } finally {
    await probe.stop();
  }
  assert(probe.answers > 0);
  assert(probe.worstMs < PROBE_BOUND_MS, `another client waited for ${probe.worstMs} ms`);
  return usage(server).memoryBytes;
}

async function attackAlone(exercise: Exercise, mode: SlowMode): Promise<void> {
  const { target, connections, intervalMs, heldMaxMs, status } = CASES[mode];
  const before = usage(exercise.server).descriptors;
  const client = new SlowClient(mode, {
    port: exercise.port,
    target,
    intervalMs,
    connections,
  });
  try {
    // Who takes its answer in sips notices the end when it has drunk what the kernel holds for it.
    let peak = 0;
    const isOver = (): boolean => {
      if (mode !== "read") return client.over;
      const { descriptors } = usage(exercise.server);
      peak = Math.max(peak, descriptors);
      return peak >= before + connections && descriptors <= before + PROBE_DESCRIPTORS;
    };
    await exercise.server.until("the attack's end", isOver, heldMaxMs);
  } finally {
    client.stop();
  }
  if (status === null) return;
  const longest = Math.max(...client.outcomes.map(({ heldMs }) => heldMs));
  assert(longest < heldMaxMs, `one was held for ${longest} ms`);
  const statuses = new Set(client.outcomes.map((outcome) => outcome.status));
  assert.deepEqual([...statuses], [status]);
}

for (const transport of TRANSPORTS) {
  describe(`slow clients, by ${transport}`, { concurrency: 2 }, () => {
    for (const mode of SLOW_MODES) {
      test(`slow ${mode}: others are served, and it ends`, async () => {
        await using exercise = await start(transport);
        const memory: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          memory.push(await endure(exercise, () => attackAlone(exercise, mode)));
        }
        const [, second, ...later] = memory;
        for (const bytes of later) {
          assert(
            bytes - (second ?? 0) < MEMORY_SLACK_BETWEEN_ROUNDS_BYTES,
            `memory grows from round to round: ${memory.join(", ")}`,
          );
        }
      });
      if (slowhttptest !== null) {
        test(`slowhttptest ${CASES[mode].program[0]}: others are served, and it ends`, async () => {
          await using exercise = await start(transport);
          const { program, target, connections, heldMaxMs } = CASES[mode];
          // Who reads slowly does not notice that it was cut off, and goes on until its time.
          const seconds = String(mode === "read" ? SLOW_READ_S : Math.ceil(heldMaxMs / 1000));
          const load = ["-c", String(connections), "-r", String(connections), "-l", seconds];
          const url = `${exercise.server.origin}${target}`;
          await endure(exercise, async () => {
            const end = await runClient(slowhttptest, [...program, ...load, "-u", url]);
            if (mode !== "read") assert.match(end.text, /No open connections left/, end.text);
          });
        });
      }
    }
  });
}
