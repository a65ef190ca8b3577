/** Traces of a server that runs: what a collector gets, and what the application is told. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Exercise, get, post, startExercise, TRANSPORTS } from "./exercise.ts";
import { OtlpReceiver, type ReceivedSpan } from "./otlp-receiver.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { runPortico } from "./server-process.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const SAMPLED = `traceparent: 00-${TRACE}-${CALLER}-01\r\n`;
const NOT_SAMPLED = `traceparent: 00-${TRACE}-${CALLER}-00\r\n`;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/;
/** Nobody is a proxy: then each client is a stranger. */
const STRANGERS = ["--forwarded-allow-ips", "192.0.2.1"];

interface Told {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
  readonly tracestate: string | null;
}

/** What the environ said of the trace. */
function told(text: string): Told {
  const { strings } = JSON.parse(text) as { strings: Record<string, string> };
  const [, traceId = "", spanId = "", flags = ""] =
    TRACEPARENT.exec(strings["HTTP_TRACEPARENT"] ?? "") ?? [];
  assert.notEqual(traceId, "", "the application is told of its trace");
  return { traceId, spanId, flags, tracestate: strings["HTTP_TRACESTATE"] ?? null };
}

async function ask(port: number, fields = "", target = "/environ"): Promise<Told> {
  return told((await rawRequest(port, get(target, fields))).text);
}

function start(
  receiver: OtlpReceiver,
  args: readonly string[] = [],
  transport: (typeof TRANSPORTS)[number] = "epoll",
): Promise<Exercise> {
  return startExercise(transport, ["--workers", "1", "--trace", receiver.origin, ...args]);
}

async function spansOf(
  { server }: Exercise,
  receiver: OtlpReceiver,
  count: number,
): Promise<readonly ReceivedSpan[]> {
  await server.until(`${count} spans`, () => receiver.spans.length >= count, 15_000);
  assert.equal(receiver.spans.length, count);
  return receiver.spans;
}

for (const transport of TRANSPORTS) {
  describe(`traces, by ${transport}`, { concurrency: 2 }, () => {
    test("a trusted peer's request is part of its trace, the application's parent", async () => {
      await using receiver = await OtlpReceiver.start();
      await using exercise = await start(receiver, [], transport);
      const said = await ask(exercise.port, `${SAMPLED}tracestate: congo=t61rcWkgMzE\r\n`);
      const [span] = await spansOf(exercise, receiver, 1);
      assert.ok(span !== undefined);
      assert.deepEqual(said, {
        traceId: TRACE,
        spanId: span.spanId,
        flags: "01",
        tracestate: "congo=t61rcWkgMzE",
      });
      assert.deepEqual(
        [span.traceId, span.parentSpanId, span.traceState, span.kind],
        [TRACE, CALLER, "congo=t61rcWkgMzE", 2],
      );
      assert.notEqual(span.spanId, CALLER);
      assert.deepEqual(receiver.requests, ["POST /v1/traces application/json"]);
    });

    test("clients that repeat their header section byte for byte get a span each", async () => {
      await using receiver = await OtlpReceiver.start();
      await using exercise = await start(receiver, [], transport);
      using client = await RawClient.connect(exercise.port);
      const spanIds: string[] = [];
      for (let round = 0; round < 6; round++) {
        const { text } = await client.exchange(get("/environ", SAMPLED));
        const said = told(text);
        assert.equal(said.traceId, TRACE);
        spanIds.push(said.spanId);
      }
      // Without the field, with content, and pipelined: nothing of another request stays.
      const { text } = await client.exchange(get("/environ"));
      assert.notEqual(told(text).traceId, TRACE);
      spanIds.push(told(text).spanId);
      assert.equal(new Set(spanIds).size, spanIds.length, "each has its own");
      const spans = await spansOf(exercise, receiver, spanIds.length);
      assert.deepEqual(
        spans.map(({ spanId }) => spanId),
        spanIds,
      );
    });
  });
}

