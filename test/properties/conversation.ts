/**
 * Whole connections in memory: any bytes, in any pieces, to an {@link HttpConnection} whose
 * applications are those of `answer-programs.ts`; and what must come back, foretold from what the
 * reference reader makes of the same bytes.
 */
import assert from "node:assert/strict";
import { ErrorPages } from "../../src/http/error-page.ts";
import type { RequestLimits } from "../../src/http1/receiver.ts";
import { ResponseHeadWriter } from "../../src/http1/response.ts";
import { ownEndpoints } from "../../src/server/connection-origin.ts";
import { HeldMemory } from "../../src/server/held-memory.ts";
import { HttpConnection } from "../../src/server/connection.ts";
import type { ConnectionContext, ServedConnection } from "../../src/server/connection-context.ts";
import { IdleConnection, type IdleConnectionOwner } from "../../src/server/idle-connection.ts";
import { FAILURES } from "../../src/server/failure-answer.ts";
import { FailureReport } from "../../src/server/failure-report.ts";
import { readReference, type ReferenceReading } from "../fuzz/reference-parser.ts";
import type { RequestRecord } from "../http1/cut-and-replay.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { SCREENING, SETTINGS } from "../server/connection-fixture.ts";
import { withoutRequestIds } from "../server/respond-vectors.ts";
import { immediateFailure, ProgramHandler, programFor } from "./answer-programs.ts";
import { fieldOf, readAnswers } from "./answer-reader.ts";

const DATE_MS = 784_111_777_000;
const SERVER = "portico";
/** Turns that an input of some bytes may take until everything is answered. */
const TURNS_MAX_PER_BYTE = 8;
const TURNS_MAX = 500;
/** The slow client takes this many bytes in each turn. */
const SLOW_CLIENT_BYTES = 7;
/** Up to this length the content of a request that the gateway answers is taken, and dropped. */
const TAKEN_CONTENT_MAX_BYTES = 65_536;

/** How the client behaves; it changes nothing about the answers. */
export interface ClientManner {
  /** Bytes that may be sent ahead before the connection stops reading. */
  readonly pipelinedLimitBytes: number;
  /** Sends everything before the first answer, its end included. */
  readonly hasty: boolean;
  /** Takes a few bytes in each turn. */
  readonly slow: boolean;
}

export const PLAIN_CLIENT: ClientManner = {
  pipelinedLimitBytes: 65_536,
  hasty: false,
  slow: false,
};

export interface Conversation {
  /** All bytes that the client got. */
  readonly received: Buffer;
  /** Whether the connection ended in a reset. */
  readonly wasReset: boolean;
  /** Requests that the application got. */
  readonly handled: ProgramHandler["requests"];
  /** Whether the server ended the connection before the client ended its half. */
  readonly endedFirst: boolean;
}

/** A connection whose client and clock are the test's. */
export class ConversationFixture implements ConnectionContext, IdleConnectionOwner {
  readonly settings: ConnectionContext["settings"];
  readonly handler = new ProgramHandler();
  readonly headWriter = new ResponseHeadWriter(SERVER);
  readonly errorPages = new ErrorPages("text", null);
  readonly provenance = SCREENING.provenance;
  readonly health = null;
  readonly admissionRules = SCREENING.admissionRules;
  readonly scratch = Buffer.alloc(1_024);
  readonly heldMemory = new HeldMemory(1e9);
  readonly log = { error() {}, warn() {}, info() {}, debug() {} };
  readonly failures = new FailureReport(this.log);
  readonly exchangeLogging = null;
  nowMs = 0;
  draining = false;
  readonly client = new MemoryStream();
  /** The last one; while the client is idle for long, another has its stream. */
  connection: HttpConnection;
  served: ServedConnection;
  closedReports = 0;

  constructor(request: RequestLimits, { pipelinedLimitBytes, slow }: ClientManner) {
    const outlet = { ...SETTINGS.outlet, memoryMaxBytes: 100 };
    this.settings = { ...SETTINGS, request, pipelinedLimitBytes, outlet };
    this.headWriter.setDate(DATE_MS);
    if (slow) this.client.takeAtMost(0);
    const { headerTimeoutMs } = this.settings;
    const idle = new IdleConnection(this, this.client, ownEndpoints(this.client), headerTimeoutMs);
    this.connection = new HttpConnection(this, idle);
    this.served = this.connection;
  }

