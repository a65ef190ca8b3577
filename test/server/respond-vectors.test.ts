/**
 * Replays each vector of `vectors/http1/respond/` against a connection whose stream is played: cut
 * in every way of {@link CUTS}, alone and behind another request.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { AllowedHosts, parseHostPattern } from "../../src/handlers/allowed-hosts.ts";
import { ErrorPages } from "../../src/http/error-page.ts";
import { ResponseHeadWriter } from "../../src/http1/response.ts";
import { ownEndpoints } from "../../src/server/connection-origin.ts";
import { HeldMemory } from "../../src/server/held-memory.ts";
import { FailureReport } from "../../src/server/failure-report.ts";
import { HttpConnection } from "../../src/server/connection.ts";
import type { ConnectionContext, ServedConnection } from "../../src/server/connection-context.ts";
import { IdleConnection, type IdleConnectionOwner } from "../../src/server/idle-connection.ts";
import { CUTS, LIMITS } from "../http1/cut-and-replay.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { SCREENING, SETTINGS } from "./connection-fixture.ts";
import { RespondHandler } from "./respond-programs.ts";
import {
  DATE,
  DATE_MS,
  RESPOND_FOLDER,
  type RespondVector,
  respondVectors,
  SERVER,
  withoutRequestIds,
} from "./respond-vectors.ts";

const RANDOM_CUTS = 8;
const FIRST = "GET /hello HTTP/1.1\r\nHost: example.org\r\n\r\n";
const FIRST_ANSWER =
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n` +
  `Date: ${DATE}\r\nServer: ${SERVER}\r\n\r\nhello\n`;
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

/** After so long an idle connection gives its stream back. */
const REST_MS = 1_100;

const SILENT = { error() {}, warn() {}, info() {}, debug() {} };

/** A connection to the applications of `respond-programs.ts`, with a clock that stands still. */
class RespondFixture implements ConnectionContext, IdleConnectionOwner {
  readonly settings: ConnectionContext["settings"];
  readonly handler = new RespondHandler();
  readonly headWriter = new ResponseHeadWriter(SERVER);
  readonly errorPages = new ErrorPages("text", null);
  readonly provenance = SCREENING.provenance;
  readonly health = null;
  readonly admissionRules: ConnectionContext["admissionRules"];
  readonly scratch = Buffer.alloc(4_096);
  readonly heldMemory = new HeldMemory(1e9);
  readonly log = SILENT;
  readonly failures = new FailureReport(SILENT);
  readonly exchangeLogging = null;
  nowMs = 0;
  wakings = 0;
  #served: ServedConnection;
  readonly draining = false;
  readonly client = new MemoryStream();

  constructor({ limits, allowedHosts }: RespondVector) {
    this.settings = { ...SETTINGS, request: { ...LIMITS, ...limits } };
    const patterns = allowedHosts.map((text) => parseHostPattern(text));
    const hosts = patterns.flatMap((parsed) => (parsed.kind === "pattern" ? parsed.pattern : []));
    this.admissionRules =
      allowedHosts.length === 0
        ? SCREENING.admissionRules
        : [new AllowedHosts(hosts), ...SCREENING.admissionRules];
    this.headWriter.setDate(DATE_MS);
    const { headerTimeoutMs } = this.settings;
    this.#served = new IdleConnection(
      this,
      this.client,
      ownEndpoints(this.client),
      headerTimeoutMs,
    );
  }

  onWoken(idle: IdleConnection): HttpConnection {
    this.wakings++;
    const connection = new HttpConnection(this, idle);
    this.#served = connection;
    return connection;
  }

  onRested(_connection: ServedConnection, idle: ServedConnection): void {
    this.#served = idle;
  }

  /** So much time passes that an idle connection gives its stream back. */
  rest(): void {
    this.nowMs += REST_MS;
    this.#served.sweep();
  }

  onClosed(): void {}

  /** The client sends, and the application answers what has arrived whole. */
  deliver(piece: Buffer): void {
    this.client.deliver(piece);
    this.handler.turn();
    this.client.turn();
  }

  get ending(): RespondVector["connection"] {
    if (this.client.wasReset) return "reset";
    return this.client.sawEnd ? "closed" : "open";
  }
}

function replay(vector: RespondVector, pieces: readonly Buffer[]): RespondFixture {
  const fixture = new RespondFixture(vector);
  for (const piece of pieces) fixture.deliver(piece);
  return fixture;
}

/** Cuts what is sent at once, and what only a 100 brings about, each by itself. */
function cutVector(
  vector: RespondVector,
  before: string,
  cut: (bytes: Buffer, seed: number) => Buffer[],
  seed: number,
): Buffer[] {
  const { bytes, sentAfterContinue } = vector;
  const head = bytes.subarray(0, bytes.length - sentAfterContinue);
  const rest = bytes.subarray(bytes.length - sentAfterContinue);
  const pieces = cut(Buffer.concat([Buffer.from(before), head]), seed);
  return sentAfterContinue === 0 ? pieces : [...pieces, ...cut(rest, seed)];
}

function check(vector: RespondVector, before: string, answerBefore: string): void {
  const expected = Buffer.concat([Buffer.from(answerBefore), vector.expected]);
  for (const [way, cut] of Object.entries(CUTS)) {
    const seeds = way === "at random" ? RANDOM_CUTS : 1;
    for (let seed = 0; seed < seeds; seed++) {
      const fixture = replay(vector, cutVector(vector, before, cut, seed));
      const received = withoutRequestIds(fixture.client.received.toString("latin1"));
      assert.equal(received, expected.toString("latin1"), `${way}, seed ${seed}`);
      assert.equal(fixture.ending, vector.connection, `${way}, seed ${seed}`);
    }
  }
}

const vectors = respondVectors();

test("each answer is a pair of files with a clause and a note", () => {
  assert.ok(vectors.length >= 80);
  assert.equal(readdirSync(RESPOND_FOLDER).length, 2 * vectors.length);
  for (const { name, section, note, expected } of vectors) {
    assert.match(section, /^(?:RFC \d+ section \d|PEP 3333)/, name);
    assert.ok(note.length > 0, name);
    assert.ok(expected.length > 0, name);
  }
});

for (const vector of vectors) {
  test(`respond ${vector.name}: ${vector.note}`, () => {
    check(vector, "", "");
  });

  test(`respond ${vector.name}, behind another request`, () => {
    check(vector, FIRST, FIRST_ANSWER);
  });

  test(`respond ${vector.name}, some time after another request`, () => {
    const fixture = replay(vector, [Buffer.from(FIRST)]);
    fixture.rest();
    fixture.deliver(vector.bytes.subarray(0, vector.bytes.length - vector.sentAfterContinue));
    if (vector.sentAfterContinue > 0) {
      fixture.deliver(vector.bytes.subarray(-vector.sentAfterContinue));
    }
    assert.equal(fixture.wakings, 2, "it was an idle connection in between");
    const received = withoutRequestIds(fixture.client.received.toString("latin1"));
    assert.equal(received, FIRST_ANSWER + vector.expected.toString("latin1"));
    assert.equal(fixture.ending, vector.connection);
  });

  if (vector.sentAfterContinue > 0) {
    test(`respond ${vector.name}, to a client that does not wait`, () => {
      const fixture = replay(vector, [vector.bytes]);
      const expected = vector.expected.toString("latin1").replace(CONTINUE, "");
      assert.equal(fixture.client.received.toString("latin1"), expected);
      assert.equal(fixture.ending, vector.connection);
    });
  }
}
