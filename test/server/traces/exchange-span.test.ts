import assert from "node:assert/strict";
import { test } from "node:test";

import type { TraceParent } from "../../../src/http/trace-context.ts";
import {
  ExchangeSpan,
  type SpanOrigin,
  TEXT_LENGTH_MAX,
} from "../../../src/server/traces/exchange-span.ts";
import { ExchangeTrace } from "../../../src/server/traces/exchange-trace.ts";
import { loadOpenTelemetry, spanOrigin } from "../../../src/server/traces/open-telemetry.ts";
import { accessRecord, type RecordValues, STARTED_AT_MS } from "../access-log/records.ts";

const IDS: TraceParent = { traceId: "1".repeat(32), spanId: "2".repeat(16), isSampled: true };
const PARENT: TraceParent = { traceId: "1".repeat(32), spanId: "3".repeat(16), isSampled: false };
const SECOND = STARTED_AT_MS / 1_000 - 0.123;

const LIBRARY = await loadOpenTelemetry();
const ORIGIN = spanOrigin(LIBRARY, "1.2.3", (path) => (path === "/articles/7" ? "articles" : null));

function spanOf(values: RecordValues, origin: SpanOrigin = ORIGIN) {
  const trace = new ExchangeTrace(IDS, PARENT, null, "a=1");
  return new ExchangeSpan(accessRecord(values), trace, origin);
}

test("times are those of the record, in nanoseconds", () => {
  const { startTime, endTime, duration, events } = spanOf({
    receivedUs: 100,
    answeredUs: 5_900,
    durationUs: 1_006_012,
  });
  assert.deepEqual(startTime, [SECOND, 123_000_000]);
  assert.deepEqual(endTime, [SECOND + 1, 129_012_000]);
  assert.deepEqual(duration, [1, 6_012_000]);
  assert.deepEqual(
    events.map(({ name, time }) => [name, (time[1] - 123_000_000) / 1_000]),
    [
      ["received", 100],
      ["at-worker", 131],
      ["application-done", 5_535],
      ["answering", 5_900],
    ],
  );
});

test("no event is behind the end, and none is guessed", () => {
  const names = (values: RecordValues): string[] => spanOf(values).events.map(({ name }) => name);
  const late = spanOf({ receivedUs: 6_000, durationUs: 6_012 });
  for (const { time } of late.events) assert.ok(time[1] <= late.endTime[1]);
  assert.deepEqual(names({}), []);
  assert.deepEqual(names({ receivedUs: 1, queueUs: null, applicationUs: null }), ["received"]);
  assert.deepEqual(names({ receivedUs: 1, applicationUs: null }), ["received", "at-worker"]);
  // Where a worker died, what it took is part of no time that is known.
  assert.deepEqual(names({ receivedUs: 1, retries: 1, answeredUs: 9 }), ["received", "answering"]);
});

test("ids and parent", () => {
  const span = spanOf({});
  const context = span.spanContext();
  assert.deepEqual([context.traceId, context.spanId], [IDS.traceId, IDS.spanId]);
  assert.equal(context.traceFlags, 1);
  assert.equal(context.traceState?.serialize(), "a=1");
  assert.deepEqual(span.parentSpanContext, {
    traceId: PARENT.traceId,
    spanId: PARENT.spanId,
    traceFlags: 0,
    isRemote: true,
  });
  const root = new ExchangeSpan(accessRecord(), new ExchangeTrace(IDS, null, PARENT, null), ORIGIN);
  assert.equal(root.parentSpanContext, undefined);
  assert.equal(root.links[0]?.context.spanId, PARENT.spanId);
});

test("the name has few values, whatever clients send", () => {
  assert.equal(spanOf({}).name, "GET articles");
  assert.equal(spanOf({ path: "/other" }).name, "GET");
  assert.equal(spanOf({ method: "GETT", path: "/other" }).name, "HTTP");
  assert.equal(spanOf({ method: null, path: null }).name, "HTTP");
  const { attributes } = spanOf({ method: "GETT" });
  assert.equal(attributes["http.request.method"], "_OTHER");
  assert.equal(attributes["http.request.method_original"], "GETT");
});

test("attributes: what is not known is not there, and text is bounded", () => {
  const { attributes } = spanOf({
    path: `/${"x".repeat(5_000)}`,
    host: "[::1]:8443",
    scheme: "https",
    remoteHost: "",
    peerHost: "10.0.0.1",
    workerPid: null,
    generation: null,
    queueUs: null,
    applicationUs: null,
    request: { "user-agent": "y".repeat(5_000), authorization: "Bearer hush" },
  });
  assert.deepEqual(attributes, {
    "http.request.method": "GET",
    "network.protocol.version": "1.1",
    "http.response.body.size": 4_207,
    "url.path": `/${"x".repeat(TEXT_LENGTH_MAX - 1)}`,
    "url.scheme": "https",
    "http.response.status_code": 200,
    "server.address": "[::1]",
    "server.port": 8443,
    "network.peer.address": "10.0.0.1",
    "user_agent.original": "y".repeat(TEXT_LENGTH_MAX),
  });
});

test("errors: the gateway's reason, else the status; a client's mistake is none", () => {
  const shown = (values: RecordValues) => {
    const { attributes, status } = spanOf(values);
    return [attributes["error.type"], status.code, attributes["http.response.status_code"]];
  };
  assert.deepEqual(shown({ status: 404 }), [undefined, 0, 404]);
  assert.deepEqual(shown({ status: 500 }), ["500", 2, 500]);
  assert.deepEqual(shown({ status: 502, failure: "worker-exited" }), ["worker-exited", 2, 502]);
  const aborted = shown({ status: 499, isAborted: true });
  assert.deepEqual(aborted, ["client-closed-request", 2, undefined]);
  assert.deepEqual(shown({ status: 499 }), [undefined, 0, 499], "an application may say so, too");
});
