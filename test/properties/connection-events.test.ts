/**
 * Whatever happens to a connection, in whatever order: bytes, the client's end, time that passes,
 * answers, a client that takes little, a stop of the server, a broken line. Nothing is thrown, what
 * the client gets stays well-formed, and in the end the connection is closed and says so once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readReference } from "../fuzz/reference-parser.ts";
import { LIMITS } from "../http1/cut-and-replay.ts";
import { readAnswers } from "./answer-reader.ts";
import { ConversationFixture, PLAIN_CLIENT } from "./conversation.ts";
import { anyConnection } from "./request-arbitrary.ts";

/** Longer than every timeout of the fixture. */
const LONG_MS = 120_000;
/** After so long an idle connection gives its stream back, and nothing has timed out. */
const REST_MS = 1_100;
const SWEEPS_TO_THE_END = 20;
const TURNS_BETWEEN_SWEEPS = 100;

type Step =
  /** The client sends so many bytes more of what it has. */
  | { readonly sent: number }
  /** The applications say something more. */
  | { readonly answered: true }
  | { readonly passedMs: number }
  /** The client takes so many bytes of what waits for it. */
  | { readonly taken: number }
  /** The client ends its half. */
  | { readonly ended: true }
  /** The server is being stopped; then it closes what is left. */
  | { readonly draining: true }
  | { readonly closed: true }
  /** The line breaks. */
  | { readonly broken: true };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: fc.record({ sent: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 24, arbitrary: fc.constant({ answered: true } as const) },
  { weight: 9, arbitrary: fc.record({ passedMs: fc.nat(15_000) }) },
  { weight: 3, arbitrary: fc.constant({ passedMs: LONG_MS }) },
  { weight: 3, arbitrary: fc.constant({ passedMs: REST_MS }) },
  { weight: 9, arbitrary: fc.record({ taken: fc.nat(300) }) },
  { weight: 3, arbitrary: fc.constant({ ended: true } as const) },
  { weight: 3, arbitrary: fc.constant({ draining: true } as const) },
  { weight: 1, arbitrary: fc.constant({ closed: true } as const) },
  { weight: 1, arbitrary: fc.constant({ broken: true } as const) },
);

class EventfulConnection {
  readonly fixture: ConversationFixture;
  /** What the client has sent. */
  sentBytes = 0;
  readonly #bytes: Buffer;
  #ended = false;

  constructor(bytes: Buffer, slow: boolean) {
    this.#bytes = bytes;
    this.fixture = new ConversationFixture(LIMITS, { ...PLAIN_CLIENT, slow });
  }

  take(next: Step): void {
    const { fixture } = this;
    const { client } = fixture;
    if ("sent" in next) this.#send(next.sent);
    else if ("answered" in next) fixture.handler.turn();
    else if ("passedMs" in next) this.pass(next.passedMs);
    else if ("taken" in next) client.drain(next.taken);
    else if ("ended" in next) this.#end();
    else if ("draining" in next) fixture.draining = true;
    else if ("closed" in next) fixture.served.close();
    else client.break();
    client.turn();
  }

  pass(milliseconds: number): void {
    this.fixture.nowMs += milliseconds;
    if (!this.fixture.client.closed) this.fixture.served.sweep();
    this.fixture.client.turn();
  }

  /** Everybody does what is left to do. */
  finish(): void {
    const { client, handler } = this.fixture;
    for (let time = 0; time < SWEEPS_TO_THE_END && !client.closeReported; time++) {
      for (let turn = 0; turn < TURNS_BETWEEN_SWEEPS && !handler.silent; turn++) {
        handler.turn();
        client.drain();
      }
      client.drain();
      this.pass(LONG_MS);
    }
  }

  #send(count: number): void {
    if (this.#ended) return;
    const end = Math.min(this.#bytes.length, this.sentBytes + count);
    this.fixture.client.deliver(this.#bytes.subarray(this.sentBytes, end));
    this.sentBytes = end;
  }

  #end(): void {
    if (!this.#ended) this.fixture.client.deliverEnd();
    this.#ended = true;
  }
}

test("property: a connection comes to its end, whatever happens in whatever order", () => {
  const steps = fc.array(step, { maxLength: 80, size: "max" });
  fc.assert(
    fc.property(anyConnection, steps, fc.boolean(), (bytes, all, slow) => {
      const eventful = new EventfulConnection(bytes, slow);
      const { fixture } = eventful;
      for (const next of all) if (!fixture.client.closed) eventful.take(next);
      eventful.finish();
      const { client } = fixture;
      assert.ok(client.closed && client.closeReported, "it is closed");
      assert.equal(fixture.closedReports, 1, "and says so once");
      // Cut off, there is no reading on; and what has timed out was answered before all was sent.
      const isCut = all.some((one) => "closed" in one || "broken" in one || "passedMs" in one);
      if (slow || isCut || client.wasReset) return;
      const sent = bytes.subarray(0, eventful.sentBytes);
      const { requests, refusesHead } = readReference(sent, LIMITS);
      const methods = requests.map(({ method }) => method);
      readAnswers(client.received, methods, refusesHead ? "HEAD" : "GET");
    }),
    { numRuns: Math.max(1_000, fc.readConfigureGlobal().numRuns ?? 0) },
  );
});
