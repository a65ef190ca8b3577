import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ResponseReceiver } from "../../src/http1/response-receiver.ts";
import { CUTS, cutAt } from "./cut-and-replay.ts";
import {
  replayResponses,
  RESPONSE_LIMITS,
  RESPONSE_VECTORS_FOLDER,
  responseVectors,
} from "./response-cut-and-replay.ts";

const RANDOM_CUTS = 8;
const accepted = responseVectors("accept");
const rejected = responseVectors("reject");

function forEachCut(bytes: Buffer, replayed: (way: string, pieces: Buffer[]) => void): void {
  for (const [way, cut] of Object.entries(CUTS)) {
    const seeds = way === "at random" ? RANDOM_CUTS : 1;
    for (let seed = 0; seed < seeds; seed++) replayed(`${way}, seed ${seed}`, cut(bytes, seed));
  }
}

/** Enough requests for the answers of a vector, so that the end comes where it is expected. */
function requestsOf(count: number): number {
  return Math.max(1, count);
}

describe("the vectors of answers", () => {
  it("are pairs of files, each with a clause and a note", () => {
    assert.ok(accepted.length >= 25 && rejected.length >= 40);
    for (const { name, section, note } of [...accepted, ...rejected]) {
      assert.match(section, /^RFC \d+ section \d/, name);
      assert.ok(note.length > 0, name);
    }
    for (const kind of ["accept", "reject"]) {
      const files = readdirSync(join(RESPONSE_VECTORS_FOLDER, kind));
      const names = new Set(files.map((file) => file.replace(/\.(?:http|json)$/, "")));
      assert.equal(files.length, 2 * names.size);
    }
  });

  for (const { name, note, bytes, responses, interim, ...vector } of accepted) {
    it(`accept ${name}: ${note}`, () => {
      const exchanges = { ...vector, requests: requestsOf(responses.length) };
      forEachCut(bytes, (way, pieces) => {
        const replay = replayResponses(pieces, exchanges);
        assert.deepEqual(replay, { responses, interim, code: null }, way);
      });
    });
  }

  for (const { name, note, bytes, code, responsesBefore, ...vector } of rejected) {
    it(`reject ${name}: ${note}`, () => {
      forEachCut(bytes, (way, pieces) => {
        const replay = replayResponses(pieces, vector);
        assert.equal(replay.code, code, way);
        assert.equal(replay.responses.length, responsesBefore, way);
      });
    });
  }
});

/** Answers by the grammar, as bytes and as what must be read of them. */
const answers = fc.array(
  fc.record({
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    content: fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Buffer.from(bytes).toString("latin1")),
    chunkSizes: fc.option(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 5 })),
    interim: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);

function encode(content: string, chunkSizes: readonly number[] | null): string {
  if (chunkSizes === null) return `Content-Length: ${content.length}\r\n\r\n${content}`;
  let rest = content;
  let text = "Transfer-Encoding: chunked\r\n\r\n";
  for (const size of [...chunkSizes, content.length]) {
    const data = rest.slice(0, size);
    rest = rest.slice(size);
    if (data !== "") text += `${data.length.toString(16)}\r\n${data}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

describe("ResponseReceiver", () => {
  it("reads what was written, however it is cut", () => {
    fc.assert(
      fc.property(answers, fc.array(fc.nat(2_000), { maxLength: 20 }), (list, cuts) => {
        const text = list
          .map(({ status, content, chunkSizes, interim }) => {
            const hint = interim ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : "";
            return `${hint}HTTP/1.1 ${status} X\r\n${encode(content, chunkSizes)}`;
          })
          .join("");
        const bytes = Buffer.from(text, "latin1");
        const positions = [...new Set(cuts)].filter((at) => at > 0 && at < bytes.length);
        const pieces = cutAt(
          bytes,
          positions.toSorted((one, other) => one - other),
        );
        const replay = replayResponses(pieces, { method: "GET", requests: list.length });
        assert.equal(replay.code, null);
        assert.deepEqual(
          replay.responses.map(({ status, content }) => ({ status, content })),
          list.map(({ status, content }) => ({ status, content })),
        );
        assert.equal(replay.interim, list.filter(({ interim }) => interim).length);
      }),
    );
  });

  it("comes to the same end for any bytes, however they are cut", () => {
    const start = fc.constantFrom("", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
    const part = fc.constantFrom(
      "Transfer-Encoding: chunked\r\n\r\n",
      "Content-Length: 3\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\n\r\n",
      "HTTP/1.1 ",
      "\r\n",
      "\n",
      "\r",
      " ",
      "3\r\nabc\r\n",
      "0\r\n\r\n",
      "200 OK\r\n",
      "x",
      ":",
      "\x00",
    );
    fc.assert(
      fc.property(start, fc.array(part, { maxLength: 12 }), fc.nat(), (beginning, parts, seed) => {
        const bytes = Buffer.from(beginning + parts.join(""), "latin1");
        const whole = replayResponses([bytes], { method: "GET" });
        for (const cut of Object.values(CUTS)) {
          assert.deepEqual(replayResponses(cut(bytes, seed), { method: "GET" }), whole);
        }
      }),
    );
  });

  it("hands out the same head for the same bytes, and another for another method", () => {
    const receiver = new ResponseReceiver(RESPONSE_LIMITS);
    const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const headOf = (method: string): unknown => {
      receiver.expect(method);
      receiver.receive(bytes, bytes.length);
      const head = receiver.next();
      assert.equal(receiver.next().kind, "end");
      assert.equal(receiver.next().kind, "need-data");
      return head;
    };
    const first = headOf("GET");
    assert.equal(headOf("GET"), first);
    assert.notEqual(headOf("HEAD"), first);
  });

  it("tells an idle connection's end from an answer's", () => {
    const receiver = new ResponseReceiver(RESPONSE_LIMITS);
    assert.equal(receiver.next().kind, "need-data");
    assert.ok(receiver.reusable);
    receiver.receiveEnd();
    assert.ok(!receiver.reusable);
    assert.equal(receiver.next().kind, "closed");
  });
});
