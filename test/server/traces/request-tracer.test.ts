import assert from "node:assert/strict";
import { test } from "node:test";

import type { Endpoints } from "../../../src/handlers/handler.ts";
import { ProvenanceReader } from "../../../src/handlers/provenance.ts";
import { IpNetworks } from "../../../src/http/ip-network.ts";
import type { TraceParent } from "../../../src/http/trace-context.ts";
import type { HeaderSection } from "../../../src/http1/request-head.ts";
import { RequestReceiver } from "../../../src/http1/receiver.ts";
import type { ExchangeTrace } from "../../../src/server/traces/exchange-trace.ts";
import { RequestTracer, type TraceTrust } from "../../../src/server/traces/request-tracer.ts";
import { TraceIds } from "../../../src/server/traces/trace-ids.ts";
import { SETTINGS } from "../connection-fixture.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const PARENT: TraceParent = { traceId: TRACE, spanId: CALLER, isSampled: true };
const TRACEPARENT = `traceparent: 00-${TRACE}-${CALLER}-01\r\n`;

/** Nobody is trusted but whom a PROXY header names, or a Unix socket. */
const PROVENANCE = new ProvenanceReader(new IpNetworks([], false));
const STRANGER: Endpoints = {
  remote: { family: "inet", host: "192.0.2.7", port: 50_123 },
  local: { family: "inet", host: "192.0.2.1", port: 8000 },
  scheme: "http",
};
const PROXY: Endpoints = { ...STRANGER, remoteIsProxy: true };

function sectionOf(fields: string): HeaderSection {
  const receiver = new RequestReceiver(SETTINGS.request);
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, "latin1");
  receiver.receive(bytes, bytes.length);
  const event = receiver.next();
  assert.ok(event.kind === "head");
  return event.section;
}

/** @returns the trace, and what the sampling was asked */
function begin(
  fields: string | null,
  endpoints: Endpoints,
  trust: TraceTrust = "trusted",
): { trace: ExchangeTrace; asked: readonly [string, TraceParent | null] } {
  let asked: readonly [string, TraceParent | null] = ["", null];
  const sampling = (...all: readonly [string, TraceParent | null]): boolean => {
    asked = all;
    return false;
  };
  const tracer = new RequestTracer(sampling, trust, PROVENANCE);
  return { trace: tracer.begin(fields === null ? null : sectionOf(fields), endpoints), asked };
}

test("a trusted peer's trace goes on, and its word is what sampling goes by", () => {
  const { trace, asked } = begin(`${TRACEPARENT}tracestate: a=1\r\nTracestate: b=2\r\n`, PROXY);
  assert.deepEqual(asked, [TRACE, PARENT]);
  assert.deepEqual([trace.traceId, trace.parent, trace.linked], [TRACE, PARENT, null]);
  assert.equal(trace.tracestate, "a=1, b=2");
  assert.notEqual(trace.spanId, CALLER);
  assert.equal(trace.traceparent, `00-${TRACE}-${trace.spanId}-00`);
});

test("a stranger's is linked, and decides nothing", () => {
  const { trace, asked } = begin(`${TRACEPARENT}tracestate: a=1\r\n`, STRANGER);
  assert.deepEqual(asked, [trace.traceId, null]);
  assert.notEqual(trace.traceId, TRACE);
  assert.deepEqual([trace.parent, trace.linked, trace.tracestate], [null, PARENT, null]);
  const believed = begin(`${TRACEPARENT}tracestate: a=1\r\n`, STRANGER, "any").trace;
  assert.deepEqual([believed.parent, believed.tracestate], [PARENT, "a=1"]);
  const unbelieved = begin(TRACEPARENT, PROXY, "none").trace;
  assert.deepEqual([unbelieved.parent, unbelieved.linked], [null, PARENT]);
});

test("a tracestate without its traceparent, or one that is malformed, is not passed on", () => {
  assert.equal(begin("tracestate: a=1\r\n", PROXY).trace.tracestate, null);
  assert.equal(begin(`${TRACEPARENT}tracestate: a\r\n`, PROXY).trace.tracestate, null);
  const twice = begin(TRACEPARENT + TRACEPARENT, PROXY).trace;
  assert.deepEqual([twice.parent, twice.linked], [null, null]);
});

test("what has no header section has a trace", () => {
  const { trace } = begin(null, PROXY);
  assert.deepEqual([trace.parent, trace.linked, trace.tracestate], [null, null, null]);
});

test("ids are of the right length, and no two are alike", () => {
  const ids = new TraceIds();
  const traces = Array.from({ length: 2_000 }, () => ids.nextTraceId());
  const spans = Array.from({ length: 2_000 }, () => ids.nextSpanId());
  assert.ok(traces.every((id) => /^[0-9a-f]{32}$/.test(id)));
  assert.ok(spans.every((id) => /^[0-9a-f]{16}$/.test(id)));
  assert.equal(new Set([...traces, ...spans]).size, 4_000);
});
