/**
 * The receiver of responses by itself, which `portico load` reads with: every input in several
 * cuts, and compared with the reference. Only what a server did wrong is taken by the replay;
 * anything else that is thrown is a finding.
 */
import assert from "node:assert/strict";
import type { ResponseLimits } from "../../src/http1/response-receiver.ts";
import {
  replayResponses,
  RESPONSE_LIMITS,
  type ResponseReplay,
  responseVectors,
} from "../http1/response-cut-and-replay.ts";
import { hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { cutsOf } from "./receiver-target.ts";
import { readReferenceAnswers } from "./reference-responses.ts";
import { ResponseGenerator } from "./response-generator.ts";

/** Limits that small inputs reach. */
const TIGHT: ResponseLimits = {
  headLimitBytes: 100,
  fieldCountMax: 4,
  interimCountMax: 2,
  bodyLimitBytes: 24,
  trailerLimitBytes: 20,
  chunkExtensionLimitBytes: 8,
};
/** For contents only, so that more answers get as far as that. */
const TIGHT_CONTENT: ResponseLimits = {
  ...RESPONSE_LIMITS,
  bodyLimitBytes: 30,
  trailerLimitBytes: 40,
  chunkExtensionLimitBytes: 10,
};
const LIMIT_SETS = [RESPONSE_LIMITS, RESPONSE_LIMITS, TIGHT, TIGHT_CONTENT];
const METHODS = ["GET", "GET", "GET", "POST", "HEAD", "CONNECT"];
const REQUESTS_MAX = 4;

/** The forms and framings of the answers, and what is wrong behind them. */
function kindOf({ responses, interim, code }: ResponseReplay): string {
  const shapes = responses.map(({ status, contentEnd, persistent, content }) =>
    [Math.floor(status / 100), contentEnd.kind, persistent, content !== ""].join(),
  );
  return [...shapes, interim > 0, code ?? "in order"].join(" ");
}

export const responseTarget: FuzzTarget = {
  name: "response",
  seeds: () =>
    [...responseVectors("accept"), ...responseVectors("reject")]
      .map(({ bytes }) => bytes)
      .filter(({ length }) => length < 2_000),
  generate: (dice) => new ResponseGenerator(dice).connection(),

  check(input) {
    const hash = hashOf(input);
    const limits = LIMIT_SETS[hash % LIMIT_SETS.length] ?? RESPONSE_LIMITS;
    const method = METHODS[(hash >>> 8) % METHODS.length] ?? "GET";
    const requests = 1 + ((hash >>> 16) % REQUESTS_MAX);
    const exchanges = { method, requests, limits };
    const whole = replayResponses([input], exchanges);
    const reference = readReferenceAnswers(input, method, requests, limits);
    assert.deepEqual(whole.responses, reference.responses, "other answers than the reference");
    assert.equal(whole.code !== null, reference.isRefused, "refused where the reference does not");
    if (whole.code === null) {
      assert.equal(whole.interim, reference.interim, "other interim answers than the reference");
    }
    for (const [way, pieces] of cutsOf(input)) {
      const cut = replayResponses(pieces, exchanges);
      assert.deepEqual(cut, whole, `another outcome when cut ${way}`);
    }
    return kindOf(whole);
  },
};
