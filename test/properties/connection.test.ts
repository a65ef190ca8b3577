/** What holds for whole connections, whatever the client sends and however it behaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cutAt, LIMITS } from "../http1/cut-and-replay.ts";
import { checkConversation, type ClientManner, converse, PLAIN_CLIENT } from "./conversation.ts";
import { anyConnection, cutPlaces } from "./request-arbitrary.ts";

/** Each run is one connection. */
const NUM_RUNS = { numRuns: Math.max(1_000, fc.readConfigureGlobal().numRuns ?? 0) };
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

const manner: fc.Arbitrary<ClientManner> = fc.record({
  pipelinedLimitBytes: fc.constantFrom(1, 40, 65_536),
  hasty: fc.boolean(),
  slow: fc.boolean(),
});

function cutAtParts(bytes: Buffer, parts: readonly number[]): Buffer[] {
  const places = parts.map((part) => Math.floor(part * bytes.length)).toSorted((a, b) => a - b);
  return cutAt(bytes, places);
}

test("property: each request gets its answer, in order, once, and whole", () => {
  fc.assert(
    fc.property(anyConnection, manner, (bytes, how) => {
      checkConversation([bytes], LIMITS, how);
    }),
    NUM_RUNS,
  );
});

test("property: cuts change no byte of the answers, but for a 100 that nobody waits for", () => {
  fc.assert(
    fc.property(anyConnection, cutPlaces, (bytes, cuts) => {
      const text = ({ received }: { received: Buffer }): string =>
        received.toString("latin1").replaceAll(CONTINUE, "");
      const whole = converse([bytes], LIMITS);
      const inPieces = converse(cutAtParts(bytes, cuts), LIMITS);
      assert.equal(text(inPieces), text(whole));
      const { handled, wasReset, endedFirst } = whole;
      assert.deepEqual(inPieces.handled, handled);
      assert.deepEqual([inPieces.wasReset, inPieces.endedFirst], [wasReset, endedFirst]);
    }),
    NUM_RUNS,
  );
});

test("property: a slow client and a small bound for what it sends ahead change no byte", () => {
  fc.assert(
    fc.property(anyConnection, (bytes) => {
      const slow = converse([bytes], LIMITS, { pipelinedLimitBytes: 1, hasty: false, slow: true });
      const plain = converse([bytes], LIMITS, PLAIN_CLIENT);
      if (plain.wasReset) return;
      assert.equal(slow.received.toString("latin1"), plain.received.toString("latin1"));
    }),
    NUM_RUNS,
  );
});
