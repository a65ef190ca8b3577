/**
 * The client's socket that one worker has been lent, so that large content goes there, or comes
 * from there, directly: at most one at a time, for the request that it is at. Until the worker has
 * given it back, it has nothing else to say of that.
 */
import type { SocketLoan } from "./application-request.ts";
import type { Job } from "./job.ts";
import {
  FLAG_RETURNED,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  FRAME_OFFSET,
  frameContentLength,
} from "./protocol.ts";
import type { DescriptorPassage } from "./request-batch.ts";

export class ChannelLoan {
  readonly #passage: DescriptorPassage;
  #loan: SocketLoan | null = null;

  constructor(passage: DescriptorPassage) {
    this.#passage = passage;
  }

  /** Whether the frame is about a loan, comes while there is one, or is of no known kind. */
  concerns(job: Job, kind: number): boolean {
    const isKnown = kind >= FRAME_KIND.response && kind < FRAME_KIND.borrow;
    return !isKnown || this.#loan !== null || job.lent !== null;
  }

  /**
   * Takes such a frame, which begins at `from`.
   *
   * @returns what is wrong with it, as in "the worker sent ..."; null where it can be right
   */
  take(job: Job, kind: number, bytes: Buffer, from: number): string | null {
    if (kind === FRAME_KIND.sent) return this.#takeSent(job, bytes, from);
    if (kind === FRAME_KIND.taken || kind === FRAME_KIND.returned) {
      return takeContent(job, kind, bytes, from);
    }
    if (this.#loan !== null || job.lent !== null) {
      return "something else while it had a client's socket";
    }
    if (kind !== FRAME_KIND.borrow) return "a frame of an unknown kind";
    if (!job.answerBegan) return "a wish for a client's socket before a head";
    this.#loan = job.sink?.lendSocket?.() ?? null;
    this.#passage.passSocket(this.#loan?.descriptor ?? null, this.#loan?.isChunked ?? false);
    return null;
  }

  #takeSent({ sink }: Job, bytes: Buffer, from: number): string | null {
    const loan = this.#loan;
    if (loan === null) return "content to a client whose socket it did not have";
    const isReturned = (bytes.readUInt8(from + FRAME_OFFSET.flags) & FLAG_RETURNED) !== 0;
    if (isReturned) this.#loan = null;
    // Where nobody waits for the answer any more, its way to the client is closed.
    if (sink === null) return null;
    const headStart = from + FRAME_HEADER_BYTES;
    const headLength = bytes.readUInt32LE(from + FRAME_OFFSET.headLength);
    if (headLength > 0 && !isReturned) return "something to send for it, and kept the socket";
    const isRight = loan.onSent(
      frameContentLength(bytes, from),
      bytes.readUInt32LE(from + FRAME_OFFSET.elapsedUs),
      bytes.subarray(headStart, headStart + headLength),
    );
    return isRight ? null : "other content to a client than was due";
  }
}

/** What the worker says of content that it was to take; as {@link ChannelLoan.take}. */
function takeContent(job: Job, kind: number, bytes: Buffer, from: number): string | null {
  const { lent } = job;
  if (lent === null) return "word of content that it was not to take";
  const start = from + FRAME_HEADER_BYTES;
  const end = start + bytes.readUInt32LE(from + FRAME_OFFSET.headLength);
  if (kind === FRAME_KIND.taken) {
    if (end > start) return "content that it has taken";
    job.lent = null;
    lent.onTaken();
    return null;
  }
  job.isLeft = (bytes.readUInt8(from + FRAME_OFFSET.flags) & FLAG_RETURNED) !== 0;
  return lent.onReturned(bytes, start, end) ? null : "more content than it was to take";
}
