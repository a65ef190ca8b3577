/** The text says what the figures are, in the form and with the names that Prometheus asks for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { metricFamilies, tellAll } from "../../../src/server/observation/metric-families.ts";
import { metricsText } from "../../../src/server/observation/metrics-text.ts";
import { accessRecord } from "../access-log/records.ts";
import { metricsSource } from "./metrics-source.ts";

const UNITS = /_(?:seconds|bytes|info)$/;
/** Counts of things have no unit, but say what they count. */
const COUNTED = /_(?:requests|(?:connections|descriptors)(?:_max)?|workers(?:_busy|_wanted)?)$/;

test("names are by Prometheus' conventions, and each is there once", () => {
  const families = metricFamilies(metricsSource());
  const names = families.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, kind, help, labels } of families) {
    assert.match(name, /^portico_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), kind === "counter", name);
    if (kind === "histogram") assert.match(name, /_seconds$/);
    if (kind === "gauge" && name !== "portico_generation") {
      assert.ok(UNITS.test(name) || COUNTED.test(name), name);
    }
    assert.match(help, /^[A-Z][^\n]*[^.]$/);
    for (const label of labels) assert.match(label, /^[a-z_]+$/);
  }
});

/** How the manual says what the figures of several gateways are together. */
const COMBINED = { sum: "sum", maximum: "largest", each: "each" };

test("every metric is in the manual, with what it is of several gateways", () => {
  const folder = path.resolve(import.meta.dirname, "../../../docs/observe.md");
  const manual = readFileSync(folder, "utf8");
  const families = metricFamilies(metricsSource({}, new Map([["/a", "a"]])));
  for (const { name, labels, combined } of families) {
    const row = manual.split("\n").find((line) => line.startsWith(`| \`${name}\` |`)) ?? "";
    assert.ok(row !== "", `${name} has a row`);
    for (const label of labels) assert.ok(row.includes(`\`${label}\``), `${name}: ${label}`);
    assert.ok(row.endsWith(` | ${COMBINED[combined]} |`), `${name}: ${combined}`);
  }
});

test("figures are read at the time at which somebody asks", async () => {
  const source = metricsSource();
  const metrics = metricsText(() => tellAll(source));
  assert.match(await metrics.text(), /^portico_http_requests_total\{[^}]*"GET"[^}]*"2xx"\} 0$/m);
  source.statistics.add(accessRecord({ durationUs: 250_000 }));
  const text = await metrics.text();
  assert.match(text, /^portico_http_requests_total\{method="GET",status_class="2xx"\} 1$/m);
  const buckets = [
    ...text.matchAll(/^portico_http_request_duration_seconds_bucket\{le="(.*)"\} (\d)$/gm),
  ];
  assert.equal(buckets.length, 20);
  const filled = buckets.filter(([, , count]) => count === "1").map(([, le]) => le);
  assert.deepEqual(filled, ["0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "300", "+Inf"]);
  assert.match(text, /^portico_http_request_duration_seconds_sum 0\.25$/m);
  assert.match(text, /^portico_http_request_duration_seconds_count 1$/m);
});

test("what is not known is not said, and what did not happen is 0", async () => {
  const text = await metricsText(() => tellAll(metricsSource())).text();
  assert.match(text, /^portico_accept_queue_connections_max\{address="unix:\/run\/x"\} 2048$/m);
  assert.doesNotMatch(text, /^portico_accept_queue_connections\{/m);
  assert.match(text, /^portico_resident_memory_bytes\{process="worker"\} 3$/m);
  assert.match(text, /^portico_cpu_seconds_total\{process="gateway"\} 1\.5$/m);
  assert.match(text, /^portico_cpu_seconds_total\{process="worker"\} 0\.02$/m);
  assert.doesNotMatch(text, /process="zygote"/);
  assert.match(text, /^portico_descriptors 40$/m);
  assert.doesNotMatch(text, /^portico_descriptors_max \d/m);
  assert.match(text, /^portico_worker_restarts_total\{reason="signal"\} 3$/m);
  assert.match(text, /^portico_worker_restarts_total\{reason="max-rss"\} 0$/m);
  assert.match(text, /^portico_generation 0$/m);
  assert.match(text, /^portico_queue_oldest_seconds 1\.5$/m);
  assert.match(text, /^portico_start_time_seconds 1800000000\.5$/m);
});

test("there is a label for routes where routes were named", async () => {
  const source = metricsSource({}, new Map([["/articles", "articles"]]));
  source.statistics.add(accessRecord());
  const text = await metricsText(() => tellAll(source)).text();
  assert.match(text, /^portico_http_requests_total\{.*,route="articles"\} 1$/m);
  assert.match(text, /^portico_http_request_duration_seconds_count\{route="articles"\} 1$/m);
  assert.match(text, /^portico_http_request_duration_seconds_count\{route="other"\} 0$/m);
  assert.doesNotMatch(await metricsText(() => tellAll(metricsSource())).text(), /route=/);
});
