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

/** The same, and the time in which it happened. */
export interface RecentOutcomes extends GenerationRecord {
  readonly spanMs: number;
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
/**
 * So many workers must have ended by themselves, and twice as many as would have at the rate of
 * before, by time and by requests; and that must be no chance either.
 */
const CRASHES_MIN = 3;
const CRASHES_GROWTH = 2;

export class GenerationWatch {
  readonly #beganAtMs: number;
  readonly #endsAtMs: number;
  /** Of the generation before. */
  readonly #before: RecentOutcomes;

  constructor(beganAtMs: number, windowMs: number, before: RecentOutcomes) {
    this.#beganAtMs = beganAtMs;
    this.#endsAtMs = beganAtMs + windowMs;
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
    const expected = this.#crashesExpected(nowMs, record);
    const { crashes } = record;
    const areMore = crashes >= CRASHES_MIN && crashes >= CRASHES_GROWTH * expected;
    if (areMore && chanceOfCount(crashes, expected) <= CHANCE_MAX) {
      const why =
        `${crashes} workers ended by themselves, where it was ${before.crashes} before ` +
        `(of ${record.answered} and of ${before.answered} requests)`;
      return { kind: "failing", why };
    }
    return nowMs >= this.#endsAtMs ? { kind: "passed" } : { kind: "undecided" };
  }

  /** Workers that would have ended by themselves until now, had nothing changed but the traffic. */
  #crashesExpected(nowMs: number, { answered }: OutcomeCount): number {
    const before = this.#before;
    const byTime = (nowMs - this.#beganAtMs) / Math.max(before.spanMs, 1);
    const byRequests = answered / Math.max(before.answered, 1);
    return before.crashes * Math.max(byTime, byRequests);
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

/** The same of so many events, where `expected` come by chance: of Poisson's distribution. */
function chanceOfCount(count: number, expected: number): number {
  return Math.exp(count - expected - weighted(count, expected));
}

/** A term of the divergence; what was never seen adds nothing to it. */
function weighted(seen: number, expected: number): number {
  return seen === 0 ? 0 : seen * Math.log(seen / expected);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
