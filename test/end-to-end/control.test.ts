/** A running portico, commanded: over its control socket, and about its log by USR1. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { GatewayStatus } from "../../src/server/gateway-status.ts";
import { get } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";
import {
  type FinishedProcess,
  PORTICO,
  runPortico,
  runToEnd,
  type ServerProcess,
  startPortico,
} from "./server-process.ts";

let folder: string;
/** Where the control socket lies. */
let runtime: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "portico-commands-"));
  runtime = path.join(folder, "runtime");
  mkdirSync(runtime, { mode: 0o700 });
  writeSite("one");
});

afterEach(() => rmSync(folder, { recursive: true }));

/** An application that answers `text`, and notes on standard error what it is asked for. */
function writeSite(text: string, status = "200 OK"): void {
  writeFileSync(
    path.join(folder, "site_under_test.py"),
    [
      "import sys",
      "def app(environ, start_response):",
      '    print("asked for", environ["PATH_INFO"], file=sys.stderr, flush=True)',
      `    start_response("${status}", [("Content-Type", "text/plain")])`,
      `    return [b"${text}"]`,
      "",
    ].join("\n"),
  );
}

function start(...args: string[]): Promise<ServerProcess> {
  return startPortico(["--chdir", folder, "--workers", "1", ...args, "site_under_test:app"], {
    env: { RUNTIME_DIRECTORY: runtime },
  });
}

/** A command for the one whose socket is in the runtime folder. */
function command(...args: string[]): Promise<FinishedProcess> {
  return runPortico([...args, "--control-socket", runtime]);
}

async function textAt(server: ServerProcess, target = "/"): Promise<string> {
  return (await rawRequest(server.port, get(target))).text;
}

async function statusNow(): Promise<GatewayStatus> {
  return JSON.parse((await command("status", "--json")).stdout) as GatewayStatus;
}

describe("the control socket", () => {
  test("is its owner's alone, and gone after the end", async () => {
    const server = await start();
    const socket = path.join(runtime, `portico-${server.pid}.sock`);
    assert.equal(lstatSync(socket).mode & 0o777, 0o600);
    await server.stop();
    assert.deepEqual(readdirSync(runtime), []);
    assert.equal((await command("status")).status, 5);
  });

  test("is gone after kill -9 too", async () => {
    const server = await start();
    server.signal("SIGKILL");
    await server.ended;
    await server.stop();
    assert.deepEqual(readdirSync(runtime), []);
  });

  test("lies where it is asked to, or is off", async () => {
    const socket = path.join(folder, "own.sock");
    {
      await using _ = await start("--control-socket", socket);
      assert.equal((await runPortico(["status", "--control-socket", socket])).status, 0);
      assert.deepEqual(readdirSync(runtime), []);
    }
    assert.equal(existsSync(socket), false);
    await using server = await start("--control-socket", "off");
    assert.deepEqual(readdirSync(runtime), []);
    assert.equal(server.stderr, "");
  });

  test("that cannot be made where it was asked for is one warning", async () => {
    await using server = await start("--control-socket", path.join(folder, "missing", "own.sock"));
    assert.equal(await textAt(server), "one");
    await server.untilLogged(/^\S+ warn the control socket cannot be made [^\n]*\n/);
    assert.equal(server.stderr.match(/control socket/g)?.length, 1);
  });

  test("that no folder can hold is one line at most, and hurts nobody", async () => {
    // Others may write to it, so what lies in it could be anybody's.
    chmodSync(runtime, 0o777);
    const session = path.join(folder, "session");
    const env = { RUNTIME_DIRECTORY: runtime, XDG_RUNTIME_DIR: session, TMPDIR: session };
    const site = ["--chdir", folder, "--workers", "1", "site_under_test:app"];
    await using server = await startPortico(site, { env });
    assert.equal(await textAt(server), "one");
    assert.deepEqual(readdirSync(runtime), []);
    // Root has one more folder that it may use.
    const lines = server.stderr.split("\n").filter((line) => line.includes("control socket"));
    assert(lines.length <= 1, server.stderr);
    assert.doesNotMatch(server.stderr, /warn|error/);
  });
});