  onClosed(): void {
    this.closedReports++;
  }

  onRested(_connection: ServedConnection, idle: ServedConnection): void {
    this.served = idle;
  }

  onWoken(idle: IdleConnection): HttpConnection {
    this.connection = new HttpConnection(this, idle);
    this.served = this.connection;
    return this.connection;
  }
}

/**
 * Holds the conversation, to its very end.
 *
 * @throws {AssertionError} where it does not come to an end
 */
export function converse(
  pieces: readonly Buffer[],
  limits: RequestLimits,
  manner: ClientManner = PLAIN_CLIENT,
): Conversation {
  const fixture = new ConversationFixture(limits, manner);
  const { client, handler } = fixture;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let turns = TURNS_MAX + TURNS_MAX_PER_BYTE * length;
  const settle = (): void => {
    for (; turns > 0; turns--) {
      const isSlow = manner.slow && client.unsentBytes > 0;
      if (handler.silent && !isSlow) return;
      handler.turn();
      if (isSlow) client.drain(SLOW_CLIENT_BYTES);
      client.turn();
    }
    assert.fail("the conversation comes to an end");
  };
  for (const piece of pieces) {
    client.deliver(piece);
    if (!manner.hasty) settle();
  }
  const endedFirst = client.sawEnd;
  client.deliverEnd();
  settle();
  assert.ok(client.closed && client.closeReported, "the connection is closed when all is said");
  assert.equal(fixture.closedReports, 1, "its end is reported once");
  const { wasReset } = client;
  const received = Buffer.from(withoutRequestIds(client.received.toString("latin1")), "latin1");
  return { received, wasReset, handled: handler.requests, endedFirst };
}

/** One answer as it is foretold. */
interface Foretold {
  readonly method: string;
  readonly statuses: ReadonlySet<number>;
  /** Exactly this; null for the page of an error. */
  readonly content: string | null;
  readonly complete: boolean;
  readonly hints: boolean;
  readonly mayContinue: boolean;
  /** Whether it is the last one, and how the connection ends then. */
  readonly ends: "no" | "in order" | "with a reset";
}

const ERROR_PAGE = { content: null, complete: true, hints: false } as const;

/** What the gateway answers by itself, from the head alone; null where it asks the application. */
function ownStatus({ method, target, form }: RequestRecord): number | null {
  if (form !== "origin" && /^https:/i.test(target)) return 421;
  if (method === "CONNECT" || method === "TRACE") return 501;
  return form === "asterisk" ? 200 : null;
}

/**
 * Whether an answer of the gateway's own leaves before the content has come, and closes: where the
 * content is long, or of unknown length, or not on its way.
 */
function isAnsweredEarly(request: RequestRecord): boolean {
  const { framing, expectsContinue } = request;
  if (ownStatus(request) === null || framing.kind === "none") return false;
  return framing.kind === "chunked" || framing.bytes > TAKEN_CONTENT_MAX_BYTES || expectsContinue;
}

function foretell(request: RequestRecord): Foretold {
  const { method, versionMinor, persistent, expectsContinue: mayContinue } = request;
  const status = ownStatus(request);
  if (status !== null) {
    const isEarly = isAnsweredEarly(request);
    return {
      ...ERROR_PAGE,
      method,
      statuses: new Set([status]),
      content: status >= 400 && method !== "HEAD" ? null : "",
      mayContinue: mayContinue && !isEarly,
      ends: persistent && !isEarly ? "no" : "in order",
    };
  }
  const program = programFor(request);
  const ends = persistent ? "no" : "in order";
  const failed = immediateFailure(program);
  if (failed !== null) {
    const statuses = new Set([FAILURES[failed].status]);
    const content = method === "HEAD" ? "" : null;
    return { ...ERROR_PAGE, content, method, statuses, mayContinue, ends };
  }
  const { declared, pieces, hints, failure } = program;
  const isAborted = failure !== null;
  const given = pieces.join("");
  const told = { method, statuses: new Set([program.status]), mayContinue };
  const withHints = { ...told, hints: hints && versionMinor === 1 };
  if (method === "HEAD" || [204, 205, 304].includes(program.status)) {
    return { ...withHints, content: "", complete: true, ends: isAborted ? "in order" : ends };
  }
  if (declared !== null) {
    const complete = given.length >= declared;
    const isCut = isAborted || !complete;
    const content = given.slice(0, declared);
    return { ...withHints, content, complete, ends: isCut ? "in order" : ends };
  }
  if (versionMinor === 0) {
    const end = isAborted ? "with a reset" : "in order";
    return { ...withHints, content: given, complete: false, ends: end };
  }
  return {
    ...withHints,
    content: given,
    complete: !isAborted,
    ends: isAborted ? "in order" : ends,
  };
}

