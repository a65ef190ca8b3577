/** No counter goes back with a gateway, and one that does not answer is left out and counted. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  GROUP_METRICS,
  GroupMetrics,
  type MeasuredProcess,
} from "../../../src/server/gateways/group-metrics.ts";
import {
  single,
  tellNumbers,
  type ToldFamily,
} from "../../../src/server/observation/metric-family.ts";

const REQUESTS = single("counter", "sum", "portico_requests_total", "Requests", () => 0);
const WAITING = single("gauge", "sum", "portico_waiting", "Requests that wait", () => 0);
const RELOADS = single("counter", "maximum", "portico_reloads_total", "Reloads", () => 0);

/** A gateway that has counted so many requests, half as many reloads, and one that waits. */
class PlayedGateway implements MeasuredProcess {
  readonly index: number;
  isAccepting = true;
  isSilent = false;
  count: number;

  constructor(index: number, count: number) {
    this.index = index;
    this.count = count;
  }

  readonly ask = async (command: string): Promise<never> => {
    assert.equal(command, "metrics");
    const told: ToldFamily[] = [
      tellNumbers(REQUESTS, [{ labels: {}, value: this.count }]),
      tellNumbers(WAITING, [{ labels: {}, value: 1 }]),
      tellNumbers(RELOADS, [{ labels: {}, value: this.count / 2 }]),
    ];
    return (this.isSilent ? null : told) as never;
  };
}

class Played {
  readonly one = new PlayedGateway(0, 10);
  readonly other = new PlayedGateway(1, 100);
  readonly group = { size: 2, alive: [this.one, this.other], replaced: 0 };
  readonly metrics = new GroupMetrics(this.group, 1_500);

  /** Of one series; null where it is not told. */
  async value(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | null> {
    const families = await this.metrics.tell();
    const found = families
      .find((family) => family.name === name)
      ?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels));
    return typeof found?.value === "number" ? found.value : null;
  }
}

test("sums of all, and the leader's own", async () => {
  const played = new Played();
  assert.equal(await played.value("portico_requests_total"), 110);
  assert.equal(await played.value("portico_reloads_total"), 50);
  assert.equal(await played.value("portico_gateways", { state: "serving" }), 2);
  assert.equal(await played.value("portico_start_time_seconds", { gateway: "leader" }), 1.5);
  assert.ok(((await played.value("portico_cpu_seconds_total", { process: "leader" })) ?? 0) > 0);
});

test("one that is silent keeps what it has counted, and is left out of the rest", async () => {
  const played = new Played();
  await played.value("portico_requests_total");
  played.other.isSilent = true;
  played.one.count++;
  assert.equal(await played.value("portico_requests_total"), 111);
  assert.equal(await played.value("portico_waiting"), 1);
  assert.equal(await played.value("portico_gateways", { state: "silent" }), 1);
  played.other.isSilent = false;
  assert.equal(await played.value("portico_requests_total"), 111);
  assert.equal(await played.value("portico_waiting"), 2);
});

test("one that was never heard of is only counted among the silent", async () => {
  const played = new Played();
  played.other.isSilent = true;
  assert.equal(await played.value("portico_requests_total"), 10);
});

test("counters go on where a gateway is gone, and where others follow it", async () => {
  const played = new Played();
  const { group } = played;
  await played.value("portico_requests_total");
  played.other.count = 107;
  group.alive = [played.one];
  // Nobody asked for the 7.
  assert.equal(await played.value("portico_requests_total"), 110);
  assert.equal(await played.value("portico_gateways", { state: "gone" }), 1);
  for (const before of [100, 105]) {
    const next = new PlayedGateway(1, 0);
    next.isAccepting = false;
    group.alive = [played.one, next];
    assert.equal(await played.value("portico_gateways", { state: "starting" }), 1);
    assert.equal(await played.value("portico_requests_total"), 10 + before);
    next.isAccepting = true;
    next.count = 2;
    assert.equal(await played.value("portico_requests_total"), 10 + before + 2);
    next.count = 5;
    assert.equal(await played.value("portico_requests_total"), 10 + before + 5);
    assert.equal(await played.value("portico_reloads_total"), (before + 5) / 2);
  }
  group.replaced = 2;
  assert.equal(await played.value("portico_gateway_restarts_total"), 2);
});

test("what there is with several gateways only is in the manual", () => {
  const file = path.resolve(import.meta.dirname, "../../../docs/observe.md");
  const manual = readFileSync(file, "utf8");
  for (const { name, kind, labels } of GROUP_METRICS) {
    const row = manual.split("\n").find((line) => line.startsWith(`| \`${name}\` |`)) ?? "";
    assert.ok(row !== "", `${name} has a row`);
    for (const label of labels) assert.ok(row.includes(`\`${label}\``), `${name}: ${label}`);
    assert.equal(name.endsWith("_total"), kind === "counter");
  }
});
