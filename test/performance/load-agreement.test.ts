/**
 * `portico load` beside wrk, on the same server, in turn. What a server can do at its best is the
 * same whoever asks, so the best of several rounds are compared.
 *
 * In `npm test` the server's pace is set by an application that sleeps, which a busy machine hardly
 * changes, and the tolerance is wide. `npm run check:long`, on a quiet machine, asks for 5 %, and
 * also where the server is at the limit of its CPU.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { parseReport } from "../../bench/wrk.ts";
import type { LoadReport } from "../../src/load/load-report.ts";
import { APPLICATIONS } from "../end-to-end/exercise.ts";
import { PORTICO, startPortico } from "../end-to-end/server-process.ts";
import { requireProgram } from "../system-programs.ts";

const run = promisify(execFile);

/** Set by scripts/check-long. */
const LONG_ROUNDS = Number(process.env["PORTICO_LOAD_ROUNDS"] ?? 0);
const IS_LONG = LONG_ROUNDS > 0;
const ROUNDS = IS_LONG ? LONG_ROUNDS : 2;
const SECONDS = IS_LONG ? 3 : 1;
const TOLERANCE = IS_LONG ? 0.05 : 0.3;
const CONNECTIONS = 16;
const SERVER = ["--chdir", APPLICATIONS, "--workers", "1", "--access-log", "off", "exercise:app"];

async function byWrk(url: string): Promise<number> {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, "--latency", url];
  const report = parseReport((await run("wrk", args)).stdout);
  assert.equal(report.errors, null);
  return report.requestsPerSecond;
}

async function byUs(url: string): Promise<number> {
  const args = ["load", url, `-c${CONNECTIONS}`, `-d${SECONDS}`, "--json"];
  const report = JSON.parse((await run(PORTICO, args)).stdout) as LoadReport<unknown>;
  assert.deepEqual(report.failures, {});
  return report.requestsPerSecond;
}

async function compare(url: string): Promise<void> {
  const best = { wrk: 0, ours: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    best.wrk = Math.max(best.wrk, await byWrk(url));
    best.ours = Math.max(best.ours, await byUs(url));
  }
  const ratio = best.ours / best.wrk;
  const figures = `ours ${best.ours}, wrk ${best.wrk} requests/s`;
  assert.ok(Math.abs(ratio - 1) <= TOLERANCE, `${figures}: ${ratio.toFixed(3)} times`);
}

if (requireProgram("wrk") !== null) {
  test("portico load and wrk agree about a server that sleeps", async () => {
    await using server = await startPortico(SERVER);
    await compare(`${server.origin}/slow?s=0.004`);
  });
}

if (IS_LONG && requireProgram("wrk") !== null) {
  test("portico load and wrk agree about a server at the limit of its CPU", async () => {
    await using server = await startPortico(["--livez", "/livez", ...SERVER]);
    await compare(`${server.origin}/livez`);
  });
}
