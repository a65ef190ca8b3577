import assert from "node:assert/strict";
import { test } from "node:test";

import { parseWorkerRange, readinessTarget, workerLife } from "../../src/cli/worker-settings.ts";
import type { Options } from "../../src/options/registry.ts";
import { resolveOptions } from "../../src/options/resolve.ts";

function optionsOf(...argv: string[]): Options {
  return resolveOptions({ argv, env: {}, readFile: () => "" }).options;
}

test("a number is a range of one", () => {
  assert.deepEqual(parseWorkerRange("4"), { min: 4, max: 4 });
  assert.deepEqual(parseWorkerRange("2..8"), { min: 2, max: 8 });
});

for (const text of ["8..2", "0", "513", "2..513"]) {
  test(`${text} workers are refused with the range that is possible`, () => {
    assert.throws(() => parseWorkerRange(text), { exitStatus: 2, message: /1 to 512/ });
  });
}

test("threads choose the class where none is given", () => {
  assert.equal(workerLife(optionsOf()).workerClass, "process");
  const { workerClass, threads } = workerLife(optionsOf("--threads", "4"));
  assert.deepEqual([workerClass, threads], ["thread", 4]);
  assert.equal(workerLife(optionsOf("-k", "thread")).threads, 1);
});

test("threads beside a class that has none are a mistake", () => {
  const options = optionsOf("--worker-class", "request", "--threads", "4");
  assert.throws(() => workerLife(options), { exitStatus: 2, message: /--threads 4/ });
});

test("the jitter is a tenth where it is not given", () => {
  assert.equal(workerLife(optionsOf("--max-requests", "1000")).requestsJitter, 100);
  const given = optionsOf("--max-requests", "1000", "--max-requests-jitter", "0");
  assert.equal(workerLife(given).requestsJitter, 0);
  assert.equal(workerLife(optionsOf()).requestsMax, null);
});

test("a readiness path is asked of localhost, a URL of its host", () => {
  assert.equal(readinessTarget(null), null);
  assert.deepEqual(readinessTarget("/ready?deep=1"), {
    path: "/ready",
    query: "deep=1",
    host: "localhost",
    scheme: "http",
  });
  assert.deepEqual(readinessTarget("https://shop.example:8443/r%C3%A9ady"), {
    path: "/r\xc3\xa9ady",
    query: "",
    host: "shop.example:8443",
    scheme: "https",
  });
});
