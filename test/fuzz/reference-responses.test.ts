/** The reference agrees with every vector; only so is it worth to be compared with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RESPONSE_LIMITS, responseVectors } from "../http1/response-cut-and-replay.ts";
import { readReferenceAnswers } from "./reference-responses.ts";

test("the reference reads what the vectors of answers accept, to the letter", () => {
  for (const { name, bytes, method, limits, responses, interim } of responseVectors("accept")) {
    const requests = Math.max(1, responses.length);
    const reading = readReferenceAnswers(bytes, method, requests, {
      ...RESPONSE_LIMITS,
      ...limits,
    });
    assert.deepEqual(reading, { responses, interim, isRefused: false }, name);
  }
});

test("the reference refuses what the vectors of answers reject, where they say", () => {
  for (const vector of responseVectors("reject")) {
    const { name, bytes, method, limits, requests = Infinity, responsesBefore } = vector;
    const all = { ...RESPONSE_LIMITS, ...limits };
    const { responses, isRefused } = readReferenceAnswers(bytes, method, requests, all);
    assert.deepEqual([responses.length, isRefused], [responsesBefore, true], name);
  }
});
