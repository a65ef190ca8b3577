/** What is read from wrk's report. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseReport } from "../../bench/wrk.ts";

/** wrk puts a space behind units of one letter. */
const REPORT = `Running 2s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   446.71us  104.17us   4.33ms   91.40%
    Req/Sec   145.94k     2.92k  149.50k    75.00%
  Latency Distribution
     50%  412.00us
     75%  448.00us
     90%  513.00us
     99%    1.25s${" "}
  290318 requests in 2.00s, 36.82MB read
Requests/sec: 145158.03
Transfer/sec:     18.41MB
`;

test("figures are read, latencies in milliseconds whatever their unit", () => {
  assert.deepEqual(parseReport(REPORT), {
    requests: 290_318,
    requestsPerSecond: 145_158.03,
    p50Ms: 0.412,
    p99Ms: 1250,
    readBytes: 36.82 * 2 ** 20,
    errors: null,
  });
});

test("failed requests are named", () => {
  const failed = REPORT.replace("Requests/sec", "  Non-2xx or 3xx responses: 290318\nRequests/sec");
  assert.equal(parseReport(failed).errors, "Non-2xx or 3xx responses: 290318");
});

test("each percentile has its own unit, and what was read its own", () => {
  const changed = REPORT.replace("412.00us", "1.50ms").replace("1.25s", "2.00m");
  const { p50Ms, p99Ms } = parseReport(changed);
  assert.deepEqual({ p50Ms, p99Ms }, { p50Ms: 1.5, p99Ms: 120_000 });
  const sizes = { "512.00B": 512, "1.50KB": 1536, "2.00GB": 2 ** 31, "1.00TB": 2 ** 40 };
  for (const [said, bytes] of Object.entries(sizes)) {
    assert.equal(parseReport(REPORT.replace("36.82MB", said)).readBytes, bytes);
  }
});

test("a report without its figures is an error", () => {
  assert.throws(() => parseReport("unable to connect\n"), /wrk reported no/);
  const cut = REPORT.replace(/^.*99%.*\n/m, "");
  assert.throws(() => parseReport(cut), /wrk reported no .*99%/);
});
