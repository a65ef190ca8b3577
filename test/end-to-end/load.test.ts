/**
 * `portico load` as a person runs it: against the real program, whose own count of requests must be
 * the same, and against servers that misbehave.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { ServerSide } from "../../src/cli/load/server-side.ts";
import type { LoadReport } from "../../src/load/load-report.ts";
import {
  type FinishedProcess,
  PORTICO,
  runPortico,
  runToEnd,
  type ServerProcess,
  startPortico,
  startServer,
} from "./server-process.ts";

type Report = LoadReport<ServerSide>;

const APPLICATION = ["--chdir", "examples", "--workers", "2", "--access-log", "off", "hello:app"];

function load(...args: string[]): Promise<FinishedProcess> {
  return runPortico(["load", ...args]);
}

async function loadJson(...args: string[]): Promise<{ report: Report; status: number | null }> {
  const { stdout, stderr, status } = await load("--json", ...args);
  assert.doesNotMatch(stderr, /\S/);
  return { report: JSON.parse(stdout) as Report, status };
}

/** A server of which each connection is handed to `serve`. */
async function rawServer(serve: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function urlOf(server: net.Server): string {
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
}

describe("portico load, on a portico", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-load-"));
  const socketPath = path.join(folder, "s");
  let portico: ServerProcess;
  before(async () => {
    const binds = ["--bind", "127.0.0.1:0", "--bind", `unix:${socketPath}`];
    portico = await startPortico([...binds, ...APPLICATION]);
  });
  after(async () => {
    await portico.stop();
    rmSync(folder, { recursive: true });
  });

  test("what the client counts is what the server counts", async () => {
    const { report, status } = await loadJson(portico.origin, "-n", "500", "-c", "8");
    assert.equal(status, 0);
    const { requests, statuses, latency, server, bytes } = report;
    assert.deepEqual(requests, { begun: 500, answered: 500, failed: 0, cutOff: 0, notBegun: 0 });
    assert.deepEqual(statuses, { 200: 500 });
    assert.equal(latency?.count, 500);
    assert.equal(bytes.received > bytes.contents, true);
    assert.equal(report.serverField, "portico");
    assert.ok(server !== null, "it asks the portico over its control socket");
    assert.equal(server.pid, portico.pid);
    assert.equal(server.application, "hello:app");
    assert.deepEqual(server.generation, { before: 1, after: 1 });
    assert.equal(server.answered, 500);
    assert.equal(server.failed, 0);
    assert.equal(server.workers.after, 2);
    assert.ok(server.queueWait !== null);
  });

  test("several gateways count as one, by a control socket that a variable names", async () => {
    const control = path.join(folder, "own");
    const options = ["--gateways", "2", "--control-socket", control];
    const several = await startPortico([...options, ...APPLICATION]);
    try {
      const argv = ["load", "--json", several.origin, "-n", "200"];
      const { stdout } = await runPortico(argv, { env: { PORTICO_CONTROL_SOCKET: control } });
      const { server } = JSON.parse(stdout) as Report;
      assert.equal(server?.pid, several.pid);
      assert.equal(server.gateways, 2);
      assert.equal(server.answered, 200);
      assert.ok(server.cpuMs.gateway !== null);
    } finally {
      await several.stop();
    }
  });

  test("processes share the load, and their counts add up", async () => {
    const { report, status } = await loadJson(portico.origin, "-n", "301", "--forks", "3");
    assert.equal(status, 0);
    assert.equal(report.requests.answered, 301);
    assert.equal(report.latency?.count, 301);
    assert.equal(report.server?.answered, 301);
    assert.equal(report.connectionEvents.opened, 10);
  });

  test("a rate is kept", async () => {
    const pace = ["-r", "200", "-d", "1", "-c", "50", "--forks", "2"];
    const { report, status } = await loadJson(portico.origin, ...pace);
    assert.equal(status, 0);
    const { begun, answered, notBegun } = report.requests;
    assert.equal(begun + notBegun, 200, "so many are due in a second");
    assert.equal(answered, begun);
    assert.equal(report.seconds, 1);
    assert.ok((report.latency?.meanUs ?? 0) >= (report.serviceTime?.meanUs ?? Infinity));
  });

  test("over a Unix socket, with a body, and with a connection for each request", async () => {
    const common = ["--body", "a=b", "-H", "Host: shop.example", "--no-keep-alive", "-n", "50"];
    const over = await loadJson(`unix:${socketPath}`, ...common);
    assert.equal(over.status, 0);
    assert.equal(over.report.method, "POST");
    assert.equal(over.report.server?.pid, portico.pid);
    const through = await loadJson("http://a/?b=c", "--unix-socket", socketPath, ...common);
    assert.equal(through.report.requests.answered, 50);
    const tcp = await loadJson(portico.origin, ...common);
    assert.equal(tcp.report.connectionEvents.opened >= 50, true);
    assert.equal(tcp.report.requests.answered, 50);
  });

  test("answers to HEAD have no content", async () => {
    const { report, status } = await loadJson(portico.origin, "-m", "HEAD", "-n", "20", "-c", "2");
    assert.equal(status, 0);
    assert.equal(report.requests.answered, 20);
    assert.equal(report.bytes.contents, 0);
  });

  test("a person gets text", async () => {
    const { stdout, stderr, status } = await load(portico.origin, "-n", "300", "-c", "2");
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^portico load http:\/\/127\.0\.0\.1:\d+\/\n {2}2 connections, as fast as/,
    );
    for (const pattern of [
      /requests\/s +\d/,
      /statuses +200: \d+/,
      /99 % +\d/,
      /server +portico/,
    ]) {
      assert.match(stdout, pattern);
    }
    for (const line of stdout.split("\n")) assert.ok(line.length <= 100, line);
    assert.equal(stderr, "", "progress is for terminals");
  });

  test("at a terminal a line says how far it is, and goes away", async () => {
    const program = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    const args = ["-c", program, PORTICO, "load", portico.origin, "-d", "700ms", "-c", "2"];
    const { stdout, status } = await runToEnd("python3", args);
    assert.equal(status, 0, stdout);
    // Each line takes the place of the one before: a carriage return, and the rest erased.
    const [first = "", ...lines] = stdout.split("\r");
    assert.equal(first, "");
    const erased = "\u001b[K";
    const shown = lines.filter((line) => line.endsWith(erased)).map((line) => line.slice(0, -3));
    assert.match(shown[0] ?? "", /^\d+ s of 0\.7 s: \d+ answered \(\d+\/s\), 0 failed, /);
    assert.ok(lines.some((line) => line.startsWith(`${erased}portico load http`)));
  });

  for (const forks of [1, 2]) {
    test(`Ctrl-C prints what there is, with ${forks} process(es)`, async () => {
      const args = ["load", portico.origin, "-d", "1h", "--json", "--forks", String(forks)];
      const running = await startServer(PORTICO, args, { ready: null });
      // It sends as soon as all its connections are open.
      const isOpen = (): boolean => connectionsTo(portico.port) >= 10;
      await running.until("its connections", isOpen);
      await answersSeen(portico.origin);
      // As a terminal does it: to all processes of the session.
      process.kill(-running.pid, "SIGINT");
      const { status } = await running.ended;
      await running.stop();
      assert.equal(status, 0, running.output);
      const report = JSON.parse(running.stdout) as Report;
      assert.equal(report.interrupted, true);
      const { begun, answered, cutOff, failed } = report.requests;
      assert.ok(answered > 0 && failed === 0);
      assert.equal(begun, answered + cutOff);
    });
  }
});

