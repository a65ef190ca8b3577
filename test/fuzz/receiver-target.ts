/**
 * The receiver by itself: every input in several cuts, and compared with the reference. Only
 * `ProtocolError` is taken by `replay`; anything else that is thrown is a finding.
 */
import assert from "node:assert/strict";
import type { RequestLimits } from "../../src/http1/receiver.ts";
import { CUTS, LIMITS, replay, type Replay } from "../http1/cut-and-replay.ts";
import { acceptVectors, rejectVectors } from "../http1/vectors.ts";
import { Dice, hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { readReference } from "./reference-parser.ts";
import { RequestGenerator } from "./request-generator.ts";

/** Limits that small inputs reach. */
const TIGHT: RequestLimits = {
  requestLineLimitBytes: 40,
  headLimitBytes: 120,
  fieldCountMax: 4,
  fieldLimitBytes: 48,
  bodyLimitBytes: 24,
  trailerLimitBytes: 20,
  chunkExtensionLimitBytes: 8,
};
/** Where the limit on the request line is above that on the head. */
const TIGHT_HEAD: RequestLimits = { ...LIMITS, headLimitBytes: 70, fieldLimitBytes: 500 };
/** For contents only, so that more requests get as far as that. */
const TIGHT_CONTENT: RequestLimits = {
  ...LIMITS,
  bodyLimitBytes: 30,
  trailerLimitBytes: 40,
  chunkExtensionLimitBytes: 10,
};
const LIMIT_SETS = [LIMITS, LIMITS, TIGHT, TIGHT_HEAD, TIGHT_CONTENT];

const RANDOM_CUTS = 2;
/** Longer inputs are not cut into single bytes: shorter ones show the same, in less time. */
const BY_BYTE_MAX_BYTES = 600;

/** The limits that an input is tried with. */
export function limitsFor(input: Buffer): RequestLimits {
  return LIMIT_SETS[hashOf(input) % LIMIT_SETS.length] ?? LIMITS;
}

/** All bytes of the vectors of requests. */
export function vectorBytes(): Buffer[] {
  return [...acceptVectors(), ...rejectVectors()]
    .map(({ bytes }) => bytes)
    .filter(({ length }) => length < 2_000);
}

export function generateConnection(dice: Dice): Buffer {
  return new RequestGenerator(dice).connection();
}

/** The ways of cutting that an input is tried in; the same each time. */
export function* cutsOf(input: Buffer): Generator<[way: string, pieces: Buffer[]]> {
  const seed = hashOf(input);
  for (const [way, cut] of Object.entries(CUTS)) {
    if (way === "whole" || (way === "by byte" && input.length > BY_BYTE_MAX_BYTES)) continue;
    const count = way === "at random" ? RANDOM_CUTS : 1;
    for (let time = 0; time < count; time++) yield [way, cut(input, seed + time)];
  }
}

/** The forms and framings of the requests, and what is wrong behind them. */
function kindOf({ requests, violation }: Replay): string {
  const shapes = requests.map(({ form, framing, persistent, expectsContinue, trailers }) =>
    [form, framing.kind, persistent, expectsContinue, trailers.length > 0].join(),
  );
  return [...shapes, violation?.code ?? "in order"].join(" ");
}

export const receiverTarget: FuzzTarget = {
  name: "receiver",
  seeds: vectorBytes,
  generate: generateConnection,

  check(input) {
    const limits = limitsFor(input);
    const whole = replay([input], limits);
    const reference = readReference(input, limits);
    assert.deepEqual(whole.requests, reference.requests, "other requests than the reference");
    const status = whole.violation?.status ?? null;
    const isAgreed =
      status === null ? reference.refusals === null : reference.refusals?.has(status);
    assert.ok(isAgreed, "another refusal than the reference");
    for (const [way, pieces] of cutsOf(input)) {
      assert.deepEqual(replay(pieces, limits), whole, `another outcome when cut ${way}`);
    }
    return kindOf(whole);
  },
};