/** All answers to what the reference has read, in order. */
function foretellAll(reading: ReferenceReading): Foretold[] {
  const all: Foretold[] = [];
  for (const request of reading.requests) {
    const foretold = foretell(request);
    all.push(foretold);
    if (foretold.ends !== "no") return all;
  }
  const { refusals, refusedHead, refusesHead } = reading;
  if (refusals === null) return all;
  if (refusedHead !== null && isAnsweredEarly(refusedHead)) return [...all, foretell(refusedHead)];
  all.push({
    ...ERROR_PAGE,
    method: refusesHead ? "HEAD" : "GET",
    content: refusesHead ? "" : null,
    statuses: refusals,
    mayContinue: refusedHead?.expectsContinue === true,
    ends: "in order",
  });
  return all;
}

/**
 * Holds a conversation and checks that the answers are those to the requests that the reference has
 * read: as many, in their order, whole where they should be, and nothing behind.
 *
 * @returns their statuses
 * @throws {AssertionError} where they are not
 */
export function checkConversation(
  pieces: readonly Buffer[],
  limits: RequestLimits,
  manner: ClientManner,
): number[] {
  const reading = readReference(Buffer.concat(pieces), limits);
  const conversation = converse(pieces, limits, manner);
  if (!conversation.wasReset || !manner.slow) {
    return checkAnswers(conversation, reading);
  }
  // A reset takes away what has not been read.
  const { received } = converse(pieces, limits, { ...manner, slow: false });
  assert.ok(received.subarray(0, conversation.received.length).equals(conversation.received));
  return checkAnswers({ ...conversation, received }, reading);
}

function checkAnswers(conversation: Conversation, reading: ReferenceReading): number[] {
  const expected = foretellAll(reading);
  const answers = readAnswers(
    conversation.received,
    expected.map(({ method }) => method),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    expected.map(({ statuses }, index) => {
      const status = answers[index]?.status ?? 0;
      return statuses.has(status) ? status : [...statuses].join(" or ");
    }),
    "the statuses",
  );
  for (const [index, answer] of answers.entries()) {
    const { content, complete, hints, mayContinue, ends } = expected[index] as Foretold;
    if (content === null) assert.ok(answer.content.startsWith(`${answer.status} `), "a page");
    else assert.equal(answer.content, content);
    assert.equal(answer.complete, complete);
    const interim = answer.interim.filter((status) => status !== 100);
    assert.deepEqual(interim, hints ? [103] : []);
    assert.ok(answer.interim.length - interim.length <= (mayContinue ? 1 : 0), "100 at most once");
    if (fieldOf(answer, "connection") === "close") {
      assert.equal(index, answers.length - 1, "nothing is answered after close");
    }
    assert.equal(fieldOf(answer, "server"), "portico");
    assert.equal(fieldOf(answer, "date"), new Date(DATE_MS).toUTCString());
    assert.equal(conversation.wasReset && index === answers.length - 1, ends === "with a reset");
  }
  checkHandled(conversation, reading, expected.length);
  return answers.map(({ status }) => status);
}

/** The application got what was meant for it, as it was sent, and nothing else. */
function checkHandled(
  { handled }: Conversation,
  { requests }: ReferenceReading,
  answered: number,
): void {
  assert.deepEqual(
    handled,
    requests
      .slice(0, answered)
      .filter((request) => ownStatus(request) === null)
      .map(({ method, target, content }) => ({ method, target, content })),
  );
}
