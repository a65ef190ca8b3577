/**
 * What the dispatcher needs to know of a request, and what it tells whoever waits for the answer.
 * Both sides are free of HTTP's wire form: the environ entries come encoded, the answer's head goes
 * out as the worker wrote it.
 */

/** A name and its value, each character one byte. */
export type EnvironEntry = readonly [name: string, value: string];

/**
 * The environ entries that a client repeats from request to request. Whoever builds requests keeps
 * the same object while the entries stay the same; a worker is then sent its number only.
 */
export class EnvironTemplate {
  /** The marshal dict of docs/worker-protocol.md. */
  readonly encoded: Buffer;
  /**
   * Requests that were made of it. The first one is sent without a number: most clients come once.
   */
  uses = 0;
  /**
   * Its number in each channel, by the channel's index; whether it still holds is for the channel
   * to say.
   */
  readonly numbers: number[] = [];

  constructor(encoded: Buffer) {
    this.encoded = encoded;
  }
}

/** Content that was too large to travel inline, complete, in a temporary file. */
export interface SpooledContent {
  readonly descriptor: number;
  /** null where the file has no name any more. */
  readonly path: string | null;
  readonly lengthBytes: number;
}

/**
 * Content of which the most part is still on its way: the worker takes it off the client's socket
 * by itself, before it begins the request, or else gives back what it has. What it says of that is
 * told also where nobody waits for the answer any more: then the socket may be used again.
 */
export interface LentContent {
  /** What had come before; valid until the request is sent to a worker. */
  readonly received: Buffer;
  /** All of it, in bytes. */
  readonly lengthBytes: number;
  /** What of it has come, as far as that is known by now. */
  readonly arrivedBytes: number;
  /** The client's socket; null where it is closed by now. */
  lend(): number | null;
  /** A worker has taken all of it, and has given the socket back. */
  onTaken(): void;
  /**
   * A worker gives back so much of what it has taken, in order.
   *
   * @returns whether that can be: it is less than was left
   */
  onReturned(bytes: Buffer, start: number, end: number): boolean;
  /** That was all, the socket included. It has not begun the request, and does not answer it. */
  onLeft(): void;
}

/** What a request's content is, and how it comes to the worker; null for an empty one. */
export type RequestBody = Buffer | SpooledContent | LentContent | null;

/** The content, where it is lent. */
export function lentContentOf({ content }: { readonly content: RequestBody }): LentContent | null {
  return content !== null && "lend" in content ? content : null;
}

export interface ApplicationRequest {
  readonly template: EnvironTemplate;
  /** PATH_INFO, each character one byte. */
  readonly path: string;
  readonly query: string;
  /** RAW_URI, or null where it equals `path`. */
  readonly rawUri: string | null;
  /** Valid until the answer is complete or has failed. */
  readonly content: RequestBody;
  /**
   * Entries of this request alone, which replace those of the template: CONTENT_LENGTH where the
   * content came chunked, and what tells requests apart that repeat their fields. null for none.
   */
  readonly ownEntries: readonly EnvironEntry[] | null;
  /**
   * May it be run again when the worker died while it may have been running (RFC 9110 section
   * 9.2.2)? Not one whose content is lent, of which nothing is left then.
   */
  readonly idempotent: boolean;
  /** May two workers run it at the same time, since it changes nothing (RFC 9110 section 9.2.1)? */
  readonly safe: boolean;
  /** What the request is called in the log and in its client's answer; made at the first use. */
  readonly id: string;
  /** The request line, for the log. Not escaped. */
  describe(): string;
}

/**
 * What workers had to do with one answer, as far as it is known by now: all of it once the answer
 * is over, and for as long as somebody holds on to it.
 */
export interface WorkerShare {
  /**
   * Time in which it waited for a worker, or behind other requests of its worker; null while it
   * waits for one.
   */
  readonly queueUs: number | null;
  /** The application's time until its head, of which its worker tells; null before. */
  readonly headUs: number | null;
  /** The application's time for it, which its worker tells at the end; null before. */
  readonly applicationUs: number | null;
  /** The worker that has it, or had it last; null while it waits for one. */
  readonly workerPid: number | null;
  /** Which import of the code that worker runs, 1 being the first; null likewise. */
  readonly workerGeneration: number | null;
  /** How often it was run again because a worker died under it. */
  readonly retries: number;
}

/** Why there is no answer, or no more of it. */
export type AnswerFailure =
  /** The application raised before its head had left: 500. */
  | "application-error"
  /** The worker ended: 502. */
  | "worker-exited"
  /** The application took too long: 504. */
  | "timed-out"
  /** Too many requests wait: 503. */
  | "queue-full"
  /** It waited too long for a worker: 503. */
  | "queue-timed-out";

/**
 * A client's socket that the worker may send the rest of its answer's content to by itself. Until
 * it has given it back, nobody else sends anything there.
 */
export interface SocketLoan {
  readonly descriptor: number;
  /** Whether content has to leave in chunks. */
  readonly isChunked: boolean;
  /**
   * The worker has sent so many bytes there.
   *
   * @param framingBytes of these and of the rest, what is no content but the framing of chunks
   * @param rest         what is left of the content that it has begun to send, to be sent as it is;
   *   valid during the call
   * @returns whether that is content of this answer, and no more than was left of it
   */
  onSent(sentBytes: number, framingBytes: number, rest: Buffer): boolean;
}

/**
 * Receives one answer: any number of `onAnswerInterim`, then `onAnswerHead`, any number of
 * `onAnswerContent`, and `onAnswerEnd`; or, at any point, `onAnswerFailure`. A whole answer in one
 * piece is `onAnswerHead` with `complete` true, and nothing behind it.
 */
export interface AnswerSink {
  /**
   * An interim answer, which announces a final one (RFC 9110 section 15.2). Where a request is run
   * again because its worker died, the same ones may come a second time.
   *
   * @param status 103, the only one that a worker sends
   * @param bytes  head at `[headStart, headEnd)`, `103 Early Hints` and field lines, each with its
   *   CRLF; valid during the call
   */
  onAnswerInterim(status: number, bytes: Buffer, headStart: number, headEnd: number): void;
  /**
   * @param contentLength what the application declared, or null
   * @param bytes         head at `[headStart, headEnd)`, content directly behind it up to
   *   `contentEnd`; valid during the call
   */
  onAnswerHead(
    status: number,
    contentLength: number | null,
    bytes: Buffer,
    headStart: number,
    headEnd: number,
    contentEnd: number,
    complete: boolean,
  ): void;
  onAnswerContent(bytes: Buffer, start: number, end: number): void;
  /** Lends the client's socket for content behind what has been received; null where it cannot. */
  lendSocket?(): SocketLoan | null;
  onAnswerEnd(): void;
  /**
   * The answer fails; what has left already stays as it is. `aborted`: the application raised after
   * its head.
   */
  onAnswerFailure(failure: AnswerFailure | "application-aborted"): void;
}
