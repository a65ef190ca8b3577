import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadText, progressText, time } from "../../../src/cli/load/load-text.ts";
import type { ServerSide } from "../../../src/cli/load/server-side.ts";
import { type LoadFacts, loadReport } from "../../../src/load/load-report.ts";
import { Measurements } from "../../../src/load/measurements.ts";

const FACTS: LoadFacts = {
  url: "http://a.example/",
  address: "192.0.2.1:80",
  method: "GET",
  connections: 4,
  processes: 1,
  ratePerSecond: null,
  keepAlive: true,
  interrupted: false,
};

const SERVER: ServerSide = {
  application: "shop:app",
  version: "1.0",
  pid: 1,
  generation: { before: 1, after: 2 },
  workers: {
    before: 2,
    after: 2,
    replaced: 2,
    rssBytesBefore: 1_048_576,
    rssBytesAfter: 2_097_152,
  },
  answered: null,
  failed: null,
  queueWait: { meanMs: 1.234, p99Ms: 11.3 },
  gateways: 1,
  cpuMs: { gateway: 500, workers: null },
};

function measured(): Measurements {
  const measurements = new Measurements();
  for (let ms = 1; ms <= 100; ms++) {
    measurements.latency.record(ms);
    measurements.serviceTime.record(ms / 2);
    measurements.addStatus(ms <= 90 ? 200 : 503);
  }
  Object.assign(measurements.counters, { begun: 101, answered: 100, answeredInWindow: 100 });
  measurements.addFailure("reset", "recv: ECONNRESET");
  return measurements;
}

function text(facts: Partial<LoadFacts>, server: ServerSide | null, busyMs = 100): string {
  const result = {
    measurements: measured(),
    windowMs: 2_000,
    cpu: { userMs: busyMs, systemMs: 0 },
    lostProcesses: 0,
  };
  return loadText(loadReport({ ...FACTS, ...facts }, result, server));
}

describe("the report of a load", () => {
  it("has what a person asks first at its top", () => {
    const lines = text({}, null).split("\n");
    assert.deepEqual(lines.slice(0, 8), [
      "portico load http://a.example/",
      "  4 connections, as fast as it answers, 2 s",
      "",
      "  requests/s   50.0",
      "  requests     100 answered, 1 failed",
      "  statuses     200: 90, 503: 10",
      "  failures     1: the server broke the connection off (recv: ECONNRESET)",
      "  received     0 B (0 B/s), 0 B of it content",
    ]);
  });

  it("shows service time beside latency where there is a rate, and only then", () => {
    assert.match(text({ ratePerSecond: 50 }, null), /latency +service\n/);
    assert.match(text({ ratePerSecond: 50 }, null), /\n {2}max +100 ms +50\.0 ms\n/);
    assert.doesNotMatch(text({}, null), /service/);
  });

  it("shows no percentile that so few requests do not have", () => {
    assert.match(text({}, null), /\n {2}99 % +99\.\d ms\n/);
    assert.doesNotMatch(text({}, null), /99\.9 %/);
  });

  it("has the server's side, as far as it is known", () => {
    const report = text({}, SERVER);
    assert.match(report, /server +portico 1\.0, shop:app, generation 1 to 2\n/);
    assert.match(report, /2 workers, 2 of them new, 1\.00 MiB before, 2\.00 MiB after\n/);
    assert.match(report, /waiting for a worker: 1 ms on average, 99 % within 11 ms/);
    assert.match(report, /CPU time: gateway 0\.50 s\n/);
    const several = text({}, { ...SERVER, gateways: 3 });
    assert.match(several, /CPU time: 3 gateways and their leader 0\.50 s\n/);
  });

  it("says when the client was the bottleneck", () => {
    assert.match(text({}, null, 1_900), /The client itself was at its limit/);
    assert.doesNotMatch(text({}, null, 1_500), /limit/);
  });

  it("writes times with three digits", () => {
    const times = [7, 999, 1_000, 12_345, 123_456, 999_999, 61_000_000].map(time);
    assert.deepEqual(times, [
      "7 us",
      "999 us",
      "1.00 ms",
      "12.3 ms",
      "123 ms",
      "1000 ms",
      "61.0 s",
    ]);
  });
});

describe("the line of progress", () => {
  it("says what is under way, and at the end what is waited for", () => {
    const progress = {
      elapsedMs: 2_400,
      begun: 110,
      answered: 96,
      failed: 4,
      waiting: 10,
      isEnding: false,
    };
    assert.equal(
      progressText(progress, 10_000),
      "2 s of 10 s: 96 answered (40/s), 4 failed, 10 under way",
    );
    assert.equal(
      progressText({ ...progress, isEnding: true }, null),
      "2 s: 96 answered (40/s), 4 failed, waiting for 10",
    );
  });
});
