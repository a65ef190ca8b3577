import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NO_TRAILER_FIELDS } from "../../src/http/trailer-fields.ts";
import { RequestReceiver } from "../../src/http1/receiver.ts";
import { cutAt, LIMITS, replay } from "./cut-and-replay.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const CONTENT = "2\r\nhi\r\n0\r\n";

/** Where to cut, as parts of the whole. */
const parts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

function cutAtParts(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const positions = new Set(cuts.map((part) => Math.floor(part * bytes.length)));
  return cutAt(
    bytes,
    [...positions].filter((position) => position > 0).toSorted((one, other) => one - other),
  );
}

test("property: what may be handed on comes out as it was sent, however it is cut", () => {
  const name = fc.oneof(
    fc.stringMatching(/^[xX]-[0-9A-Za-z]{1,10}$/).map((text) => ({ text, kept: true })),
    fc.constantFrom(...NO_TRAILER_FIELDS.keys()).map((text) => ({ text, kept: false })),
  );
  const value = fc
    .stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/)
    .filter((text) => text.length < 200);
  const space = fc.stringMatching(/^[ \t]{0,3}$/);
  const fields = fc.array(fc.tuple(name, space, value, space), { maxLength: 12 });
  fc.assert(
    fc.property(fields, parts, (sent, cuts) => {
      const lines = sent.map(
        ([{ text }, before, content, behind]) => `${text}:${before}${content}${behind}\r\n`,
      );
      const message = Buffer.from(`${HEAD}${CONTENT}${lines.join("")}\r\n`, "latin1");
      const { requests, violation } = replay(cutAtParts(message, cuts));
      assert.equal(violation, null);
      assert.equal(requests[0]?.content, "hi");
      assert.deepEqual(
        requests[0]?.trailers,
        sent.flatMap(([{ text, kept }, , content]) =>
          kept ? [{ name: text.toLowerCase(), value: content }] : [],
        ),
      );
    }),
  );
});

test("property: cutting a near miss changes nothing, and only ProtocolError escapes", () => {
  const fragments = ["X", "Host", "_", ":", " ", "\t", "a", "\r\n", "\r", "\n", "\0", "\xff", ";"];
  const section = fc.array(fc.constantFrom(...fragments), { maxLength: 24 });
  const tight = { ...LIMITS, trailerLimitBytes: 20, fieldCountMax: 2 };
  fc.assert(
    fc.property(section, parts, fc.constantFrom(LIMITS, tight), (texts, cuts, limits) => {
      const bytes = Buffer.from(HEAD + CONTENT + texts.join(""), "latin1");
      assert.deepEqual(replay(cutAtParts(bytes, cuts), limits), replay([bytes], limits));
    }),
    { numRuns: Math.max(1000, fc.readConfigureGlobal().numRuns ?? 0) },
  );
});

test("the fields are there with the end, and those of a request stay its own", () => {
  const receiver = new RequestReceiver(LIMITS);
  const receive = (text: string): string => {
    receiver.receive(Buffer.from(text), text.length);
    return receiver.next().kind;
  };
  assert.equal(receive(HEAD), "head");
  assert.equal(receive("0\r\nX-A: 1\r\n"), "need-data");
  assert.deepEqual(receiver.trailers, []);
  assert.equal(receive("\r\n"), "end");
  const { trailers } = receiver;
  assert.deepEqual(trailers, [{ name: "x-a", value: "1" }]);
  receiver.nextCycle();
  assert.equal(receive(HEAD), "head");
  assert.deepEqual(receiver.trailers, []);
  assert.equal(receive("0\r\nX-B: 2\r\n\r\n"), "end");
  assert.deepEqual(receiver.trailers, [{ name: "x-b", value: "2" }]);
  assert.deepEqual(trailers, [{ name: "x-a", value: "1" }]);
});
