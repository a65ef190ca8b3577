/** Metrics are read by Prometheus' own parser, and say what happened. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { get, post, startExercise, TRANSPORTS } from "./exercise.ts";
import {
  metricsTarget,
  type ReadMetrics,
  readMetrics,
  scrape,
  untilMetrics,
} from "./metrics-reader.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { statusOf } from "./process-tree.ts";
import { runPortico } from "./server-process.ts";

const REQUESTS = "portico_http_requests_total";
const RESTARTS = "portico_worker_restarts_total";
const OWN_ADDRESS = ["--metrics", "127.0.0.1:0", "--workers", "1"];

for (const transport of TRANSPORTS) {
  describe(`metrics, by ${transport}`, () => {
    test("figures are those of what was sent", async () => {
      const args = [...OWN_ADDRESS, "--backlog", "77", "--access-log", "off"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      const target = metricsTarget(server);
      for (let count = 0; count < 3; count++) await rawRequest(port, get("/hello"));
      await rawRequest(port, post("/echo", "1234567"));
      await rawRequest(port, get("/status?code=404"));
      await rawRequest(port, get("/status?code=503"));
      await rawRequest(port, get("/raises"));
      await rawRequest(port, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
      await rawRequest(port, get("/slow?s=0.2"));
      assert.ok(server.stdout.includes(`\n  metrics    http://127.0.0.1:${target}/metrics\n`));
      const metrics = await untilMetrics(server, target, "all requests", (read) => {
        return read.value("portico_http_request_duration_seconds_count") === 9;
      });
      const count = (method: string, statusClass: string): number =>
        metrics.value(REQUESTS, { method, status_class: statusClass });
      assert.equal(count("GET", "2xx"), 4);
      assert.equal(count("POST", "2xx"), 1);
      assert.equal(count("GET", "4xx"), 1);
      assert.equal(count("GET", "5xx"), 2);
      assert.equal(count("other", "5xx"), 1);
      assert.deepEqual(metrics.counted("portico_http_server_errors_total", "cause"), {
        application: 1,
        "application-error": 1,
        gateway: 1,
      });
      assert.equal(metrics.value("portico_http_request_content_bytes_total"), 7);
      const bucket = (le: string): number =>
        metrics.value("portico_http_request_duration_seconds_bucket", { le });
      assert.equal(bucket("+Inf"), 9);
      assert.ok(bucket("0.1") <= 8, "one of them took 0.2 s");
      assert.ok(metrics.value("portico_http_request_duration_seconds_sum") >= 0.2);
      // One was answered without a worker.
      assert.equal(metrics.value("portico_http_request_queue_seconds_count"), 8);
      assert.ok(metrics.value("portico_http_request_application_seconds_sum") >= 0.2);
      assert.deepEqual(metrics.counted("portico_workers", "state"), { ready: 1 });
      assert.equal(metrics.value("portico_generation"), 1);
      assert.deepEqual(metrics.counted("portico_accept_queue_connections_max", "address"), {
        [server.origin]: 77,
      });
      assert.equal(metrics.value("portico_build_info"), 1);
      for (const process of ["gateway", "zygote", "worker"]) {
        assert.ok(metrics.value("portico_resident_memory_bytes", { process }) > 1_000_000);
      }
    });

    test("a connection is counted by what it waits for, a request by its worker", async () => {
      await using exercise = await startExercise(transport, OWN_ADDRESS);
      const { server, port } = exercise;
      const target = metricsTarget(server);
      using idle = await RawClient.connect(port);
      await idle.exchange(get("/hello"));
      using busy = await RawClient.connect(port);
      busy.write(get("/slow?s=20"));
      using waiting = await RawClient.connect(port);
      waiting.write(get("/hello"));
      const metrics = await untilMetrics(server, target, "three connections", (read) => {
        return read.value("portico_queue_requests") === 1;
      });
      assert.deepEqual(metrics.counted("portico_connections", "phase"), { idle: 1, answer: 2 });
      assert.equal(metrics.value("portico_workers_busy"), 1);
      server.signal("SIGQUIT");
      await server.ended;
    });

    test("a worker that ends, or is killed, was replaced, and has its reason", async () => {
      const args = [...OWN_ADDRESS, "--timeout", "500ms"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      const target = metricsTarget(server);
      const answer = await rawRequest(port, post("/echo", ""));
      process.kill(Number(answer.field("x-pid")), "SIGKILL");
      await untilMetrics(server, target, "the killed worker", (read) => {
        return read.value(RESTARTS, { reason: "signal" }) === 1;
      });
      assert.equal((await rawRequest(port, get("/once"))).text, "the second time");
      assert.equal((await rawRequest(port, get("/slow?s=30"))).status, 504);
      const metrics = await untilMetrics(server, target, "all three", (read) => {
        return read.value(RESTARTS, { reason: "timeout" }) === 1;
      });
      assert.deepEqual(metrics.counted(RESTARTS, "reason"), { signal: 1, exit: 1, timeout: 1 });
      assert.equal(metrics.value("portico_http_request_retries_total"), 1);
      assert.deepEqual(metrics.counted("portico_http_server_errors_total", "cause"), {
        "timed-out": 1,
      });
    });

    test("CPU time does not fall with a worker or a generation, descriptors are told", async () => {
      const args = [...OWN_ADDRESS, "--watch-window", "off"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      const target = metricsTarget(server);
      const workersUsed = (read: ReadMetrics): number =>
        read.value("portico_cpu_seconds_total", { process: "worker" });
      const burnt = await rawRequest(port, get("/burn?s=0.3"));
      const before = await readMetrics(target);
      assert.ok(workersUsed(before) >= 0.29, String(workersUsed(before)));
      for (const process of ["gateway", "zygote"]) {
        assert.ok(before.value("portico_cpu_seconds_total", { process }) > 0, process);
      }
      process.kill(Number(burnt.field("x-pid")), "SIGKILL");
      const killed = await untilMetrics(server, target, "the killed worker", (read) => {
        return read.value(RESTARTS, { reason: "signal" }) === 1;
      });
      assert.ok(workersUsed(killed) >= workersUsed(before));
      // Nobody reads before the generation has ended.
      const last = await rawRequest(port, get("/burn?s=0.3"));
      const zygote = Number(last.field("x-zygote"));
      server.signal("SIGHUP");
      await server.until("the old zygote's end", () => statusOf(zygote) === null);
      const ended = await readMetrics(target);
      assert.ok(workersUsed(ended) >= workersUsed(before) + 0.29, String(workersUsed(ended)));
      assert.ok(ended.value("portico_descriptors") > 3);
      assert.ok(ended.value("portico_descriptors_max") >= 1_024);
    });

    test("nothing that a client sends makes a series", async () => {
      const routes = ["--metrics-route", "greeting=/hello", "--metrics-route", "files=/file"];
      await using exercise = await startExercise(transport, [...OWN_ADDRESS, ...routes]);
      const { server, port } = exercise;
      const target = metricsTarget(server);
      const before = await readMetrics(target);
      const strange = [
        get("/hello"),
        get("/hello/world?x=1"),
        get('/nowhere"} 1\n'),
        "ODD /hello HTTP/1.1\r\nHost: other.example\r\n\r\n",
        "ODDER * HTTP/1.1\r\nHost: \r\n\r\n",
        get("/status?code=299"),
        get("/status?code=599"),
        get("/hello", 'X-Request-ID: 1\r\nUser-Agent: {a="b"}\r\n'),
        "GARBAGE\r\n\r\n",
      ];
      for (const request of strange) await rawRequest(port, request);
      const after = await untilMetrics(server, target, "all of them", (read) => {
        const names = ["greeting", "files", "other"];
        const counts = names.map((route) =>
          read.value("portico_http_request_duration_seconds_count", { route }),
        );
        return counts.reduce((sum, count) => sum + count, 0) === strange.length;
      });
      assert.deepEqual(after.series, before.series);
      const labels = { method: "GET", status_class: "2xx", route: "greeting" };
      assert.equal(after.value(REQUESTS, labels), 3);
      assert.equal(after.value(REQUESTS, { ...labels, method: "other" }), 1);
    });

    test("at a path of the site the gateway answers itself, and is in no log", async () => {
      const args = ["--metrics", "/metrics", "--workers", "1", "--access-log-format", "json"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      using busy = await RawClient.connect(port);
      busy.write(get("/slow?s=20"));
      await untilMetrics(server, port, "a busy worker", (read) => {
        return read.value("portico_workers_busy") === 1;
      });
      assert.equal((await scrape(port, "/metrics?x=1")).status, 200);
      const head = await scrape(port, "/metrics", "HEAD");
      assert.deepEqual([head.status, head.text], [200, ""]);
      const refused = await scrape(port, "/metrics", "DELETE");
      assert.deepEqual([refused.status, refused.field("allow")], [405, "GET, HEAD"]);
      const metrics = await readMetrics(port);
      assert.equal(metrics.value("portico_http_request_duration_seconds_count"), 0);
      server.signal("SIGQUIT");
      await server.ended;
      assert.ok(server.stdout.includes(`\n  metrics    ${server.origin}/metrics\n`));
      const logged = server.stdout.split("\n").filter((line) => line.startsWith("{"));
      assert.doesNotMatch(logged.join("\n"), /metrics/);
    });

    test("an address of its own has nothing else, and may be a Unix socket", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "portico-metrics-"));
      try {
        const file = path.join(folder, "metrics.sock");
        const args = ["--metrics", `unix:${file}`, "--workers", "1"];
        await using exercise = await startExercise(transport, args);
        const target = metricsTarget(exercise.server);
        assert.equal(target, file);
        const { stdout } = exercise.server;
        assert.ok(stdout.includes(`\n  metrics    unix:${file}, path /metrics\n`), stdout);
        assert.equal((await readMetrics(target)).value("portico_generation"), 1);
        assert.equal((await scrape(target, "/hello")).status, 404);
        assert.equal((await scrape(target, "/metrics", "POST")).status, 405);
        assert.doesNotMatch((await scrape(exercise.port)).text, /portico_http/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test("a reload is counted, and a successor takes the address over", async () => {
      await using exercise = await startExercise(transport, OWN_ADDRESS);
      const { server } = exercise;
      const target = metricsTarget(server);
      const before = await readMetrics(target);
      server.signal("SIGHUP");
      await untilMetrics(server, target, "the reload", (read) => {
        return read.value("portico_reloads_total", { outcome: "serving" }) === 1;
      });
      if (transport === "node") return;
      server.signal("SIGUSR2");
      const started = before.value("portico_start_time_seconds");
      let isSucceeded = false;
      await server.untilLogged(/ successor=\d+/, 30_000);
      while (!isSucceeded) {
        const metrics = await readMetrics(target);
        isSucceeded = metrics.value("portico_start_time_seconds") > started;
      }
      const [, successor] = / successor=(\d+)/.exec(server.stderr) ?? [];
      await server.ended;
      process.kill(Number(successor), "SIGTERM");
    });
  });
}

test("what cannot be meant ends the program, with the reason", async () => {
  const cases: readonly (readonly [args: readonly string[], why: RegExp])[] = [
    [["--metrics", "9100x"], /--metrics 9100x: the port is missing/],
    [["--metrics", "fd://3"], /--metrics: fd:\/\/3: a socket that was passed/],
    [["--bind", "8000", "--metrics", "8000"], /--metrics 127\S+: --bind 127\S+ has that address/],
    [["--metrics", "/a?b"], /--metrics: \/a\?b is no path/],
    [["--metrics", "/up", "--livez", "/up"], /--metrics: \/up is the path of --livez/],
    [["--metrics-route", "/api"], /--metrics-route: \/api is no name and path/],
    [["--metrics-route", "other=/api"], /--metrics-route: other=\/api: other is what fits no/],
    [["--metrics-route", "a=/x,b=/x"], /--metrics-route: b=\/x: the path has a name already/],
  ];
  for (const [args, why] of cases) {
    const { status, stderr } = await runPortico([...args, "exercise:app"]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, why);
  }
});
