import assert from "node:assert/strict";
import { test } from "node:test";

import { IpNetworks } from "../../src/http/ip-network.ts";
import { PythonApplication } from "../../src/handlers/python-application.ts";
import type { ConnectionHandler, Endpoints, HandledRequest } from "../../src/handlers/handler.ts";
import { ProvenanceReader } from "../../src/handlers/provenance.ts";
import { RequestReceiver } from "../../src/http1/receiver.ts";
import type { RequestHead } from "../../src/http1/request-head.ts";
import { SETTINGS } from "../server/connection-fixture.ts";
import { DispatcherFixture } from "../workers/dispatcher-fixture.ts";
import type { FakeWorker, SentRequest } from "../workers/fake-worker.ts";
import { RecordingSink } from "../workers/recording-sink.ts";

const ENDPOINTS: Endpoints = {
  remote: { family: "inet", host: "192.0.2.7", port: 50_123 },
  local: { family: "inet", host: "192.0.2.1", port: 8000 },
  scheme: "http",
};

const PROVENANCE = new ProvenanceReader(new IpNetworks([], false));

/** A request without content. */
function requestFor(head: RequestHead): HandledRequest {
  const provenance = PROVENANCE.read(head, ENDPOINTS);
  const nothing = { content: null, contentLength: null, trace: null, trailers: [] };
  return { id: "id", head, provenance, ...nothing };
}

/** A client whose connection the handler has opened, with a worker behind it. */
class Fixture {
  readonly dispatcher: DispatcherFixture;
  readonly worker: FakeWorker;
  readonly sinks: RecordingSink[] = [];
  readonly #receiver = new RequestReceiver(SETTINGS.request);
  readonly #connection: ConnectionHandler;

  constructor(rootPath = "", dispatcher = new DispatcherFixture()) {
    this.dispatcher = dispatcher;
    this.worker = dispatcher.addWorker();
    const application = new PythonApplication(dispatcher.dispatcher, rootPath, "drop");
    this.#connection = application.openConnection(ENDPOINTS);
  }

  /** Parses a head as a connection would, so that a section that is repeated is the same object. */
  parse(head: string): RequestHead {
    const bytes = Buffer.from(head, "latin1");
    this.#receiver.receive(bytes, bytes.length);
    const event = this.#receiver.next();
    assert.ok(event.kind === "head");
    while (this.#receiver.next().kind !== "paused");
    this.#receiver.nextCycle();
    return event;
  }

  /** Hands a request over, and returns what the worker was sent. */
  handle(head: string, other: Partial<HandledRequest> = {}): SentRequest {
    const sink = new RecordingSink();
    const request = { ...this.#request(head), ...other };
    assert.ok(this.#connection.handle(request, sink) !== null);
    this.dispatcher.endTurn();
    this.sinks.push(sink);
    const sent = this.worker.requests.at(-1);
    assert.ok(sent !== undefined);
    this.dispatcher.answer(this.worker, this.worker.requests.length - 1);
    assert.equal(sink.content, "done");
    return sent;
  }

  #request(head: string): HandledRequest {
    return requestFor(this.parse(head));
  }

  tryToHandle(head: string): boolean {
    const request = this.#request(head);
    return this.#connection.handle(request, new RecordingSink()) !== null;
  }
}

function get(target: string, fields = ""): string {
  return `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
}

test("the path is decoded once, one character a byte; RAW_URI is the target as it was sent", () => {
  const cases: readonly [target: string, path: string, query: string, rawUri: string | null][] = [
    ["/", "/", "", null],
    ["/a/b", "/a/b", "", null],
    ["/a?b=%20c", "/a", "b=%20c", "/a?b=%20c"],
    ["/a?", "/a", "", "/a?"],
    ["/caf%C3%A9", "/caf\xc3\xa9", "", "/caf%C3%A9"],
    ["/caf\xc3\xa9", "/caf\xc3\xa9", "", null],
    ["/a%2Fb", "/a/b", "", "/a%2Fb"],
    ["/a%252Fb", "/a%2Fb", "", "/a%252Fb"],
    ["//a//b", "//a//b", "", null],
    ["/a/../b", "/a/../b", "", null],
  ];
  const fixture = new Fixture();
  for (const [target, path, query, rawUri] of cases) {
    const sent = fixture.handle(get(target));
    assert.deepEqual([sent.path, sent.query, sent.rawUri], [path, query, rawUri], target);
  }
});

test("the root path is taken off, and RAW_URI says what was sent", () => {
  const sent = new Fixture("/app").handle(get("/app/x"));
  assert.deepEqual([sent.path, sent.rawUri], ["/x", "/app/x"]);
});

test("a connection that repeats its fields sends them twice, then their number", () => {
  const fixture = new Fixture();
  const sent = ["/1", "/2", "/3", "/4"].map((target) => fixture.handle(get(target, "X: 1\r\n")));
  assert.deepEqual(
    sent.map(({ template }) => template),
    [-1, 0, 0, 0],
  );
  assert.deepEqual(
    sent.map(({ fields }) => fields?.get("HTTP_X")),
    ["1", "1", undefined, undefined],
  );
  const other = fixture.handle(get("/5", "X: 2\r\n"));
  assert.equal(other.fields?.get("HTTP_X"), "2");
  assert.equal(other.template, -1);
});

test("trailer fields are never taken from, or kept as, a template", () => {
  const fixture = new Fixture();
  for (const value of ["1", "2"]) {
    const plain = fixture.handle(get("/plain"));
    assert.equal(plain.fields?.get("portico.trailers"), undefined);
    const sent = fixture.handle(get("/x"), { trailers: [{ name: "x-sum", value }] });
    assert.deepEqual(sent.fields?.get("portico.trailers"), [["x-sum", value]]);
    assert.deepEqual([sent.template, sent.fields?.get("HTTP_HOST")], [-1, "a"]);
    assert.equal(sent.fields?.get("HTTP_X_SUM"), undefined);
  }
});

test("the authority of an absolute-form is never taken from, or kept as, a template", () => {
  const fixture = new Fixture();
  for (const host of ["a", "b", "a", "b"]) {
    const sent = fixture.handle(get(`http://${host}.example/x`));
    assert.equal(sent.fields?.get("HTTP_HOST"), `${host}.example`);
    assert.equal(sent.path, "/x");
    const plain = fixture.handle(get("/y"));
    assert.equal(plain.fields?.get("HTTP_HOST") ?? "a", "a");
  }
});

