/**
 * Lends a client's socket to the worker that gets its request, for the content that is still to
 * come: the worker takes it by itself, with neither a file nor a socket in between.
 *
 * Only content that comes faster than it is read here, since a slow client must hold no worker. The
 * worker has little patience, and gives back what it has; then all goes on here. What has come
 * before travels with the request.
 */
import type { RequestHead } from "../http1/request-head.ts";
import type { RequestReceiver } from "../http1/receiver.ts";
import type { ByteStream } from "../net/byte-stream.ts";
import type { LentContent } from "../workers/application-request.ts";
import { isIdempotent } from "../workers/protocol.ts";
import type { ContentIntake } from "./content-intake.ts";

/** What is not larger stays in memory by default, and costs less if it comes with its request. */
const LENT_ABOVE_BYTES = 65_536;
/** A worker has it in memory; and here what it gives back waits there, until it is written. */
const LENT_MAX_BYTES = 16_777_216;
/** So much has to wait to be read, for a client to count as a fast one. */
const WAITING_MIN_BYTES = 65_536;
/** For so long a client is not read because its request waits for a worker. */
const HELD_MAX_MS = 250;

interface Clock {
  /** Between two sweeps the time of the next one. */
  readonly nowMs: number;
}

export interface ContentLoanOwner {
  /** A worker has all of the content, and is about to begin the request. */
  onContentTaken(): void;
  /** No worker has it, or will answer. What one has taken has been given back. */
  onContentLeft(): void;
}

export class ContentLoan implements LentContent {
  readonly received: Buffer;
  readonly lengthBytes: number;
  readonly #stream: ByteStream;
  readonly #intake: ContentIntake;
  readonly #receiver: RequestReceiver;
  readonly #owner: ContentLoanOwner;
  readonly #clock: Clock;
  readonly #heldUntilMs: number;

  private constructor(
    received: Buffer,
    stream: ByteStream,
    intake: ContentIntake,
    receiver: RequestReceiver,
    owner: ContentLoanOwner,
    clock: Clock,
  ) {
    this.received = received;
    this.lengthBytes = received.length + receiver.remainingBytes;
    this.#stream = stream;
    this.#intake = intake;
    this.#receiver = receiver;
    this.#owner = owner;
    this.#clock = clock;
    this.#heldUntilMs = clock.nowMs + HELD_MAX_MS;
  }

  /**
   * @returns null where the content is not worth it, where it comes too slowly, where its request
   *   may be run again when a worker died under it, and where the socket is Node's
   */
  static of(
    head: RequestHead,
    stream: ByteStream,
    intake: ContentIntake,
    receiver: RequestReceiver,
    owner: ContentLoanOwner,
    clock: Clock,
  ): ContentLoan | null {
    const { remainingBytes } = receiver;
    const lengthBytes = intake.lengthBytes + remainingBytes;
    if (lengthBytes <= LENT_ABOVE_BYTES || lengthBytes > LENT_MAX_BYTES) return null;
    if (remainingBytes === 0 || intake.wasLentInVain || isIdempotent(head.method)) return null;
    const received = intake.take();
    if (received === null || !Buffer.isBuffer(received)) return null;
    const waitingBytes = stream.unreadBytes();
    const waitingMin = Math.min(remainingBytes, WAITING_MIN_BYTES);
    if (waitingBytes === null || waitingBytes < waitingMin) return null;
    return new ContentLoan(received, stream, intake, receiver, owner, clock);
  }

  get arrivedBytes(): number {
    return this.lengthBytes - this.#receiver.remainingBytes;
  }

  /** Whether a client that still waits for a worker should be read here. */
  isHeldTooLong(nowMs: number): boolean {
    return nowMs >= this.#heldUntilMs;
  }

  lend(): number | null {
    return this.#stream.lend();
  }

  onTaken(): void {
    const bytes = this.#receiver.remainingBytes;
    this.#receiver.skipContent(bytes);
    this.#stream.countReceivedByOther(bytes);
    this.#owner.onContentTaken();
  }

  onReturned(bytes: Buffer, start: number, end: number): boolean {
    const length = end - start;
    // Of content that it has as a whole, it gives nothing back.
    if (length > 0 && length >= this.#receiver.remainingBytes) return false;
    this.#receiver.skipContent(length);
    this.#stream.countReceivedByOther(length);
    this.#intake.append(bytes, start, end, this.#clock.nowMs);
    return true;
  }

  onLeft(): void {
    this.#intake.wasLentInVain = true;
    this.#owner.onContentLeft();
  }
}