/** Established TCP connections to a port of this machine, by proc(5). */
function connectionsTo(port: number): number {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, "0");
  const pattern = new RegExp(` [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{8}:${hexadecimal} 01 `, "g");
  return readFileSync("/proc/net/tcp", "latin1").match(pattern)?.length ?? 0;
}

/** Answers that the server gives behind those of the load. */
async function answersSeen(origin: string): Promise<void> {
  for (let count = 0; count < 20; count++) await (await fetch(origin)).arrayBuffer();
}

describe("the processes of portico load", () => {
  test("one that is lost is told, and the others' figures are there", async () => {
    await using portico = await startPortico(APPLICATION);
    const args = ["load", portico.origin, "-d", "1h", "--json", "--forks", "2"];
    const running = await startServer(PORTICO, args, { ready: null });
    await running.until("its connections", () => connectionsTo(portico.port) >= 10);
    const [child = 0] = running.processes().filter((pid) => pid !== running.pid);
    process.kill(child, "SIGKILL");
    await running.until("the end of one", () => !running.processes().includes(child));
    await answersSeen(portico.origin);
    running.signal("SIGINT");
    const { status } = await running.ended;
    await running.stop();
    const report = JSON.parse(running.stdout) as Report;
    assert.equal(report.client.lostProcesses, 1);
    assert.ok(report.requests.answered > 0);
    assert.equal(status, 1);
  });

  test("end with the first, however that ends", async () => {
    await using portico = await startPortico(APPLICATION);
    const args = ["load", portico.origin, "-d", "1h", "--forks", "3"];
    const running = await startServer(PORTICO, args, { ready: null });
    await running.until("its connections", () => connectionsTo(portico.port) >= 10);
    running.signal("SIGKILL");
    await running.ended;
    // Fails where a process is left behind.
    await running.stop();
  });
});

