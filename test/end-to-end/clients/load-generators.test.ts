/**
 * ab and wrk, for a second each: not for figures, but because each fails what another client would
 * forgive. ab speaks HTTP/1.0 and checks the length of each answer; wrk pipelines by a script.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { parseReport } from "../../../bench/wrk.ts";
import { requireProgram } from "../../system-programs.ts";
import { type Exercise, startExercise, TRANSPORTS } from "../exercise.ts";
import { runClient } from "./client-program.ts";

const REQUESTS = 1_000;
const PIPELINED = 32;

/** Sends requests of three kinds in one write, and counts each answer. */
const PIPELINE = `
local batch
function init()
  local requests = {}
  for index = 1, ${PIPELINED} do
    local kind = index % 3
    if kind == 0 then
      requests[index] = wrk.format("GET", "/hello")
    elseif kind == 1 then
      requests[index] = wrk.format("GET", "/stream?n=2&s=0")
    else
      requests[index] = wrk.format("POST", "/echo", {}, string.rep("x", index))
    end
  end
  batch = table.concat(requests)
end
function request() return batch end
`;

const ab = requireProgram("ab");
const wrk = requireProgram("wrk");

for (const transport of TRANSPORTS) {
  describe(`load generators, by ${transport}`, () => {
    let exercise: Exercise;
    let folder: string;
    before(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), "portico-load-"));
      exercise = await startExercise(transport, ["--workers", "2"]);
    });
    after(async () => {
      await exercise[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    });

    const url = (target: string): string => `${exercise.server.origin}${target}`;

    if (ab !== null) {
      const form = (): string => {
        const named = path.join(folder, "form");
        writeFileSync(named, "name=value&".repeat(1000));
        return named;
      };
      const cases: [name: string, args: () => string[], target: string, kept: boolean][] = [
        ["one connection a request", () => [], "/hello", false],
        ["-k", () => ["-k"], "/hello", true],
        ["-k with answers whose length is not known", () => ["-k"], "/stream?n=1&s=0", false],
        ["-p", () => ["-p", form(), "-T", "text/plain"], "/echo", false],
        ["-k -p", () => ["-k", "-p", form(), "-T", "text/plain"], "/echo", true],
        ["-k -i (HEAD)", () => ["-k", "-i"], "/hello", true],
      ];
      for (const [name, args, target, kept] of cases) {
        test(`ab, ${name}: no failed request`, async () => {
          const bounds = ["-q", "-n", String(REQUESTS), "-c", "16"];
          const end = await runClient(ab, [...bounds, ...args(), url(target)]);
          assert.equal(end.status, 0, end.stderr + end.text);
          const count = (label: string): number =>
            Number(new RegExp(`^${label}: +(\\d+)`, "m").exec(end.text)?.[1] ?? 0);
          assert.equal(count("Complete requests"), REQUESTS);
          assert.equal(count("Failed requests"), 0, end.text);
          assert.equal(count("Non-2xx responses"), 0, end.text);
          assert.equal(count("Keep-Alive requests"), kept ? REQUESTS : 0, end.text);
        });
      }
    }

    if (wrk !== null) {
      const load = async (...args: string[]): Promise<ReturnType<typeof parseReport>> => {
        const common = ["-t1", "-c16", "-d1s", "--latency"];
        return parseReport((await runClient(wrk, [...common, ...args])).text);
      };

      test("wrk: every answer is read and is 200", async () => {
        const report = await load(url("/hello"));
        assert.equal(report.errors, null);
        assert(report.requests > 0);
      });

      test("wrk -s: pipelined requests of several kinds are each answered", async () => {
        const script = path.join(folder, "pipeline.lua");
        writeFileSync(script, PIPELINE);
        const report = await load("-s", script, url("/"));
        assert.equal(report.errors, null);
        assert(report.requests > PIPELINED, `${report.requests} requests`);
      });
    }
  });
}
