/**
 * Whom the dispatcher turns away early. A crowd comes, by a clock that is played; for each request
 * that is refused it is known how long it would have waited, since the times of all that stand in
 * front of it are: no crystal ball is needed to tell a right refusal from a wrong one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { WaitEstimate } from "../../src/workers/wait-estimate.ts";

const QUEUE_TIMEOUT_MS = 10_000;
/** As the dispatcher has it. */
const HOPELESS_FACTOR = 1.25;

interface Arrival {
  readonly atMs: number;
  readonly takesMs: number;
}

interface Account {
  readonly refused: number;
  /** Refused, although it would have got its worker in time. */
  readonly wronglyRefused: number;
  /** Taken, and given up in the queue. */
  readonly timedOut: number;
  readonly answered: number;
}

/** Serves the arrivals, which come in order, first come first served. */
function serve(arrivals: readonly Arrival[], channels: number): Account {
  const estimate = new WaitEstimate();
  /** When each channel will be done with what it has and with what stands in the queue for it. */
  const freeAtMs = Array.from({ length: channels }, () => 0);
  /** When those that wait get their channel. */
  let starts: number[] = [];
  /** What will be answered, by when. */
  let answers: { readonly atMs: number; readonly takesMs: number }[] = [];
  const account = { refused: 0, wronglyRefused: 0, timedOut: 0, answered: 0 };
  for (const { atMs, takesMs } of arrivals) {
    const wasWaiting = starts.length > 0;
    starts = starts.filter((startMs) => startMs > atMs);
    const isDone = (answer: { readonly atMs: number }): boolean => answer.atMs <= atMs;
    const done = answers.filter(isDone).toSorted((one, other) => one.atMs - other.atMs);
    for (const answer of done) estimate.observe(answer.atMs, answer.takesMs * 1000);
    answers = answers.filter((answer) => !isDone(answer));
    if (wasWaiting && starts.length === 0) estimate.crowdBegins();

    const startMs = Math.max(atMs, Math.min(...freeAtMs));
    const inFront = starts.length;
    const boundMs = QUEUE_TIMEOUT_MS * HOPELESS_FACTOR;
    if (inFront > channels && estimate.exceeds(boundMs, atMs, inFront, channels)) {
      account.refused++;
      if (startMs - atMs < QUEUE_TIMEOUT_MS) account.wronglyRefused++;
      continue;
    }
    if (startMs > atMs) starts.push(Math.min(startMs, atMs + QUEUE_TIMEOUT_MS));
    if (startMs - atMs >= QUEUE_TIMEOUT_MS) {
      account.timedOut++;
      continue;
    }
    account.answered++;
    freeAtMs[freeAtMs.indexOf(Math.min(...freeAtMs))] = startMs + takesMs;
    answers.push({ atMs: startMs + takesMs, takesMs });
  }
  return account;
}

/** Pseudo-random numbers from 0 to 1, the same each time (a linear congruential generator). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `count` arrivals, `everyMs` apart on average. */
function stream(
  seed: number,
  count: number,
  everyMs: number,
  takesMs: (random: () => number, place: number) => number,
): Arrival[] {
  const random = dice(seed);
  let atMs = 0;
  return Array.from({ length: count }, (_, place) => {
    atMs += -Math.log(1 - random()) * everyMs;
    return { atMs, takesMs: takesMs(random, place) };
  });
}

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

test("one slow request among quick ones: nobody is refused, however many wait behind it", () => {
  for (const seed of SEEDS) {
    const arrivals = stream(seed, 3_000, 5, (_, place) => (place % 2_000 === 700 ? 8_000 : 1));
    const account = serve(arrivals, 1);
    assert.deepEqual(account, { refused: 0, wronglyRefused: 0, timedOut: 0, answered: 3_000 });
  }
});

test("a few reports, and then a burst of pages: nobody is refused", () => {
  const reports = stream(1, 30, 1_000, () => 5_000).map(({ atMs, takesMs }) => ({ atMs, takesMs }));
  const pages = stream(2, 40, 100, () => 2).map(({ atMs, takesMs }) => ({
    atMs: atMs + 40_000,
    takesMs,
  }));
  const burst = Array.from({ length: 1_000 }, () => ({ atMs: 50_000, takesMs: 2 }));
  const account = serve([...reports, ...pages, ...burst], 8);
  assert.equal(account.refused, 0);
  assert.equal(account.timedOut, 0);
});

test("as much load as there are workers for: nobody is refused", () => {
  for (const seed of SEEDS) {
    const takesMs = (random: () => number): number => -Math.log(1 - random()) * 200;
    const account = serve(stream(seed, 3_000, 56, takesMs), 4);
    assert.equal(account.refused, 0);
  }
});

test("one request in fifty takes long, and there is room for all: nobody is refused", () => {
  for (const seed of SEEDS) {
    const takesMs = (random: () => number): number => (random() < 0.02 ? 2_000 : 5);
    const account = serve(stream(seed, 3_000, 15, takesMs), 4);
    assert.equal(account.wronglyRefused, 0);
    assert.equal(account.timedOut, 0);
  }
});

test("five times as much as can be served: refused at once, not after the whole wait", () => {
  for (const seed of SEEDS) {
    // Four workers answer eight in a second; forty come.
    const account = serve(
      stream(seed, 4_000, 25, () => 500),
      4,
    );
    assert.ok(account.answered >= 790, `${account.answered} are answered in 100 seconds`);
    assert.equal(account.wronglyRefused, 0);
    const late = account.timedOut / (account.timedOut + account.refused);
    assert.ok(late < 0.1, `${Math.round(late * 100)} % of those given up have waited`);
  }
});