describe("portico reload", () => {
  test("waits until the new code serves", async () => {
    await using server = await start();
    writeSite("two");
    const reload = await command("reload");
    assert.deepEqual(
      [reload.status, reload.stdout, reload.stderr],
      [0, "generation 2 serves\n", ""],
    );
    assert.equal(await textAt(server), "two");
    assert.equal((await statusNow()).lastReload?.outcome, "serving");
  });

  test("of code that does not load: the traceback, and the old code goes on", async () => {
    await using server = await start();
    writeFileSync(path.join(folder, "site_under_test.py"), "import no_such_module_at_all\n");
    const reload = await command("reload");
    assert.equal(reload.status, 1);
    assert.match(reload.stderr, /^portico: the reload failed, and the old code goes on: .*\n/);
    assert.match(reload.stderr, /Traceback[^]*import no_such_module_at_all[^]*ModuleNotFoundError/);
    assert.equal(await textAt(server), "one");
    const { stdout } = await command("status");
    assert.match(stdout, /last reload .* generation 2 failed: .*no_such_module_at_all/);
    assert.match(stdout, /generation 1, serving/);
  });

  test("--watch waits until the watch is over", async () => {
    await using server = await start("--watch-window", "1s");
    writeSite("two");
    const reload = await command("reload", "--watch");
    assert.equal(reload.status, 0, reload.stderr);
    assert.match(reload.stdout, /generation 2 serves, and the watch is over\n$/);
    assert.equal(await textAt(server), "two");
    const resting = (await statusNow()).generations.filter(({ state }) => state === "resting");
    assert.deepEqual(resting, []);
  });

  test("--watch tells that the new code was taken back: status 1", async () => {
    await using server = await start("--watch-window", "30s");
    for (let asked = 0; asked < 10; asked++) await textAt(server);
    writeSite("broken", "500 Internal Server Error");
    const reload = command("reload", "--watch");
    await server.until("the new code", async () => (await textAt(server)) === "broken");
    await server.until("the old code again", async () => (await textAt(server)) === "one");
    const { status: exitStatus, stderr } = await reload;
    assert.equal(exitStatus, 1);
    assert.match(stderr, /^portico: the new code was taken back, and the old code serves again: /);
    assert.equal((await statusNow()).lastReload?.outcome, "rolled-back");
  });
});

test("portico scale changes the number of workers", async () => {
  await using server = await start();
  assert.equal((await command("scale", "2..3")).status, 0);
  const working = async (): Promise<number> => {
    const [generation] = (await statusNow()).generations;
    return generation?.workers.filter(({ state }) => state === "ready").length ?? 0;
  };
  await server.until("two workers", async () => (await working()) === 2);
  assert.deepEqual((await statusNow()).workers, { min: 2, max: 3, target: 2 });
  assert.equal((await command("scale", "9999")).status, 2);
});

test("portico status says what a worker is busy with, escaped", async () => {
  writeFileSync(
    path.join(folder, "site_under_test.py"),
    [
      "import os, time",
      "def app(environ, start_response):",
      '    start_response("200 OK", [])',
      '    while environ["PATH_INFO"].startswith("/slow") and not os.path.exists("go-on"):',
      "        time.sleep(0.01)",
      '    return [b"done"]',
      "",
    ].join("\n"),
  );
  await using server = await start();
  const slow = textAt(server, "/slow%1b[2J");
  let shown = "";
  await server.until("somebody busy", async () => {
    shown = (await command("status")).stdout;
    return / GET \/slow/.test(shown);
  });
  assert.match(shown, /^[\x20-\x7e\n]+$/);
  writeFileSync(path.join(folder, "go-on"), "");
  assert.equal(await slow, "done");
});

describe("portico stop", () => {
  test("waits until the process is gone", async () => {
    const server = await start();
    const stop = await command("stop");
    assert.deepEqual([stop.status, stop.stdout], [0, `stopped (PID ${server.pid})\n`]);
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
    assert.equal((await command("stop")).status, 5);
  });

  test("by the PID, where the socket is found by itself", async () => {
    const server = await start();
    const stop = await runPortico(["stop", "--pid", String(server.pid)], {
      env: { RUNTIME_DIRECTORY: runtime },
    });
    assert.equal(stop.status, 0, stop.stderr);
    await server.stop();
  });
});

describe("commands and applications", () => {
  test("a word with a colon is an application", async () => {
    writeFileSync(path.join(folder, "status.py"), "from site_under_test import app\n");
    const server = await startPortico(["--chdir", folder, "--workers", "1", "status:app"]);
    await using _ = server;
    assert.equal(await textAt(server), "one");
  });

  test("a command behind options of the server is refused, with the remedy", async () => {
    const { status: exitStatus, stderr } = await runPortico(["--workers", "1", "reload"]);
    assert.equal(exitStatus, 2);
    assert.match(stderr, /^portico: reload is a command and comes first.*reload:app\n$/);
  });

  test("--help of each", async () => {
    for (const name of ["reload", "stop", "status", "scale"]) {
      const { status: exitStatus, stdout } = await runPortico([name, "--help"]);
      assert.equal(exitStatus, 0);
      assert.match(stdout, new RegExp(`^Usage: portico ${name}[^]*Exit status:`));
    }
  });
});