describe("portico load, on other servers", () => {
  test("each way in which an answer can be missing is told by its kind", async () => {
    const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const behaviours: Readonly<Record<string, (socket: net.Socket) => void>> = {
      closed: (socket) => socket.once("data", () => socket.end()),
      reset: (socket) => socket.once("data", () => socket.resetAndDestroy()),
      truncated: (socket) => socket.once("data", () => socket.end(whole.slice(0, -1))),
      badResponse: (socket) => socket.once("data", () => socket.write("SMTP\r\n")),
      timeout: (socket) => socket.once("data", () => socket.write(whole.slice(0, -1))),
    };
    for (const [kind, behave] of Object.entries(behaviours)) {
      const server = await rawServer(behave);
      // Only where no answer ever comes is it short: a busy machine is slow.
      const timeout = kind === "timeout" ? "300ms" : "30s";
      const args = ["-n6", "-c2", `--timeout=${timeout}`];
      const { report, status } = await loadJson(urlOf(server), ...args);
      server.close();
      assert.deepEqual(report.failures, { [kind]: 6 }, kind);
      assert.equal(report.latency, null);
      assert.equal(status, 1);
      assert.equal(report.server, null);
    }
  });

  test("a server that closes after each answer is loaded all the same", async () => {
    const bytes = "HTTP/1.0 200 OK\r\n\r\nuntil the end";
    const server = await rawServer((socket) => socket.once("data", () => socket.end(bytes)));
    const { report, status } = await loadJson(urlOf(server), "-n", "40", "-c", "4");
    server.close();
    assert.equal(status, 0);
    assert.equal(report.requests.answered, 40);
    assert.equal(report.bytes.contents, 40 * "until the end".length);
  });

  test("what a server says is printed escaped", async () => {
    const bytes = "HTTP/1.1 200 OK\r\nServer: evil\xff\tserver\r\nContent-Length: 0\r\n\r\n";
    const server = await rawServer((socket) =>
      socket.on("data", () => socket.write(Buffer.from(bytes, "latin1"))),
    );
    const { stdout, status } = await load(urlOf(server), "-n", "5", "-c", "1");
    server.close();
    assert.equal(status, 0);
    assert.match(stdout, /server +evil\\xff\\tserver\n/);
  });

  test("one that is not there is one line, and what cannot be loaded too", async () => {
    const server = await rawServer(() => {});
    const url = urlOf(server);
    server.close();
    const cases = [
      [[url], 1, /the connection was refused .*does a server listen at/],
      [[url, "--forks", "2"], 1, /the connection was refused/],
      [["unix:/nowhere/s"], 1, /ENOENT/],
      [["http://name.invalid/"], 1, /the name name\.invalid has no address/],
      [["https://127.0.0.1/"], 2, /https is not spoken here/],
      [[], 2, /which URL\?/],
    ] as const;
    const ends = cases.map(async ([args, expected, pattern]) => {
      const { status, stdout, stderr } = await load(...args);
      assert.equal(status, expected, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^portico: [^\n]+\n$/);
      assert.match(stderr, pattern);
    });
    await Promise.all(ends);
  });
});
