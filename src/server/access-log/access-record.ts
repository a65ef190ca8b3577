/**
 * What an access log can say of an exchange: one request and what became of it. Knows neither the
 * form of a line nor where the values come from.
 *
 * Text is as it was on the wire, one byte a character (latin-1), and not escaped. Whatever costs
 * something is a method or a getter: a format asks only for what it writes.
 */
import type { RequestFailure } from "../failure-answer.ts";
import type { ExchangeTrace } from "../traces/exchange-trace.ts";
import type { RepeatedParts } from "./repeated-parts.ts";

/** Status of an exchange whose client went away before an answer began; nginx has the same. */
export const CLIENT_CLOSED_REQUEST = 499;

export interface AccessRecord {
  /**
   * Kept as long as all this answers the same: `method`, `protocol`, `remoteHost`, `peerHost`,
   * `user` and `requestField`.
   */
  readonly repeated: RepeatedParts;
  /** When the request's first byte came: milliseconds since 1970-01-01T00:00:00Z. */
  readonly startedAtEpochMs: number;
  /** null, as the target then is, where there was no request line that could be read. */
  readonly method: string | null;
  /** As it came. */
  readonly target: string | null;
  /** Percent-encoded as it came, without the query. */
  readonly path: string | null;
  /** Without the question mark; "" where there is none. */
  readonly query: string | null;
  /** `HTTP/1.1` */
  readonly protocol: string | null;
  /** {@link CLIENT_CLOSED_REQUEST} where nobody got one. */
  readonly status: number;
  /** Whether the client went away before an answer began; an application may answer 499 as well. */
  readonly isAborted: boolean;
  /**
   * Why the application did not answer; null where it did, or the gateway answers by a rule or a
   * limit of its own.
   */
  readonly failure: RequestFailure | null;
  /** Of the request's content, without its framing; 0 where it was not handed on. */
  readonly requestContentBytes: number;
  /** Of the answer's content that was sent, without its framing. */
  readonly contentBytes: number;
  /** From the request's first byte to the answer's last, as it leaves, in whole microseconds. */
  readonly durationUs: number;
  /**
   * From the request's first byte until all of it was there, in whole microseconds; null where it
   * did not come to that, or where the span of this exchange is not recorded.
   */
  readonly receivedUs: number | null;
  /** Likewise, until its answer began to leave. */
  readonly answeredUs: number | null;
  /** Waiting for a worker, or behind others of that; null where it did not come to that. */
  readonly queueUs: number | null;
  /** As its worker tells; null where none did, because it had it not or came to no end. */
  readonly applicationUs: number | null;
  readonly workerPid: number | null;
  /** Number of the import of the code that answered. */
  readonly generation: number | null;
  /** How often it was run again because a worker died. */
  readonly retries: number;
  /** null where nobody has given it one. */
  readonly requestId: string | null;
  /** Its place in its trace; null where requests are not traced. */
  readonly trace: ExchangeTrace | null;
  /** As the client used it, as far as that is believed; null where there was no request. */
  readonly scheme: "http" | "https" | null;
  /** The host that was asked for, with its port where one was given; likewise. */
  readonly host: string | null;
  /** Numeric address of the client, as far as it is believed; "" where it has none. */
  readonly remoteHost: string;
  /** Numeric address of the other end of the connection; "" for a Unix socket. */
  readonly peerHost: string;
  /** The name in Basic credentials (RFC 7617), which nobody has checked. */
  readonly user: string | null;

  /** @param name lower-case; @returns the value, lines combined; null where it is not there */
  requestField(name: string): string | null;
  /** As {@link AccessRecord.requestField}, of the answer. */
  responseField(name: string): string | null;
  /** @param name in any case; @returns null where the gateway has put no such entry there */
  environ(name: string): string | null;
}
