import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LatencyHistogram, PERCENTILES } from "../../src/load/latency-histogram.ts";

/** Three significant digits, and the rounding to microseconds. */
const ERROR_SHARE = 1 / 1_000;

/** Each look at a histogram goes through its 20,000 counts, so more would take very long. */
const RUNS = { numRuns: 100 };

const times = fc.array(fc.integer({ min: 1, max: 3_600_000_000 }), {
  minLength: 1,
  maxLength: 200,
});

function histogramOf(us: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const one of us) histogram.record(one / 1_000);
  return histogram;
}

describe("LatencyHistogram", () => {
  it("knows each percentile to three digits", () => {
    fc.assert(
      fc.property(times, (list) => {
        const histogram = histogramOf(list);
        const sorted = list.toSorted((one, other) => one - other);
        const summary = histogram.summary() ?? assert.fail("it has times");
        assert.equal(summary.count, list.length);
        assert.equal(summary.maxUs, sorted.at(-1));
        assert.equal(summary.minUs, sorted[0]);
        for (const percent of PERCENTILES) {
          const exact = sorted[Math.ceil((percent / 100) * list.length) - 1] ?? Number.NaN;
          const told: number = summary.percentilesUs[String(percent)] ?? Number.NaN;
          assert.ok(Math.abs(told - exact) <= exact * ERROR_SHARE + 1, `${percent}: ${told}`);
        }
      }),
      RUNS,
    );
  });

  it("adds up, also when it came from elsewhere", () => {
    fc.assert(
      fc.property(times, times, (one, other) => {
        const whole = histogramOf([...one, ...other]);
        const sum = histogramOf(one);
        sum.add(LatencyHistogram.fromData(structuredClone(histogramOf(other).toData())));
        assert.deepEqual(sum.bars(), whole.bars());
        assert.deepEqual(sum.summary(), whole.summary());
      }),
      RUNS,
    );
  });

  it("draws each time in one bar", () => {
    fc.assert(
      fc.property(times, (list) => {
        const bars = histogramOf(list).bars();
        assert.equal(
          bars.reduce((sum, { count }) => sum + count, 0),
          list.length,
        );
        assert.ok((bars[0]?.count ?? 0) > 0 && (bars.at(-1)?.count ?? 0) > 0);
      }),
      RUNS,
    );
    const bars = histogramOf([900, 1_000, 1_100, 4_000]).bars();
    assert.deepEqual(bars, [
      { untilUs: 1_000, count: 2 },
      { untilUs: 2_000, count: 1 },
      { untilUs: 5_000, count: 1 },
    ]);
  });

  it("is empty at first, and takes what is too short or too long for the nearest", () => {
    const histogram = new LatencyHistogram();
    assert.equal(histogram.summary(), null);
    assert.deepEqual(histogram.bars(), []);
    assert.equal(LatencyHistogram.fromData(histogram.toData()).count, 0);
    histogram.record(-1);
    histogram.record(1e12);
    assert.equal(histogram.summary()?.minUs, 1);
    assert.equal(histogram.count, 2);
  });
});