test("content and the length of a chunked one are passed on", () => {
  const fixture = new Fixture();
  const content = Buffer.from("hello");
  const declared = fixture.handle(get("/"), { content });
  assert.deepEqual(declared.body, content);
  assert.equal(declared.own, null);
  const chunked = fixture.handle(get("/"), { content, contentLength: 5 });
  assert.deepEqual([...(chunked.own ?? [])], [["CONTENT_LENGTH", "5"]]);
  const empty = fixture.handle(get("/"), { contentLength: 0 });
  assert.deepEqual([...(empty.own ?? [])], [["CONTENT_LENGTH", "0"]]);
});

test("a traced request has a traceparent of its own, which no template keeps", () => {
  const fixture = new Fixture();
  const fields = "Traceparent: client\r\nTracestate: client=1\r\nX: 1\r\n";
  const trace = (count: number) => ({ traceparent: `ours-${count}`, tracestate: null });
  const sent = [1, 2, 3, 4].map((count) =>
    fixture.handle(get(`/${count}`, fields), { trace: trace(count) }),
  );
  assert.deepEqual(
    sent.map(({ template }) => template),
    [-1, 0, 0, 0],
  );
  for (const [index, { own, fields: kept }] of sent.entries()) {
    assert.deepEqual([...(own ?? [])], [["HTTP_TRACEPARENT", `ours-${index + 1}`]]);
    assert.equal(kept?.get("HTTP_TRACEPARENT"), undefined);
    assert.equal(kept?.get("HTTP_TRACESTATE"), undefined);
  }
  assert.equal(sent[1]?.fields?.get("HTTP_X"), "1");
  const whole = { traceparent: "ours", tracestate: "a=1" };
  const chunked = fixture.handle(get("/5", fields), { trace: whole, contentLength: 5 });
  assert.deepEqual(Object.fromEntries(chunked.own ?? []), {
    HTTP_TRACEPARENT: "ours",
    HTTP_TRACESTATE: "a=1",
    CONTENT_LENGTH: "5",
  });
});

test("only methods that are idempotent are run again when their worker dies", () => {
  for (const [method, failure] of [
    ["GET", null],
    ["PUT", null],
    ["POST", "worker-exited"],
    ["PATCH", "worker-exited"],
  ] as const) {
    const dispatcher = new DispatcherFixture();
    const worker = dispatcher.addWorker();
    const connection = new PythonApplication(dispatcher.dispatcher, "", "drop").openConnection(
      ENDPOINTS,
    );
    const parser = new Fixture("", new DispatcherFixture());
    const head = parser.parse(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
    const sink = new RecordingSink();
    connection.handle(requestFor(head), sink);
    dispatcher.endTurn();
    dispatcher.kill(worker);
    assert.equal(sink.failure, failure, method);
    assert.deepEqual(dispatcher.closed[0]?.lost, `${method} /`);
  }
});

test("a full queue is reported to the caller", () => {
  const fixture = new Fixture("", new DispatcherFixture({ queueLengthMax: 1 }));
  assert.ok(fixture.tryToHandle(get("/runs")));
  assert.ok(fixture.tryToHandle(get("/waits")));
  assert.equal(fixture.tryToHandle(get("/refused")), false);
});
