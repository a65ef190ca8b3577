/**
 * Judges a generation that has just been given the traffic by the one that had it before: whether
 * it fails where that one did not. Pure; who asks says what time it is.
 */

/** What becomes of a generation's requests, counted since it was made. */
export interface OutcomeCount {
  /** Requests that have come to their end. */
  answered: number;
  /** Of these, 5xx of the application, and those that got no answer. */
  failed: number;
}

/** What is known of one generation at one time. */
export interface GenerationRecord extends OutcomeCount {
  /** Workers that ended by themselves. */
  readonly crashes: number;
}

export type Verdict =
  | { readonly kind: "undecided" }
  /** The time is over, and it does as well as the one before. */
  | { readonly kind: "passed" }
  | { readonly kind: "failing"; readonly why: string };

/**
 * So many requests must have failed, and so much more of all must fail than before. Where nearly
 * all fail, fewer are enough: at a site with little traffic each one counts.
 */
const FAILED_MIN = 5;
const SHARE_GROWTH = 0.1;
const PLAIN_FAILED_MIN = 3;
const PLAIN_SHARE_GROWTH = 0.5;
/**
 * And it must be no chance: at the share of before, at most one run of requests in 10,000 may have
 * as many failures. The record is judged again and again, so a tenth or a hundredth would come.
 */
const CHANCE_MAX = 1e-4;
/** So many workers must have ended by themselves, and twice as many as before in the same time. */
const CRASHES_MIN = 3;
const CRASHES_GROWTH = 2;

export class GenerationWatch {
  readonly #endsAtMs: number;
  /** Of the generation before, over a time that is at least as long as the watch. */
  readonly #before: GenerationRecord;

  constructor(endsAtMs: number, before: GenerationRecord) {
    this.#endsAtMs = endsAtMs;
    this.#before = before;
  }

  /** @param record of the generation that is watched, since it has had the traffic */
  judge(nowMs: number, record: GenerationRecord): Verdict {
    const before = this.#before;
    const share = shareOf(record);
    const growth = share - shareOf(before);
    const isMore =
      (record.failed >= FAILED_MIN && growth >= SHARE_GROWTH) ||
      (record.failed >= PLAIN_FAILED_MIN && growth >= PLAIN_SHARE_GROWTH);
    if (isMore && chanceOf(record, shareOf(before)) <= CHANCE_MAX) {
      const why =
        `${record.failed} of ${record.answered} requests failed (${percent(share)}), ` +
        `where it was ${percent(shareOf(before))} before`;
      return { kind: "failing", why };
    }
    if (record.crashes >= CRASHES_MIN && record.crashes >= CRASHES_GROWTH * before.crashes) {
      const { crashes } = record;
      const why = `${crashes} workers ended by themselves, where it was ${before.crashes} before`;
      return { kind: "failing", why };
    }
    return nowMs >= this.#endsAtMs ? { kind: "passed" } : { kind: "undecided" };
  }
}

function shareOf({ answered, failed }: OutcomeCount): number {
  return answered === 0 ? 0 : failed / answered;
}

/**
 * How likely so many failures or more are where each request fails with probability `expected`, at
 * most: Chernoff's bound of the binomial distribution, exp(-n D), where D is the divergence of the
 * share that was seen from the expected one (Kullback and Leibler). It holds for shares above it.
 */
function chanceOf(count: OutcomeCount, expected: number): number {
  const share = shareOf(count);
  const divergence = weighted(share, expected) + weighted(1 - share, 1 - expected);
  return Math.exp(-count.answered * divergence);
}

/** A term of the divergence; what was never seen adds nothing to it. */
function weighted(seen: number, expected: number): number {
  return seen === 0 ? 0 : seen * Math.log(seen / expected);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
