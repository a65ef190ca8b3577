/** What several gateways count is added up by what each metric says of itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  combinedMetrics,
  counted,
  succeeded,
} from "../../../src/server/gateways/combined-metrics.ts";
import { DurationHistogram } from "../../../src/server/observation/duration-histogram.ts";
import { tellAll } from "../../../src/server/observation/metric-families.ts";
import {
  byLabel,
  type Combination,
  type HistogramMeaning,
  type MetricSample,
  single,
  tellNumbers,
  type ToldFamily,
} from "../../../src/server/observation/metric-family.ts";
import { accessRecord } from "../access-log/records.ts";
import { metricsSource } from "../observation/metrics-source.ts";

function one(combined: Combination, value: number, kind: "counter" | "gauge"): ToldFamily {
  const family = single(kind, combined, "portico_one", "One", () => 0);
  return tellNumbers(family, [{ labels: {}, value }]);
}

function states(combined: Combination, values: Readonly<Record<string, number>>): ToldFamily {
  const family = byLabel("gauge", combined, "portico_states", "States", "state", () => ({}));
  const samples = Object.entries(values).map(([state, value]) => ({ labels: { state }, value }));
  return tellNumbers(family, samples);
}

function durations(combined: HistogramMeaning["combined"], ...durationsUs: number[]): ToldFamily {
  const histogram = new DurationHistogram(1);
  for (const us of durationsUs) histogram.observe(0, us);
  return {
    kind: "histogram",
    combined,
    name: "portico_durations_seconds",
    help: "Durations",
    labels: [],
    samples: [{ labels: {}, value: histogram.series(0) }],
  };
}

function together(...families: readonly ToldFamily[]): ToldFamily {
  const parts = families.map((family, index) => ({ gateway: String(index), families: [family] }));
  const [combined, ...others] = combinedMetrics(parts);
  assert.ok(combined !== undefined && others.length === 0);
  return combined;
}

function numbers({ samples }: ToldFamily): MetricSample<unknown>[] {
  return [...samples];
}

test("sums are by label; what only one has is there too", () => {
  const combined = together(states("sum", { a: 1, b: 2 }), states("sum", { b: 3, c: 4 }));
  assert.deepEqual(combined.labels, ["state"]);
  assert.deepEqual(numbers(combined), [
    { labels: { state: "a" }, value: 1 },
    { labels: { state: "b" }, value: 5 },
    { labels: { state: "c" }, value: 4 },
  ]);
});

test("the largest, where there is no sense in a sum", () => {
  const combined = together(one("maximum", 3, "gauge"), one("maximum", 2, "gauge"));
  assert.deepEqual(numbers(combined), [{ labels: {}, value: 3 }]);
});

test("each by itself has a label that says whose it is", () => {
  const combined = together(states("each", { a: 1 }), states("each", { a: 2 }));
  assert.deepEqual(combined.labels, ["state", "gateway"]);
  assert.deepEqual(numbers(combined), [
    { labels: { state: "a", gateway: "0" }, value: 1 },
    { labels: { state: "a", gateway: "1" }, value: 2 },
  ]);
});

test("histograms are added bucket by bucket", () => {
  const combined = together(durations("sum", 50, 2_000_000), durations("sum", 60));
  const all = durations("sum", 50, 60, 2_000_000);
  assert.deepEqual(combined, all);
  const apart = together(durations("each", 50), durations("each", 60));
  assert.equal(apart.samples.length, 2);
});

test("what follows in a place begins where the other ended, but for what is of a moment", () => {
  const before = [one("sum", 5, "counter"), states("sum", { a: 7 }), durations("sum", 50)];
  const after = [one("sum", 1, "counter"), states("sum", { a: 2 }), durations("sum", 60)];
  const both = succeeded(before, after);
  assert.deepEqual(
    both.map(({ name, samples }) => [name, samples]),
    [
      ["portico_one", [{ labels: {}, value: 6 }]],
      ["portico_durations_seconds", durations("sum", 50, 60).samples],
      ["portico_states", [{ labels: { state: "a" }, value: 2 }]],
    ],
  );
  assert.deepEqual(
    counted(both).map(({ name }) => name),
    ["portico_one", "portico_durations_seconds"],
  );
  // Also of those whose sum is not what is told.
  const [largest] = succeeded([one("maximum", 5, "counter")], [one("maximum", 1, "counter")]);
  assert.deepEqual(largest?.samples, [{ labels: {}, value: 6 }]);
});

test("all metrics of two gateways are those of one, after a way as text", () => {
  const told = [0, 1].map((index) => {
    const source = metricsSource({}, new Map([["/articles", "articles"]]));
    for (let count = 0; count <= index; count++) source.statistics.add(accessRecord());
    const families = JSON.parse(JSON.stringify(tellAll(source))) as ToldFamily[];
    return { gateway: String(index), families };
  });
  const combined = combinedMetrics(told);
  assert.deepEqual(
    combined.map(({ name }) => name),
    told[0]?.families.map(({ name }) => name),
  );
  const requests = combined.find(({ name }) => name === "portico_http_requests_total");
  const labels = { method: "GET", status_class: "2xx", route: "articles" };
  const found = requests?.samples.find((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  assert.equal(found?.value, 3);
  // Each series once.
  for (const { name, samples } of combined) {
    const series = samples.map((sample) => JSON.stringify(sample.labels));
    assert.equal(new Set(series).size, series.length, name);
  }
});
