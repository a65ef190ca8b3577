/** The reference agrees with every vector; only so is it worth to be compared with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../http1/cut-and-replay.ts";
import { acceptVectors, rejectVectors } from "../http1/vectors.ts";
import { readReference } from "./reference-parser.ts";

test("the reference reads what the vectors accept, to the letter", () => {
  for (const { name, bytes, limits, requests } of acceptVectors()) {
    const reading = readReference(bytes, { ...LIMITS, ...limits });
    assert.deepEqual([reading.requests, reading.refusals], [requests, null], name);
  }
});

test("the reference refuses what the vectors reject, where and as they say", () => {
  for (const { name, bytes, limits, status, requestsBefore = 0 } of rejectVectors()) {
    const { requests, refusals } = readReference(bytes, { ...LIMITS, ...limits });
    assert.equal(requests.length, requestsBefore, name);
    assert.ok(refusals?.has(status), `${name}: ${[...(refusals ?? [])].join()} for ${status}`);
  }
});
