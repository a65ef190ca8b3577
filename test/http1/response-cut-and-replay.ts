/**
 * Drives a {@link ResponseReceiver} with bytes that are cut in a given way, and writes down what
 * comes out; and reads the vectors of `vectors/responses/`.
 */
import { join } from "node:path";
import type { ResponseContentEnd, ResponseHead } from "../../src/http1/response-head.ts";
import { type ResponseLimits, ResponseReceiver } from "../../src/http1/response-receiver.ts";
import { receiveInPieces } from "./cut-and-replay.ts";
import { readVectorFolder } from "./vector-folder.ts";

export const RESPONSE_VECTORS_FOLDER = join(import.meta.dirname, "../../vectors/responses");

export const RESPONSE_LIMITS: ResponseLimits = {
  headLimitBytes: 32_768,
  fieldCountMax: 100,
  interimCountMax: 8,
  bodyLimitBytes: 1_048_576,
  trailerLimitBytes: 8192,
  chunkExtensionLimitBytes: 4096,
};

/** A response as the vectors write it down. */
export interface ResponseRecord {
  status: number;
  versionMinor: number;
  reason: string;
  fields: [string, string][];
  contentEnd: ResponseContentEnd;
  persistent: boolean;
  /** One byte a character. */
  content: string;
}

export interface ResponseReplay {
  /** The responses that were complete. */
  readonly responses: readonly ResponseRecord[];
  readonly interim: number;
  /** What the server did wrong, if it did; else null. */
  readonly code: string | null;
}

export interface Exchanges {
  readonly method: string;
  /** How many answers are waited for; without an end where it is not given. */
  readonly requests?: number;
  readonly limits?: Partial<ResponseLimits>;
}

function recordOf(head: ResponseHead): ResponseRecord {
  const { status, versionMinor, reason, contentEnd, persistent } = head;
  const fields = head.names.map((name, at): [string, string] => [name, head.values[at] ?? ""]);
  return { status, versionMinor, reason, fields, contentEnd, persistent, content: "" };
}

/**
 * Hands the pieces in one after the other, always in the same memory, which is overwritten in
 * between. Behind each answer the next one is awaited where the connection goes on; the end of the
 * input follows.
 */
export function replayResponses(pieces: readonly Buffer[], exchanges: Exchanges): ResponseReplay {
  const receiver = new ResponseReceiver({ ...RESPONSE_LIMITS, ...exchanges.limits });
  const responses: ResponseRecord[] = [];
  const { method, requests = Infinity } = exchanges;
  let present: ResponseRecord | null = null;
  const drain = (): void => {
    for (;;) {
      const event = receiver.next();
      if (event.kind === "need-data" || event.kind === "closed") return;
      if (event.kind === "head") {
        present = recordOf(event);
        continue;
      }
      if (present === null) throw new Error(`${event.kind} without a head`);
      if (event.kind === "content") {
        present.content += event.bytes.toString("latin1", event.start, event.end);
        continue;
      }
      responses.push(present);
      present = null;
      if (receiver.reusable && responses.length < requests) receiver.expect(method);
    }
  };
  receiver.expect(method);
  const error = receiveInPieces(receiver, pieces, drain);
  if (error !== null && error.status !== 502) throw error;
  return { responses, interim: receiver.interimCount, code: error?.code ?? null };
}

export interface ResponseVector {
  readonly name: string;
  readonly bytes: Buffer;
  readonly section: string;
  readonly note: string;
  readonly method: string;
  readonly limits: Partial<ResponseLimits>;
  /** Of one that is taken. */
  readonly responses: readonly ResponseRecord[];
  readonly interim: number;
  /** Of one that is refused. */
  readonly code: string;
  readonly responsesBefore: number;
  readonly requests?: number;
}

export function responseVectors(kind: "accept" | "reject"): ResponseVector[] {
  const defaults = { method: "GET", limits: {}, interim: 0, responsesBefore: 0 };
  return readVectorFolder(join(RESPONSE_VECTORS_FOLDER, kind)).map(
    ({ name, bytes, expected }) => ({ ...defaults, ...expected, name, bytes }) as ResponseVector,
  );
}
