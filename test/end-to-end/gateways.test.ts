/** `--gateways`: how it starts, what it refuses, and which sockets it can have. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { APPLICATIONS, get } from "./exercise.ts";
import { childrenOf } from "./process-tree.ts";
import { rawRequest } from "./raw-client.ts";
import { PROJECT_FOLDER, runPortico, startPortico, startServer } from "./server-process.ts";

const PASS_SOCKETS = path.join(import.meta.dirname, "pass_sockets.py");
const FOLDER_PREFIX = path.join(os.tmpdir(), "portico-gateways-");
const HELLO = ["--chdir", path.join(PROJECT_FOLDER, "examples"), "hello:app"];
const PLAIN = get("/plain");
/** So many requests on connections of their own that each gateway gets some. */
const REQUESTS = 24;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT"] as const;

describe("what cannot be meant is one line, and status 2", () => {
  const refused: readonly [args: readonly string[], line: RegExp, env?: object][] = [
    [["--workers", "2", "--gateways", "4"], /--workers 2: --gateways 4 needs at least 4 workers/],
    [["--reload"], /--reload: not with --gateways 2, since/],
    [["--transport", "node"], /--transport node: not with --gateways 2, since/],
    [["--metrics", "/metrics"], /--metrics \/metrics: not with --gateways 2, since.*9100/],
    [["--metrics", "9100x"], /--metrics 9100x: the port is missing/],
    [["--dashboard", "0.0.0.0:0"], /--dashboard: other machines can reach 0\.0\.0\.0:0, so/],
    // What only a gateway looks at is said by the leader, once.
    [["--error-page", "/nowhere.html"], /--error-page \/nowhere\.html/],
    [["--trace", "on"], /OTEL_BSP_MAX_QUEUE_SIZE=0: exp/, { OTEL_BSP_MAX_QUEUE_SIZE: "0" }],
    [["--trace", "on"], /OTEL_TRACES_SAMPLER=all: exp/, { OTEL_TRACES_SAMPLER: "all" }],
    [["--gateways", "65"], /--gateways: expected a whole number, 1 to 64/],
  ];
  for (const [args, line, env = {}] of refused) {
    test([...args, ...Object.keys(env)].join(" "), async () => {
      const gateways = args.includes("--gateways") ? [] : ["--gateways", "2"];
      const { status, stderr } = await runPortico([...gateways, ...args, ...HELLO], {
        env: { ...env },
      });
      assert.equal(status, 2, stderr);
      assert.match(stderr, line);
      assert.equal(stderr.trimEnd().split("\n").length, 1);
    });
  }
});

test("an application that does not load: one traceback, and nothing is left", async () => {
  using folder = mkdtempDisposableSync(FOLDER_PREFIX);
  writeFileSync(path.join(folder.path, "broken.py"), "import nothing_of_that_name\n");
  const pidFile = path.join(folder.path, "pid");
  const bind = `unix:${path.join(folder.path, "socket")}`;
  const args = ["--gateways", "3", "--workers", "3", "-p", pidFile, "--bind", bind];
  const { status, stdout, stderr } = await runPortico([
    ...args,
    "--chdir",
    folder.path,
    "broken:app",
  ]);
  assert.equal(status, 3, stderr);
  assert.equal(stdout, "");
  assert.equal(stderr.match(/Traceback/g)?.length, 1, stderr);
  assert.match(stderr, /^portico: .*broken/m);
  assert.ok(!existsSync(pidFile) && !existsSync(bind.slice("unix:".length)));
});

test("killed while the gateways start, the leader leaves nothing behind", async () => {
  using folder = mkdtempDisposableSync(FOLDER_PREFIX);
  const file = path.join(folder.path, "socket");
  const args = ["--gateways", "2", "--workers", "2", "--bind", `unix:${file}`];
  const server = await startPortico([...args, "--chdir", APPLICATIONS, "unruly:app"], {
    env: { IMPORT: "start-and-hang", TMPDIR: folder.path },
    ready: null,
  });
  await server.until("both hang", () => server.stdout.match(/hanging/g)?.length === 2);
  assert.ok(existsSync(file));
  server.signal("SIGKILL");
  // It asserts that no process is left.
  await server.stop();
  assert.deepEqual(readdirSync(folder.path), []);
});

test("an address that is taken, also by several gateways", async () => {
  await using server = await startPortico(["--gateways", "2", ...HELLO]);
  for (const gateways of ["1", "2"]) {
    const args = ["--gateways", gateways, "--bind", `127.0.0.1:${server.port}`];
    const { status, stderr } = await runPortico([...args, ...HELLO]);
    assert.equal(status, 1);
    assert.match(stderr, /^portico: cannot listen on 127\.0\.0\.1:\d+/);
  }
});

