/** Metrics of several gateways are those of one, and no counter goes back with one of them. */
import assert from "node:assert/strict";
import { existsSync, mkdtempDisposableSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { get, post, startExercise } from "./exercise.ts";
import {
  metricsTarget,
  type ReadMetrics,
  readMetrics,
  scrape,
  untilMetrics,
} from "./metrics-reader.ts";
import { childrenOf } from "./process-tree.ts";
import { rawRequest } from "./raw-client.ts";

const FOLDER_PREFIX = path.join(os.tmpdir(), "portico-metrics-");
const ARGS = ["--gateways", "2", "--workers", "3", "--metrics", "127.0.0.1:0"];
/** So many connections that each gateway gets some. */
const REQUESTS = 24;
const COUNT = "portico_http_request_duration_seconds_count";
const GATEWAYS = "portico_gateways";

async function send(port: number): Promise<void> {
  for (let count = 0; count < REQUESTS; count++) await rawRequest(port, get("/hello"));
}

/** Every counter and histogram, and what it has counted. */
function countersOf({ families }: ReadMetrics): Map<string, number> {
  const counting = families.filter(({ type }) => type !== "gauge");
  const samples = counting.flatMap((family) => family.samples);
  return new Map(
    samples.map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
  );
}

function assertNotLess(after: ReadMetrics, before: ReadMetrics): void {
  const counters = countersOf(after);
  for (const [series, value] of countersOf(before)) {
    assert.ok((counters.get(series) ?? -1) >= value, series);
  }
}

describe("--gateways 2 --metrics", () => {
  test("sums are what was sent; a reload of all is one", async () => {
    await using exercise = await startExercise("epoll", [...ARGS, "--backlog", "77"]);
    const { server, port } = exercise;
    const target = metricsTarget(server);
    assert.match(
      server.stdout,
      new RegExp(`^  metrics +http://127\\.0\\.0\\.1:${target}/metrics$`, "m"),
    );
    await send(port);
    await rawRequest(port, post("/echo", "1234567"));
    await rawRequest(port, get("/status?code=503"));
    const metrics = await untilMetrics(server, target, "all requests", (read) => {
      return read.value(COUNT) === REQUESTS + 2;
    });
    const labels = { method: "GET", status_class: "2xx" };
    assert.equal(metrics.value("portico_http_requests_total", labels), REQUESTS);
    assert.equal(metrics.value("portico_http_request_content_bytes_total"), 7);
    assert.deepEqual(metrics.counted("portico_http_server_errors_total", "cause"), {
      application: 1,
    });
    assert.deepEqual(metrics.counted("portico_workers", "state"), { ready: 3 });
    assert.equal(metrics.value("portico_workers_wanted"), 3);
    assert.deepEqual(metrics.counted("portico_accept_queue_connections_max", "gateway"), {
      0: 77,
      1: 77,
    });
    assert.deepEqual(metrics.counted(GATEWAYS, "state"), { serving: 2 });
    const started = metrics.counted("portico_start_time_seconds", "gateway");
    assert.deepEqual(Object.keys(started).toSorted(), ["0", "1", "leader"]);
    for (const process of ["leader", "gateway", "zygote", "worker"]) {
      assert.ok(metrics.value("portico_resident_memory_bytes", { process }) > 1_000_000);
      assert.ok(metrics.value("portico_cpu_seconds_total", { process }) > 0);
    }
    assert.equal(metrics.value("portico_build_info"), 1);
    assert.equal((await scrape(target, "/hello")).status, 404);
    server.signal("SIGHUP");
    const after = await untilMetrics(server, target, "the reload", (read) => {
      const isCounted = read.value("portico_reloads_total", { outcome: "serving" }) > 0;
      return isCounted && read.value("portico_generation") === 2;
    });
    assert.deepEqual(after.counted("portico_reloads_total", "outcome"), { serving: 1 });
    assertNotLess(after, metrics);
  });

  test("a gateway that is killed takes nothing along that was asked for", async () => {
    await using exercise = await startExercise("epoll", ARGS);
    const { server, port } = exercise;
    const target = metricsTarget(server);
    await send(port);
    let last = await untilMetrics(server, target, "all requests", (read) => {
      return read.value(COUNT) === REQUESTS;
    });
    const [victim = 0] = childrenOf(server.pid);
    process.kill(victim, "SIGKILL");
    const isReplaced = (read: ReadMetrics): boolean => {
      assertNotLess(read, last);
      last = read;
      const isGone = read.value("portico_gateway_restarts_total") === 1;
      return isGone && read.value(GATEWAYS, { state: "serving" }) === 2;
    };
    await untilMetrics(server, target, "another in its place", isReplaced);
    await send(port);
    await untilMetrics(server, target, "the further requests", (read) => {
      assertNotLess(read, last);
      last = read;
      return read.value(COUNT) === 2 * REQUESTS;
    });
  });

  test("one that does not answer is left out, but for what it has counted", async () => {
    await using exercise = await startExercise("epoll", ARGS);
    const { server, port } = exercise;
    const target = metricsTarget(server);
    await send(port);
    const before = await untilMetrics(server, target, "all requests", (read) => {
      return read.value(COUNT) === REQUESTS;
    });
    const [stopped = 0] = childrenOf(server.pid);
    process.kill(stopped, "SIGSTOP");
    const metrics = await untilMetrics(server, target, "its silence", (read) => {
      return read.value(GATEWAYS, { state: "serving" }) === 1;
    });
    process.kill(stopped, "SIGCONT");
    assert.deepEqual(metrics.counted(GATEWAYS, "state"), { serving: 1, silent: 1 });
    assert.ok(metrics.value("portico_workers_wanted") < 3);
    assertNotLess(metrics, before);
    await untilMetrics(server, target, "its figures", (read) => {
      return read.value("portico_workers_wanted") === 3;
    });
  });

  for (const kind of ["TCP", "Unix"]) {
    test(`a successor takes the address over: a ${kind} socket`, async () => {
      using folder = mkdtempDisposableSync(FOLDER_PREFIX);
      const file = path.join(folder.path, "metrics.sock");
      const args = kind === "TCP" ? ARGS : [...ARGS.slice(0, -1), `unix:${file}`];
      await using exercise = await startExercise("epoll", args);
      const { server } = exercise;
      const target = metricsTarget(server);
      const leader = { gateway: "leader" };
      const started = (await readMetrics(target)).value("portico_start_time_seconds", leader);
      server.signal("SIGUSR2");
      await server.untilLogged(/ successor=\d+/, 30_000);
      let isSucceeded = false;
      while (!isSucceeded) {
        const metrics = await readMetrics(target);
        isSucceeded = metrics.value("portico_start_time_seconds", leader) > started;
      }
      const [, successor] = / successor=(\d+)/.exec(server.stderr) ?? [];
      await server.ended;
      assert.equal((await scrape(target)).status, 200);
      process.kill(Number(successor), "SIGTERM");
      await server.stop();
      assert.ok(!existsSync(file));
    });
  }

  test("a leader that is killed leaves no socket behind", async () => {
    using folder = mkdtempDisposableSync(FOLDER_PREFIX);
    const file = path.join(folder.path, "metrics.sock");
    const args = [...ARGS.slice(0, -1), `unix:${file}`];
    await using exercise = await startExercise("epoll", args);
    const { server } = exercise;
    assert.equal((await readMetrics(file)).value("portico_generation"), 1);
    server.signal("SIGKILL");
    // It asserts that no process is left.
    await server.stop();
    assert.ok(!existsSync(file));
  });
});
