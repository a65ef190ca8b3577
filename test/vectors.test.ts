/**
 * Replays each vector of `vectors/http1/` against the receiver: cut in every way of {@link CUTS},
 * alone and behind another request.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CUTS, LIMITS, replay } from "./http1/cut-and-replay.ts";
import { acceptVectors, rejectVectors, VECTORS_FOLDER } from "./http1/vectors.ts";
import { VIOLATIONS, type ViolationCode } from "../src/http1/violations.ts";

const RANDOM_CUTS = 8;

const accepted = acceptVectors();
const rejected = rejectVectors();

/** Calls back with each way of cutting and the pieces that it makes. */
function forEachCut(bytes: Buffer, replayed: (way: string, pieces: Buffer[]) => void): void {
  for (const [way, cut] of Object.entries(CUTS)) {
    const seeds = way === "at random" ? RANDOM_CUTS : 1;
    for (let seed = 0; seed < seeds; seed++) replayed(`${way}, seed ${seed}`, cut(bytes, seed));
  }
}

test("there are vectors, each a pair of files with a clause and a note", () => {
  assert.ok(accepted.length >= 100 && rejected.length >= 200);
  for (const vector of [...accepted, ...rejected]) {
    assert.match(vector.section, /^RFC \d+ section \d/, vector.name);
    assert.ok(vector.note.length > 0, vector.name);
  }
  for (const kind of ["accept", "reject"]) {
    const files = readdirSync(join(VECTORS_FOLDER, kind));
    const names = new Set(files.map((file) => file.replace(/\.(?:http|json)$/, "")));
    assert.equal(files.length, 2 * names.size);
  }
});

test("each violation is shown by a vector, with the status of the table", () => {
  const shown = new Set(rejected.map(({ code }) => code));
  assert.deepEqual(
    Object.keys(VIOLATIONS).filter((code) => !shown.has(code as ViolationCode)),
    [],
  );
  for (const { name, code, status } of rejected) assert.equal(VIOLATIONS[code][0], status, name);
});

for (const vector of accepted) {
  const limits = { ...LIMITS, ...vector.limits };

  test(`accept ${vector.name}: ${vector.note}`, () => {
    forEachCut(vector.bytes, (way, pieces) => {
      const { requests, violation } = replay(pieces, limits);
      assert.equal(violation, null, way);
      assert.deepEqual(requests, vector.requests, way);
    });
  });

  test(`accept ${vector.name}, behind another request`, () => {
    const first = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n";
    const bytes = Buffer.concat([Buffer.from(first), vector.bytes]);
    const { headLimitBytes, requestLineLimitBytes } = limits;
    if (first.length > Math.min(headLimitBytes, requestLineLimitBytes)) return;
    forEachCut(bytes, (way, pieces) => {
      const { requests, violation } = replay(pieces, limits);
      assert.equal(violation, null, way);
      assert.deepEqual(requests.slice(1), vector.requests, way);
    });
  });
}

for (const vector of rejected) {
  const limits = { ...LIMITS, ...vector.limits };

  test(`reject ${vector.name}: ${vector.note}`, () => {
    forEachCut(vector.bytes, (way, pieces) => {
      const { requests, violation } = replay(pieces, limits);
      assert.deepEqual(violation, { status: vector.status, code: vector.code }, way);
      assert.equal(requests.length, vector.requestsBefore ?? 0, way);
    });
  });
}
