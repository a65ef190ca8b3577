/** Whatever a client or an application sends, a line stays one line, each value in its place. */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { jsonString } from "../../../src/base/json-text.ts";
import { columnFormat } from "../../../src/server/access-log/line-format.ts";
import { ExchangeTrace } from "../../../src/server/traces/exchange-trace.ts";
import { accessRecord, formatOf, lineOf, type RecordValues, written } from "./records.ts";

/** Any bytes; what breaks lines, quotes and terminals comes more often. */
const bytes = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      fc.constantFrom(
        '"',
        "\\",
        "\n",
        "\r",
        "\0",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\xc3\xa9",
        " ",
        "%(h)s",
      ),
    ),
  )
  .map((pieces) => pieces.join(""));
const orNull = fc.option(bytes);

const values: fc.Arbitrary<RecordValues> = fc.record({
  method: orNull,
  target: bytes,
  path: bytes,
  query: bytes,
  remoteHost: bytes,
  peerHost: bytes,
  user: orNull,
  requestId: orNull,
  request: fc.record({ host: bytes, referer: bytes, "user-agent": bytes, x: bytes }),
  response: fc.record({ x: bytes }),
  entries: fc.record({ x: bytes }),
});

const EVERYTHING =
  '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" "%(m)s" "%(U)s" "%(q)s" ' +
  '"%({x}i)s" "%({x}o)s" "%({x}e)s" %(peer)s "%(request_id)s"';

test("plain lines are printable ASCII in one line, and quotes close where they should", () => {
  const format = formatOf(EVERYTHING);
  const quoted = String.raw`"(?:[^"\\]|\\["\\nrt]|\\x[0-9a-f]{2})*"`;
  const shape = new RegExp(
    String.raw`^\S+ - \S+ \[[^\]]+\] ${quoted} 200 4207(?: ${quoted}){8} \S+ ${quoted}\n$`,
  );
  fc.assert(
    fc.property(values, (some) => {
      const text = written(format, accessRecord(some));
      assert.match(text, /^[\x20-\x7e]*\n$/);
      assert.match(text, shape);
    }),
  );
});

test("what was escaped can be had back", () => {
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  const unescape = (text: string): string =>
    text.replaceAll(/\\(?:x(..)|(.))/g, (_, hexadecimal: string | undefined, one: string) =>
      hexadecimal === undefined
        ? (escapes[one] ?? one)
        : String.fromCharCode(Number.parseInt(hexadecimal, 16)),
    );
  fc.assert(
    fc.property(bytes, (text) => {
      const line = lineOf("%({x}i)s", { request: { x: text } });
      assert.equal(unescape(line), text === "" ? "-" : text);
    }),
  );
});

test("JSON is ASCII in one line, is JSON, and has the very bytes", () => {
  const format = formatOf("json");
  fc.assert(
    fc.property(values, (some) => {
      const text = written(format, accessRecord(some));
      assert.match(text, /^[\x20-\x7e]*\n$/);
      const object = JSON.parse(text) as Record<string, unknown>;
      assert.deepEqual(object, {
        time: "2026-11-21T14:29:00.123Z",
        method: some.method,
        path: some.path,
        query: some.query,
        status: 200,
        bytes: 4_207,
        duration_us: 6_012,
        queue_us: 31,
        application_us: 5_404,
        worker: 4_711,
        generation: 2,
        retries: 0,
        request_id: some.requestId,
        trace_id: null,
        span_id: null,
        remote: some.remoteHost || null,
        user: some.user,
        protocol: "HTTP/1.1",
        host: some.request?.["host"],
        referer: some.request?.["referer"],
        user_agent: some.request?.["user-agent"],
      });
    }),
  );
});

test("JSON has the trace where there is one, and each worker's line its own worker", () => {
  const format = formatOf("json");
  const ids = { traceId: "1".repeat(32), spanId: "2".repeat(16), isSampled: false };
  const trace = new ExchangeTrace(ids, null, null, null);
  const said = (some: RecordValues): unknown[] => {
    const object = JSON.parse(written(format, accessRecord(some))) as Record<string, unknown>;
    const { worker, generation, retries, duration_us: us } = object;
    return [worker, generation, retries, us, object["trace_id"], object["span_id"]];
  };
  assert.deepEqual(said({ trace }).slice(4), [ids.traceId, ids.spanId]);
  const cases: readonly (readonly [number | null, number, number, number])[] = [
    [1, 1, 0, 0],
    [2, 1, 0, 4_095],
    [1, 1, 0, 4_096],
    [1, 2, 0, 4_095],
    [1, 2, 1, 0],
    [1, 2, 0, 4_294_967_295],
    [null, 2, 0, 5],
  ];
  for (const [workerPid, generation, retries, durationUs] of [...cases, ...cases]) {
    const some = { workerPid, generation, retries, durationUs };
    assert.deepEqual(said(some), [workerPid, generation, retries, durationUs, null, null]);
  }
});

test("what is not known is null in JSON", () => {
  const unknown = {
    method: null,
    target: null,
    path: null,
    query: null,
    queueUs: null,
    applicationUs: null,
    workerPid: null,
    generation: null,
    remoteHost: "",
  };
  const object = JSON.parse(lineOf("json", unknown)) as Record<string, unknown>;
  const nulls = Object.keys(object).filter((name) => object[name] === null);
  assert.deepEqual(nulls, [
    "method",
    "path",
    "query",
    "queue_us",
    "application_us",
    "worker",
    "generation",
    "request_id",
    "trace_id",
    "span_id",
    "remote",
    "user",
    "host",
    "referer",
    "user_agent",
  ]);
});

test("a terminal is not commanded", () => {
  const format = columnFormat(false);
  fc.assert(
    fc.property(values, (some) =>
      assert.match(written(format, accessRecord(some)), /^[\x20-\x7e]*\n$/),
    ),
  );
});

test("any string is a JSON string in ASCII", () => {
  const text = fc.oneof(bytes, fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(text, (some) => {
      const json = jsonString(some);
      assert.match(json, /^"[\x20-\x7e]*"$/);
      assert.equal(JSON.parse(json), some);
    }),
  );
  assert.equal(JSON.parse(jsonString("\ud800")), "\ud800", "half of a pair as well");
});
