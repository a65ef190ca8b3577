/**
 * Drives a {@link RequestReceiver} with bytes that are cut in a given way, and writes down what
 * comes out, in a form that can be compared.
 */
import { ProtocolError } from "../../src/base/errors.ts";
import { RequestReceiver, type RequestLimits } from "../../src/http1/receiver.ts";
import type { Framing, RequestHead } from "../../src/http1/request-head.ts";
import type { TrailerField } from "../../src/http1/trailer-section.ts";

export const LIMITS: RequestLimits = {
  requestLineLimitBytes: 8192,
  headLimitBytes: 32_768,
  fieldCountMax: 100,
  fieldLimitBytes: 16_384,
  bodyLimitBytes: 1_048_576,
  trailerLimitBytes: 8192,
  chunkExtensionLimitBytes: 4096,
};

/** A request as the vectors write it down. */
export interface RequestRecord {
  method: string;
  target: string;
  form: string;
  path: string;
  query: string;
  authority: string | null;
  versionMinor: number;
  fields: [string, string][];
  framing: Framing;
  persistent: boolean;
  expectsContinue: boolean;
  /** One byte a character. */
  content: string;
  /** Those that may be handed on. */
  trailers: TrailerField[];
}

export interface Replay {
  /** The requests that were complete. */
  readonly requests: readonly RequestRecord[];
  /** What the client did wrong, if it did; else null. */
  readonly violation: { readonly status: number; readonly code: string } | null;
}

/** Events that a byte, or a piece, may bring about: head, content, end, paused. */
const EVENTS_MAX_PER_STEP = 4;

function recordOf(head: RequestHead): RequestRecord {
  const { section } = head;
  return {
    method: head.method,
    target: head.rawTarget,
    form: head.form,
    path: head.path,
    query: head.query,
    authority: head.authority,
    versionMinor: head.versionMinor,
    fields: section.names.map((name, index) => [name, section.values[index] ?? ""]),
    framing: section.framing,
    persistent: section.persistent,
    expectsContinue: section.expectsContinue,
    content: "",
    trailers: [],
  };
}

/**
 * Hands the pieces in one after the other, always in the same memory, which is overwritten in
 * between: whatever the receiver should have copied and did not is lost. Each request is answered
 * at once. The client's end follows.
 */
export function replay(pieces: readonly Buffer[], limits: RequestLimits = LIMITS): Replay {
  const receiver = new RequestReceiver(limits);
  const requests: RequestRecord[] = [];
  let present: RequestRecord | null = null;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let events = 0;
  const drain = (): void => {
    for (;;) {
      const event = receiver.next();
      if (events++ > EVENTS_MAX_PER_STEP * (length + pieces.length + 1)) {
        throw new Error("the receiver does not get on");
      }
      switch (event.kind) {
        case "head":
          present = recordOf(event);
          break;
        case "content":
          if (present === null) throw new Error("content without a head");
          present.content += event.bytes.toString("latin1", event.start, event.end);
          break;
        case "end":
          if (present === null) throw new Error("an end without a head");
          present.trailers = [...receiver.trailers];
          requests.push(present);
          present = null;
          break;
        case "paused":
          receiver.nextCycle();
          break;
        case "need-data":
        case "closed":
          return;
        default:
          event satisfies never;
      }
    }
  };
  const error = receiveInPieces(receiver, pieces, drain);
  if (error === null) return { requests, violation: null };
  return { requests, violation: { status: error.status, code: error.code } };
}

/** What both receivers have in common. */
interface Receiver {
  receive(bytes: Buffer, end: number): void;
  receiveEnd(): void;
  next(): { readonly kind: string };
}

/**
 * Gives a receiver the pieces in one memory, which is spoilt after each, and then the end.
 *
 * @param drain takes all events that there are
 * @returns why it refused; null where it did not
 */
export function receiveInPieces(
  receiver: Receiver,
  pieces: readonly Buffer[],
  drain: () => void,
): ProtocolError | null {
  const memory = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)));
  try {
    for (const piece of pieces) {
      piece.copy(memory);
      receiver.receive(memory, piece.length);
      drain();
      memory.fill(0x21);
    }
    receiver.receiveEnd();
    drain();
    return null;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (receiver.next().kind !== "closed") {
      throw new Error("not closed after a violation", { cause: error });
    }
    return error;
  }
}

/** Cuts before each of the positions given, in rising order. */
export function cutAt(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const ends = [...positions, bytes.length];
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

/** Pseudo-random numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The ways of cutting in which every vector is replayed. */
export const CUTS: Readonly<Record<string, (bytes: Buffer, seed: number) => Buffer[]>> = {
  whole: (bytes) => [bytes],
  "by line": (bytes) =>
    cutAt(
      bytes,
      [...bytes.keys()].filter((index) => index > 0 && bytes[index - 1] === 0x0a),
    ),
  "by byte": (bytes) => cutAt(bytes, [...bytes.keys()].slice(1)),
  "one byte, then the rest": (bytes) => cutAt(bytes, bytes.length > 1 ? [1] : []),
  "at random": (bytes, seed) => {
    const random = randomNumbers(seed);
    const chance = 0.02 + random() * 0.3;
    return cutAt(
      bytes,
      [...bytes.keys()].slice(1).filter(() => random() < chance),
    );
  },
};