describe("--error-log", () => {
  /** Lines of a log file. */
  const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);
  let log: string;
  beforeEach(() => {
    log = path.join(folder, "log", "error.log");
    mkdirSync(path.dirname(log));
  });

  for (const transport of ["epoll", "node"]) {
    test(`USR1 opens it anew in all processes, after a rename (${transport})`, async () => {
      await using server = await start("--transport", transport, "--error-log", log);
      chmodSync(log, 0o640);
      await textAt(server, "/before");
      await server.until("the application's line", () =>
        linesOf(log).includes("asked for /before"),
      );
      assert.equal(server.stderr, "");
      renameSync(log, `${log}.1`);
      await textAt(server, "/between");
      await server.until("it in the file that was moved", () =>
        linesOf(`${log}.1`).includes("asked for /between"),
      );
      server.signal("SIGUSR1");
      await server.until("a new file", () => existsSync(log) && linesOf(log).length > 0);
      assert.match(linesOf(log)[0] ?? "", /info the error log was opened anew$/);
      assert.equal(lstatSync(log).mode & 0o777, 0o640);
      // A worker is told over its channel, behind what it is told already.
      let asked = 0;
      await server.until("the application's lines in it", async () => {
        await textAt(server, `/after-${++asked}`);
        return linesOf(log).includes(`asked for /after-${asked}`);
      });
      // New workers are of the zygote, and new generations of the gateway.
      await command("scale", "2");
      await command("reload");
      await textAt(server, "/last");
      await server.until("a line of the new one", () => linesOf(log).includes("asked for /last"));
      const moved = linesOf(`${log}.1`);
      assert(!moved.includes("asked for /last"));
      assert.equal(server.stderr, "");
    });
  }

  test("what cannot be opened at USR1 is a warning, and the old file goes on", async () => {
    await using server = await start("--error-log", log);
    renameSync(path.dirname(log), `${path.dirname(log)}-moved`);
    const moved = path.join(`${path.dirname(log)}-moved`, "error.log");
    server.signal("SIGUSR1");
    await server.until("a warning", () =>
      linesOf(moved).some((line) => / warn the error log cannot be opened anew.*ENOENT/.test(line)),
    );
    await textAt(server, "/after");
    await server.until("the application's line", () => linesOf(moved).includes("asked for /after"));
  });

  test("the file gets the permissions that --umask leaves", async () => {
    await using server = await start("--umask", "027", "--error-log", log);
    assert.equal(lstatSync(log).mode & 0o777, 0o640);
    assert.ok(server.pid !== null);
  });

  test("what cannot be opened at start: one line, exit status 2", async () => {
    const file = path.join(folder, "missing", "error.log");
    const { status: exitStatus, stderr } = await runPortico(["--error-log", file, "site:app"]);
    assert.equal(exitStatus, 2);
    assert.match(stderr, /^portico: --error-log .*cannot be opened for appending \(ENOENT\)\n$/);
  });

  test("why the application does not load is told in the file, and outside of it", async () => {
    writeFileSync(path.join(folder, "site_under_test.py"), "import no_such_module_at_all\n");
    const args = ["--chdir", folder, "--error-log", log, "--bind", "127.0.0.1:0"];
    const { status: exitStatus, stderr } = await runPortico([...args, "site_under_test:app"]);
    assert.equal(exitStatus, 3);
    assert.match(stderr, /no_such_module_at_all/);
    assert.match(readFileSync(log, "utf8"), /^portico: .*no_such_module_at_all/m);
  });

  test("without it, USR1 changes nothing", async () => {
    await using server = await start();
    server.signal("SIGUSR1");
    await server.until("a line", () => server.stderr.includes("there is no --error-log"));
    assert.equal(await textAt(server), "one");
    assert.doesNotMatch(server.stderr, /ebugger/);
  });
});

describe("standard output that takes nothing", () => {
  /** A disk that is full. */
  const FULL = 'exec "$@" > /dev/full';
  /** A pipe whose reader has gone before anything is written. */
  const NO_READER = 'mkfifo "$FIFO" && exec 3<>"$FIFO" 4>"$FIFO" 3<&- && exec "$@" >&4';

  function into(script: string, ...argv: string[]): Promise<FinishedProcess> {
    const FIFO = path.join(folder, `fifo ${argv.join(" ").replaceAll("/", "_")}`);
    // Other tests have servers of their own meanwhile.
    const env = { PORTICO_CONTROL_SOCKET: runtime, FIFO };
    return runToEnd("/bin/sh", ["-c", script, "sh", PORTICO, ...argv], { env });
  }

  test("is no success for any command, and is said, unless a reader has gone", async () => {
    await using server = await start("--watch-window", "off");
    const load = ["load", `${server.origin}/`, "-c", "1", "-n", "1"];
    const commands = [
      ["status"],
      ["status", "--json"],
      ["top", "--once"],
      ["stack"],
      ["scale", "1"],
      ["reload"],
      load,
      ["stop", "--help"],
      ["load", "--help"],
      ["--help"],
      ["--version"],
    ];
    for (const argv of commands) {
      const [name = ""] = argv;
      const who = name.startsWith("-") ? "portico" : `portico: ${name}`;
      const full = await into(FULL, ...argv);
      assert.equal(
        full.stderr,
        `${who}: cannot write to standard output: no space left on device (ENOSPC)\n`,
      );
      assert.equal(full.status, 1, argv.join(" "));
    }
    for (const argv of [["status"], ["top", "--once"], load, ["--help"]]) {
      const unread = await into(NO_READER, ...argv);
      assert.deepEqual([unread.status, unread.stderr], [141, ""], argv.join(" "));
    }
    const stopped = await into(FULL, "stop");
    assert.equal(stopped.status, 1);
    assert.deepEqual(await server.ended, { status: 0, signal: null });
  });
});