test("a span says what the conventions for HTTP servers name, and no query", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver);
  const fields = "User-Agent: probe/1\r\nAuthorization: Bearer hush\r\nX-Request-ID: r-1\r\n";
  const before = Date.now() - 1_000;
  await rawRequest(exercise.port, post("/echo?token=hush", "12345", fields));
  const [span] = await spansOf(exercise, receiver, 1);
  assert.ok(span !== undefined);
  const { attributes } = span;
  assert.equal(span.name, "POST");
  assert.ok(!JSON.stringify(span).includes("hush"));
  const {
    "portico.queue_us": queueUs,
    "portico.application_us": applicationUs,
    "portico.worker": worker,
    ...rest
  } = attributes;
  assert.ok(Number(queueUs) >= 0 && Number(applicationUs) > 0 && Number(worker) > 0);
  assert.deepEqual(rest, {
    "http.request.method": "POST",
    "http.response.status_code": 200,
    "http.response.body.size": 5,
    "url.path": "/echo",
    "url.scheme": "http",
    "server.address": "test",
    "client.address": "127.0.0.1",
    "network.protocol.version": "1.1",
    "user_agent.original": "probe/1",
    "portico.generation": 1,
    "portico.request_id": "r-1",
  });
  assert.equal(span.status.code, 0);
  assert.equal(span.scope, "portico");
  assert.equal(span.resource["service.name"], "portico");
  const startMs = Number(BigInt(span.startTimeUnixNano) / 1_000_000n);
  assert.ok(startMs >= before && startMs <= Date.now());
  const events = span.events.map(({ name }) => name);
  assert.deepEqual(events, ["received", "at-worker", "application-done", "answering"]);
  const times = [
    span.startTimeUnixNano,
    ...span.events.slice(0, 3).map(({ timeUnixNano }) => timeUnixNano),
    span.endTimeUnixNano,
  ].map(BigInt);
  assert.deepEqual(
    times,
    times.toSorted((one, other) => (one < other ? -1 : 1)),
  );
});

test("what goes wrong is an error: by the application, by its worker, by the client", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver, ["--timeout", "500ms"]);
  const { port, server } = exercise;
  await rawRequest(port, get("/raises"));
  await rawRequest(port, get("/slow?s=30"));
  await rawRequest(port, get("/status?code=404"));
  await rawRequest(port, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
  await rawRequest(port, "nonsense\r\n\r\n");
  const client = await RawClient.connect(port);
  // The second one has been handed on, since the first has its answer.
  await client.exchange(get("/hello") + get("/slow?s=30"));
  client.socket.resetAndDestroy();
  await server.until("spans", () => receiver.spans.length === 7, 15_000);
  const shown = receiver.spans.map(({ name, status, attributes }) => [
    name,
    attributes["http.response.status_code"] ?? null,
    attributes["error.type"] ?? null,
    status.code,
  ]);
  assert.deepEqual(shown, [
    ["GET", 500, "application-error", 2],
    ["GET", 504, "timed-out", 2],
    ["GET", 404, null, 0],
    ["TRACE", 501, "501", 2],
    ["HTTP", 400, null, 0],
    ["GET", 200, null, 0],
    ["GET", null, "client-closed-request", 2],
  ]);
});

test("a stranger gets a trace of its own, which names the stranger's by a link", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver, STRANGERS);
  const said = await ask(exercise.port, `${SAMPLED}tracestate: congo=1\r\n`);
  const [span] = await spansOf(exercise, receiver, 1);
  assert.notEqual(said.traceId, TRACE);
  assert.equal(said.tracestate, null, "it belongs to the other trace");
  assert.deepEqual([span?.traceId, span?.spanId], [said.traceId, said.spanId]);
  assert.ok(!span?.parentSpanId);
  assert.deepEqual(
    span?.links.map(({ traceId, spanId }) => [traceId, spanId]),
    [[TRACE, CALLER]],
  );
});

test("--trace-parent any: a stranger's trace is joined", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver, [...STRANGERS, "--trace-parent", "any"]);
  const said = await ask(exercise.port, SAMPLED);
  const [span] = await spansOf(exercise, receiver, 1);
  assert.deepEqual([said.traceId, span?.traceId, span?.parentSpanId], [TRACE, TRACE, CALLER]);
});

test("a traceparent that is not well-formed is as none", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver);
  const bad = `traceparent: 00-${TRACE}-${"0".repeat(16)}-01\r\ntracestate: a=1\r\n`;
  const said = await ask(exercise.port, bad);
  assert.notEqual(said.traceId, TRACE);
  assert.equal(said.tracestate, null);
  const [span] = await spansOf(exercise, receiver, 1);
  assert.ok(!span?.parentSpanId);
  assert.deepEqual(span?.links, []);
});

test("--trace-sample 0: none is recorded but those that a trusted peer records", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver, ["--trace-sample", "0"]);
  assert.equal((await ask(exercise.port)).flags, "00");
  assert.equal((await ask(exercise.port, NOT_SAMPLED)).flags, "00");
  const said = await ask(exercise.port, SAMPLED);
  assert.equal(said.flags, "01");
  const [span] = await spansOf(exercise, receiver, 1);
  assert.equal(span?.spanId, said.spanId);
  await exercise.server.stop();
  assert.equal(receiver.spans.length, 1);
});

