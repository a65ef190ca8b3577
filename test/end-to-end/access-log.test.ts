/** The access log of a server that runs: where it goes, and what it says of real requests. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { type Exercise, get, post, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { type ServerProcess, startServer, PORTICO } from "./server-process.ts";

/** A line of format `json`; docs/observe.md describes each member. */
interface Line {
  readonly time: string;
  readonly method: string | null;
  readonly path: string | null;
  readonly query: string | null;
  readonly status: number;
  readonly bytes: number;
  readonly duration_us: number;
  readonly queue_us: number | null;
  readonly application_us: number | null;
  readonly worker: number | null;
  readonly generation: number | null;
  readonly retries: number;
  readonly request_id: string | null;
  readonly trace_id: string | null;
  readonly span_id: string | null;
  readonly remote: string | null;
  readonly user: string | null;
  readonly protocol: string;
  readonly host: string | null;
  readonly referer: string | null;
  readonly user_agent: string | null;
}

const MEMBERS =
  "time method path query status bytes duration_us queue_us application_us worker generation " +
  "retries request_id trace_id span_id remote user protocol host referer user_agent";

/** Of the request that the first test sends. */
const TIMED_LINE = new RegExp(
  String.raw`^127\.0\.0\.1 - - \[([^\]]+)\] "GET /hello\?q=%22 HTTP/1\.1" 200 6 ` +
    String.raw`"http://b/" "(.*)" total_us=(\d+) queue_us=(\d+) application_us=(\d+) ` +
    String.raw`worker=(\d+) generation=1 retries=0 request_id=-$`,
);

const JSON_LINES = ["--workers", "1", "--access-log-format", "json"];

function jsonLines(text: string): Line[] {
  const lines = text.split("\n").filter((line) => line.startsWith('{"time":'));
  return lines.map((line) => JSON.parse(line) as Line);
}

/** The lines of a path, once there are so many: a line comes up to 100 ms behind its answer. */
async function linesOf(server: ServerProcess, wanted: string, count = 1): Promise<Line[]> {
  const found = (): Line[] => jsonLines(server.stdout).filter((line) => line.path === wanted);
  await server.until(`${count} lines about ${wanted}`, () => found().length >= count, 5_000);
  return found();
}

async function lineOf(server: ServerProcess, wanted: string): Promise<Line> {
  const [line, ...more] = await linesOf(server, wanted);
  assert.ok(line !== undefined);
  assert.deepEqual(more, []);
  return line;
}