test("all accept from a Unix socket; its file and the PID file are the leader's", async () => {
  using folder = mkdtempDisposableSync(FOLDER_PREFIX);
  const [file, pidFile] = [path.join(folder.path, "socket"), path.join(folder.path, "pid")];
  const args = ["--gateways", "2", "--workers", "2", "-p", pidFile, "--bind", "127.0.0.1:0"];
  const server = await startPortico([...args, "--bind", `unix:${file}`, ...HELLO]);
  assert.equal(readFileSync(pidFile, "utf8"), `${server.pid}\n`);
  for (const target of [file, server.port]) {
    for (let count = 0; count < REQUESTS; count++) {
      assert.equal((await rawRequest(target, PLAIN)).status, 200);
    }
  }
  // Killed, a gateway takes no file along that others still need.
  const [victim = 0] = childrenOf(server.pid);
  process.kill(victim, "SIGKILL");
  await server.untilLogged(/the gateway in its place serves/, 30_000);
  assert.ok(existsSync(file));
  assert.equal((await rawRequest(file, PLAIN)).status, 200);
  assert.equal((await server.stop()).status, 0);
  assert.ok(!existsSync(file) && !existsSync(pidFile));
});

test("a socket that a service manager has opened is accepted from by all", async () => {
  const program = path.join(PROJECT_FOLDER, "bin", "portico");
  const args = [PASS_SOCKETS, "-", "tcp", "--", program, "--gateways", "2", "--workers", "2"];
  await using server = await startServer("python3", [...args, ...HELLO]);
  for (let count = 0; count < REQUESTS; count++) {
    assert.equal((await rawRequest(server.port, PLAIN)).status, 200);
  }
});

test("a gateway that starts later has the options that the first ones had", async () => {
  using folder = mkdtempDisposableSync(FOLDER_PREFIX);
  const config = path.join(folder.path, "portico.json");
  writeFileSync(config, JSON.stringify({ "server-header": "first", gateways: 2, workers: 2 }));
  await using server = await startPortico(["--config", config, ...HELLO]);
  writeFileSync(config, "no JSON at all");
  const [victim = 0] = childrenOf(server.pid);
  process.kill(victim, "SIGKILL");
  await server.untilLogged(/the gateway in its place serves/, 30_000);
  for (let count = 0; count < REQUESTS; count++) {
    assert.equal((await rawRequest(server.port, PLAIN)).field("Server"), "first");
  }
});

test("signals for the leader that reach a gateway mean nothing to it", async () => {
  await using server = await startPortico(["--gateways", "2", "--workers", "2", ...HELLO]);
  const gateways = childrenOf(server.pid);
  for (const pid of gateways) for (const name of SIGNALS) process.kill(pid, name);
  for (let count = 0; count < REQUESTS; count++) {
    assert.equal((await rawRequest(server.port, PLAIN)).status, 200);
  }
  assert.deepEqual(childrenOf(server.pid), gateways);
});

test("a worker's stack, whichever gateway has it; the rest is not to be looked at", async () => {
  using folder = mkdtempDisposableSync(FOLDER_PREFIX);
  const which = ["--control-socket", path.join(folder.path, "control.sock")];
  await using server = await startPortico([
    "--gateways",
    "2",
    "--workers",
    "3",
    ...which,
    ...HELLO,
  ]);
  const all = await runPortico(["stack", "--json", ...which]);
  const { stacks } = JSON.parse(all.stdout) as { stacks: { pid: number; text: string }[] };
  assert.equal(new Set(stacks.map(({ pid }) => pid)).size, 3);
  for (const { text } of stacks) assert.match(text, / in serve\n/);
  const pid = String(stacks[2]?.pid);
  const one = await runPortico(["stack", pid, ...which]);
  assert.match(one.stdout, new RegExp(`^worker \\d, PID ${pid}: idle\n`));
  for (const other of [server.pid, ...childrenOf(server.pid)]) {
    const { status, stderr } = await runPortico(["stack", String(other), ...which]);
    assert.equal(status, 1);
    assert.equal(stderr, `portico: stack: ${other} is the PID of no worker here\n`);
  }
});

test("one gateway, the default: no process leads", async () => {
  await using server = await startPortico(["--workers", "1", ...HELLO]);
  assert.match(server.stdout, new RegExp(`gateway +PID ${server.pid},`));
  // Its zygote, and a guardian that is nobody's child here.
  assert.equal(childrenOf(server.pid).length, 1);
});
