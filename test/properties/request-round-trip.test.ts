/** Requests that are written by the grammar come out as they were meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readReference } from "../fuzz/reference-parser.ts";
import { cutAt, LIMITS, replay } from "../http1/cut-and-replay.ts";
import { anyConnection, cutPlaces, writtenRequest } from "./request-arbitrary.ts";

const NUM_RUNS = { numRuns: Math.max(1_000, fc.readConfigureGlobal().numRuns ?? 0) };

function cutAtParts(bytes: Buffer, parts: readonly number[]): Buffer[] {
  const places = parts.map((part) => Math.floor(part * bytes.length)).toSorted((a, b) => a - b);
  return cutAt(bytes, places);
}

test("property: requests that are written and read are the same, in order, however cut", () => {
  const pipelined = fc.array(writtenRequest, { maxLength: 4 });
  fc.assert(
    fc.property(pipelined, cutPlaces, (written, cuts) => {
      const bytes = Buffer.concat(written.map((request) => request.bytes));
      const records = written.map(({ record }) => record);
      const last = records.findIndex(({ persistent }) => !persistent);
      const requests = last === -1 ? records : records.slice(0, last + 1);
      const expected = { requests, violation: null };
      assert.deepEqual(replay(cutAtParts(bytes, cuts)), expected);
    }),
    NUM_RUNS,
  );
});

test("property: the receiver and the reference read the same of any bytes", () => {
  fc.assert(
    fc.property(anyConnection, (bytes) => {
      const { requests, violation } = replay([bytes]);
      const reference = readReference(bytes, LIMITS);
      assert.deepEqual(requests, reference.requests);
      assert.equal(violation === null, reference.refusals === null);
      if (violation !== null) assert.ok(reference.refusals?.has(violation.status));
    }),
    NUM_RUNS,
  );
});