/** A file that is not there yet, in a folder that is gone afterwards. */
async function withFolder(use: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-access-log-"));
  try {
    await use(path.join(folder, "access.log"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}

/** A client whose request was handed on: the one that it sent in front of it has its answer. */
async function requestUnderWay(port: number, request: string): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.exchange(get("/cookies") + request);
  return client;
}

/** PID of the only worker. */
async function workerOf({ port }: Exercise): Promise<number> {
  const { text } = await rawRequest(port, get("/process"));
  return (JSON.parse(text) as { pid: number }).pid;
}

for (const transport of TRANSPORTS) {
  describe(`the access log, by ${transport}`, () => {
    test("is on standard output, in a form that log analysers know", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1"]);
      const { server, port } = exercise;
      const pid = await workerOf(exercise);
      const fields = 'User-Agent: a "quoted" \x80 one\r\nReferer: http://b/\r\n';
      const before = Date.now() - 1_000;
      await rawRequest(port, get("/hello?q=%22", fields));
      await server.until("the line", () => server.stdout.includes("GET /hello"), 5_000);
      const line = server.stdout.split("\n").find((text) => text.includes("GET /hello")) ?? "";
      const found = TIMED_LINE.exec(line);
      assert.ok(found !== null, line);
      const [, time = "", agent, totalUs, queueUs, applicationUs, worker] = found;
      assert.equal(agent, 'a \\"quoted\\" \\x80 one');
      const at = Date.parse(time.replace(":", " ").replaceAll("/", " "));
      assert.ok(at >= before - 1_000 && at <= Date.now(), time);
      assert.equal(Number(worker), pid);
      assert.ok(Number(queueUs) + Number(applicationUs) <= Number(totalUs), line);
    });

    test("json: all that is known of a request", async () => {
      await using exercise = await startExercise(transport, JSON_LINES);
      const { server, port } = exercise;
      const pid = await workerOf(exercise);
      const credentials = Buffer.from("ada:secret").toString("base64");
      await rawRequest(port, post("/echo?a=1", "12345", `Authorization: Basic ${credentials}\r\n`));
      const line = await lineOf(server, "/echo");
      assert.equal(Object.keys(line).join(" "), MEMBERS);
      const { time, duration_us: total, queue_us: queue, application_us: work, ...rest } = line;
      assert.ok(Math.abs(Date.parse(time) - Date.now()) < 30_000);
      assert.ok(total > 0 && queue === 0 && work !== null && work <= total);
      assert.ok(rest.bytes > 0);
      assert.deepEqual(
        { ...rest, bytes: 0 },
        {
          method: "POST",
          path: "/echo",
          query: "a=1",
          status: 200,
          bytes: 0,
          worker: pid,
          generation: 1,
          retries: 0,
          request_id: null,
          trace_id: null,
          span_id: null,
          remote: "127.0.0.1",
          user: "ada",
          protocol: "HTTP/1.1",
          host: "test",
          referer: null,
          user_agent: null,
        },
      );
      assert.ok(!server.stdout.includes("secret"));
    });

    test("tells the time in the queue from the time in the application", async () => {
      await using exercise = await startExercise(transport, JSON_LINES);
      const { server, port } = exercise;
      using client = await requestUnderWay(port, get("/slow?s=2"));
      await rawRequest(port, get("/hello"));
      await client.exchange("");
      const { application_us: slowUs, queue_us: slowQueueUs } = await lineOf(server, "/slow");
      assert.ok(slowUs !== null && slowUs >= 2_000_000 && slowUs < 10_000_000, `${slowUs}`);
      assert.equal(slowQueueUs, 0);
      const {
        queue_us: queueUs,
        application_us: workUs,
        duration_us,
      } = await lineOf(server, "/hello");
      assert.ok(queueUs !== null && workUs !== null);
      // A machine that is busy takes a part of the two seconds; the rest of them is the queue's.
      assert.ok(queueUs > 500_000 && queueUs <= duration_us, `${queueUs} of ${duration_us}`);
      assert.ok(workUs < 500_000, `${workUs}`);
      assert.ok(duration_us - queueUs - workUs < 500_000, `${queueUs} of ${duration_us}`);
    });

    test("says who died, and who ran it again", async () => {
      await using exercise = await startExercise(transport, JSON_LINES);
      const { server, port } = exercise;
      const first = await workerOf(exercise);
      const again = await rawRequest(port, get("/once"));
      assert.equal(again.status, 200);
      const line = await lineOf(server, "/once");
      assert.deepEqual([line.status, line.retries], [200, 1]);
      const second = await workerOf(exercise);
      assert.deepEqual([line.worker === first, line.worker === second], [false, true]);
      const lost = await rawRequest(port, post("/die", ""));
      const { status, worker, retries, request_id: id } = await lineOf(server, "/die");
      assert.deepEqual([status, worker, retries], [502, second, 0]);
      assert.equal(id, lost.field("x-request-id"));
    });

    test("has each exchange, however it goes, and no probe", async () => {
      const args = [...JSON_LINES, "--readyz", "/readyz"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      assert.equal((await rawRequest(port, get("/readyz"))).status, 200);
      await rawRequest(port, "no request\r\n\r\n");
      const leaving = await requestUnderWay(port, get("/slow?s=0.3"));
      leaving.socket.resetAndDestroy();
      assert.equal((await lineOf(server, "/slow")).status, 499);
      using pipelining = await RawClient.connect(port);
      pipelining.write(get("/hello").repeat(20));
      const lines = await linesOf(server, "/hello", 20);
      assert.deepEqual(new Set(lines.map(({ status, bytes }) => `${status} ${bytes}`)).size, 1);
      const all = jsonLines(server.stdout);
      assert.deepEqual(
        all.filter(({ path: each }) => each === null).map(({ status }) => status),
        [400],
      );
      assert.equal(all.length, 23);
    });

    test("into a file, and another once that was moved away", async () => {
      await withFolder(async (file) => {
        const args = [...JSON_LINES, "--access-log", file];
        await using exercise = await startExercise(transport, args);
        const { server, port } = exercise;
        await rawRequest(port, get("/hello"));
        await server.until("a line", () => jsonLines(read(file)).length === 1, 5_000);
        renameSync(file, `${file}.1`);
        await rawRequest(port, get("/hello"));
        await server.until("the second", () => jsonLines(read(`${file}.1`)).length === 2, 5_000);
        server.signal("SIGUSR1");
        await server.until("a new file", () => existsSync(file), 5_000);
        await rawRequest(port, get("/lines"));
        await server.until("the third", () => jsonLines(read(file)).length === 1, 5_000);
        assert.equal(jsonLines(read(file))[0]?.path, "/lines");
        assert.equal(jsonLines(read(`${file}.1`)).length, 2);
        assert.deepEqual(jsonLines(server.stdout), []);
      });
    });

    test("what is left of it is written at the end", async () => {
      await withFolder(async (file) => {
        const exercise = await startExercise(transport, [...JSON_LINES, "--access-log", file]);
        await rawRequest(exercise.port, get("/hello"));
        await exercise[Symbol.asyncDispose]();
        assert.equal(jsonLines(read(file)).length, 1);
      });
    });

    test("nowhere, where nobody wants it", async () => {
      await using exercise = await startExercise(transport, [...JSON_LINES, "--access-log", "off"]);
      const { server, port } = exercise;
      await rawRequest(port, get("/hello"));
      await server.stop();
      assert.ok(!server.stdout.includes("hello"), server.stdout);
    });

    test("a reader that does not read holds nobody up", async () => {
      const args = ["--bind", "127.0.0.1:0", "--transport", transport, "--workers", "1"];
      const format = ["--access-log-format", `%(s)s ${"x".repeat(20_000)}`, "--chdir"];
      const folder = path.join(import.meta.dirname, "applications");
      await using server = await startServer(PORTICO, [...args, ...format, folder, "exercise:app"]);
      server.child.stdout?.pause();
      using client = await RawClient.connect(server.port);
      // More than a pipe holds, and more than waits for one.
      for (let count = 0; count < 150; count++) {
        assert.equal((await client.exchange(get("/hello"))).status, 200);
      }
      server.child.stdout?.resume();
      await server.untilLogged(/lines of the access log were dropped/);
    });
  });
}

test("--quiet has none on standard output, unless it is asked for", async () => {
  for (const [args, isWanted] of [
    [["--quiet"], false],
    [["--quiet", "--access-log", "-"], true],
  ] as const) {
    await withFolder(async (file) => {
      const socket = path.join(path.dirname(file), "socket");
      const all = ["--bind", `unix:${socket}`, ...JSON_LINES, ...args, "--chdir"];
      const folder = path.join(import.meta.dirname, "applications");
      await using server = await startServer(PORTICO, [...all, folder, "exercise:app"], {
        ready: null,
      });
      await server.until("the socket", () => existsSync(socket));
      assert.equal((await rawRequest(socket, get("/hello"))).status, 200);
      await server.stop();
      assert.deepEqual(
        jsonLines(server.stdout).map(({ path: each, remote }) => [each, remote]),
        isWanted ? [["/hello", null]] : [],
      );
    });
  }
});