test("the JSON log names the trace and the span, also of what is not recorded", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver, ["--access-log-format", "json"]);
  const { port, server } = exercise;
  const asked = [await ask(port), await ask(port, NOT_SAMPLED)];
  const lines = (): string[] =>
    server.stdout.split("\n").filter((line) => line.startsWith('{"time"'));
  await server.until("the lines", () => lines().length === 2, 15_000);
  assert.deepEqual(
    lines().map((line) => {
      const { trace_id: traceId, span_id: spanId } = JSON.parse(line) as Record<string, unknown>;
      return [traceId, spanId];
    }),
    asked.map(({ traceId, spanId }) => [traceId, spanId]),
  );
});

test("the standard's variables: endpoint, name, attributes, fields, sampler", async () => {
  await using receiver = await OtlpReceiver.start();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.origin}/base`,
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=abc",
    OTEL_SERVICE_NAME: "shop",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
    OTEL_TRACES_SAMPLER: "always_on",
  };
  await using exercise = await startExercise(
    "epoll",
    ["--workers", "1", "--trace", "on"],
    "app",
    "exercise",
    env,
  );
  await ask(exercise.port, NOT_SAMPLED);
  const [span] = await spansOf(exercise, receiver, 1);
  assert.equal(span?.resource["service.name"], "shop");
  assert.equal(span?.resource["deployment.environment"], "test");
  assert.deepEqual(receiver.requests, ["POST /base/v1/traces application/json"]);
  assert.equal(receiver.fields["x-key"], "abc");
});

test("the standard's variables: how many spans a message has, and when it leaves", async () => {
  await using receiver = await OtlpReceiver.start();
  const env = { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2", OTEL_BSP_SCHEDULE_DELAY: "3600000" };
  const args = ["--workers", "1", "--trace", receiver.origin];
  await using exercise = await startExercise("epoll", args, "app", "exercise", env);
  for (let round = 0; round < 5; round++) await ask(exercise.port);
  await spansOf(exercise, receiver, 4);
  assert.equal(receiver.requests.length, 2);
  await exercise.server.stop();
  assert.deepEqual([receiver.spans.length, receiver.requests.length], [5, 3]);
});

test("a stop sends what is left", async () => {
  await using receiver = await OtlpReceiver.start();
  await using exercise = await start(receiver);
  const said = await ask(exercise.port);
  const { status } = await exercise.server.stop();
  assert.equal(status, 0);
  assert.deepEqual(
    receiver.spans.map(({ spanId }) => spanId),
    [said.spanId],
  );
});

for (const [what, status] of [
  ["says no", 400],
  ["never answers", null],
] as const) {
  test(`a collector that ${what} holds nobody up, and what is lost is counted`, async () => {
    await using receiver = await OtlpReceiver.start();
    receiver.status = status;
    await using exercise = await start(receiver);
    const { port, server } = exercise;
    for (let round = 0; round < 3; round++) assert.equal((await ask(port)).flags, "01");
    await server.until("a message", () => receiver.requests.length > 0, 15_000);
    assert.equal((await ask(port)).flags, "01");
    const end = await server.stop();
    assert.equal(end.status, 0);
    assert.match(server.stderr, /warn spans were lost spans=[1-4] cause=/);
  });
}

test("a collector that is not there is no reason not to serve, nor to stop late", async () => {
  await using exercise = await startExercise("epoll", ["--trace", "http://127.0.0.1:1"]);
  assert.equal((await ask(exercise.port)).flags, "01");
  const begun = performance.now();
  const { status } = await exercise.server.stop();
  assert.equal(status, 0);
  assert.ok(performance.now() - begun < 10_000);
  assert.match(exercise.server.stderr, /spans were lost spans=1 /);
});

test("off, the application sees what its client says", async () => {
  await using exercise = await startExercise("epoll");
  const { text } = await rawRequest(exercise.port, get("/environ", "traceparent: anything\r\n"));
  const { strings } = JSON.parse(text) as { strings: Record<string, string> };
  assert.equal(strings["HTTP_TRACEPARENT"], "anything");
});

test("what cannot be meant ends the program with one line", async () => {
  const mistakes: readonly (readonly [args: readonly string[], env: object, line: RegExp])[] = [
    [["--trace", "collector:4318"], {}, /--trace: expected the http or https URL/],
    [["--trace", "http://[x"], {}, /--trace http:\/\/\[x: expected the http/],
    [["--trace", "on", "--trace-sample", "1.5"], {}, /--trace-sample: expected a number from 0/],
    [["--trace", "on"], { OTEL_TRACES_SAMPLER: "jaeger" }, /OTEL_TRACES_SAMPLER=jaeger: expected/],
    [["--trace", "on"], { OTEL_BSP_SCHEDULE_DELAY: "5s" }, /OTEL_BSP_SCHEDULE_DELAY=5s: expected/],
  ];
  for (const [args, env, line] of mistakes) {
    const all = [...args, "--chdir", "examples", "hello:app"];
    const { status, stderr } = await runPortico(all, { env: { ...env } });
    assert.equal(status, 2, stderr);
    assert.match(stderr, line);
  }
});
