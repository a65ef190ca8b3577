/**
 * How far a channel's worker is with the requests that it has: the one that it is at need not be
 * the oldest without an answer, since finished answers leave together. Those that had not left when
 * it died are found here.
 */
import type { Job } from "./job.ts";
import type { OpenProgress, Progress } from "./worker-progress.ts";

const NOTHING = Buffer.alloc(0);

export class ChannelProgress {
  readonly #open: OpenProgress;
  #progress: Progress | null = null;
  /** What was read ahead, and has not come. */
  #aheadBytes = 0;
  /** Its worker had begun none of its requests when it was given up. */
  stalled = false;
  /** Those that it had done, and not answered, before the one that it hung in. */
  #done: readonly Job[] = [];

  constructor(open: OpenProgress) {
    this.#open = open;
  }

  /** @param descriptor 0 where the worker does not tell */
  begin(pid: number, descriptor: number): void {
    if (descriptor > 0) this.#progress = this.#open(pid, descriptor);
  }

  /**
   * The place of the request that the worker is at; null where it has begun none of these. Where
   * that cannot be known, it is taken to be at the oldest.
   */
  placeAmong(requests: readonly Job[]): number | null {
    const slot = this.#progress?.slotBegun() ?? null;
    if (slot === null) return 0;
    const place = requests.findIndex((job) => job.slot === slot);
    return place < 0 ? null : place;
  }

  /**
   * Takes the request that the worker is at out of those under way; null where it has begun none,
   * unless that befalls the oldest for the second time.
   */
  takeFrom(underWay: Job[]): Job | null {
    const place = this.placeAmong(underWay);
    this.stalled = place === null && underWay[0]?.deaths === 0;
    if (this.stalled) return null;
    this.#done = underWay.slice(0, place ?? 0);
    return underWay.splice(this.#done.length, 1)[0] ?? null;
  }

  /**
   * What the worker sends next, as far as it has kept that; null where it cannot be known, so that
   * any of its requests may have been answered. It is passed over when it comes.
   *
   * @param receivedBytes of the worker's stream
   */
  readAhead(receivedBytes: number): Buffer | null {
    if (this.#progress === null) return NOTHING;
    const kept = this.#progress.keptBehind(receivedBytes + this.#aheadBytes);
    this.#aheadBytes += kept?.length ?? 0;
    return kept;
  }

  /** Of so many bytes that have come, how many have been read ahead. */
  passOver(bytes: number): number {
    const known = Math.min(this.#aheadBytes, bytes);
    this.#aheadBytes -= known;
    return known;
  }

  /**
   * How many of a dead worker's requests, from the oldest on, may have begun although they are not
   * idempotent: a worker sends all its answers before it begins such a request, or keeps them
   * (docs/worker-protocol.md). So it is the oldest alone; and where it hung, what it had done.
   *
   * @param unanswered of a channel that was read to its end, behind what was kept
   */
  suspectCount(unanswered: readonly Job[], forsaken: boolean): number {
    if (!forsaken) return 1;
    if (!this.stalled) return unanswered.filter((job) => this.#done.includes(job)).length;
    // It may have come to one before it was ended.
    const place = this.placeAmong(unanswered);
    return place === null ? 0 : place + 1;
  }

  close(): void {
    this.#progress?.close();
    this.#progress = null;
  }
}
