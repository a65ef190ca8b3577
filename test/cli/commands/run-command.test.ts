/** Commands over a real control socket, with a gateway that does what the test tells it to. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NULL_LOG } from "../../../src/base/log.ts";
import { OperatorError } from "../../../src/base/errors.ts";
import { commandOf, parseCommandArguments } from "../../../src/cli/commands/command-arguments.ts";
import { runCommand } from "../../../src/cli/commands/run-command.ts";
import { controlCommands } from "../../../src/server/control/control-commands.ts";
import { ControlServer } from "../../../src/server/control/control-server.ts";
import { FakeGateway, STATUS } from "../../server/control/fake-gateway.ts";

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly complaints: string;
}

let session: string;
let folder: string;
let servers: { close(): void }[];

beforeEach(() => {
  session = mkdtempSync(join(tmpdir(), "portico-run-"));
  folder = join(session, "portico");
  mkdirSync(folder, { mode: 0o700 });
  servers = [];
});

afterEach(() => {
  for (const server of servers) server.close();
  rmSync(session, { recursive: true });
});

async function serve(pid = process.pid): Promise<FakeGateway> {
  const gateway = new FakeGateway();
  gateway.current = { ...STATUS, pid };
  const server = new ControlServer(controlCommands(gateway, gateway.settings), NULL_LOG);
  servers.push(server);
  await server.open(join(folder, `portico-${pid}.sock`));
  return gateway;
}

/** As `main.ts` does it. The user is one whose other folders no test has made. */
async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = { XDG_RUNTIME_DIR: session },
): Promise<Ran> {
  const record = commandOf(argv);
  assert(record !== null);
  let out = "";
  let complaints = "";
  const output = {
    out: (text: string) => void (out += text),
    complain: (text: string) => void (complaints += text),
  };
  const viewer = { env, uid: process.geteuid?.() ?? 0 };
  try {
    const args = parseCommandArguments(record, argv);
    return { status: await runCommand(record, args, viewer, output), out, complaints };
  } catch (error) {
    assert(error instanceof OperatorError);
    return { status: error.exitStatus, out, complaints: `portico: ${error.message}\n` };
  }
}

describe("which one is meant", () => {
  test("the one in a folder that is named", async () => {
    await serve();
    for (const argv of [
      ["status", "--control-socket", folder],
      ["status", "--control-socket", join(folder, `portico-${process.pid}.sock`)],
      ["status", "--pid", String(process.pid)],
    ]) {
      const { status, out } = await run(argv);
      assert.equal(status, 0);
      assert.match(out, /serves shop:app: serving/);
    }
    const named = { PORTICO_CONTROL_SOCKET: folder };
    assert.equal((await run(["status"], named)).status, 0);
  });

  test("by a file with its PID", async () => {
    await serve(4711);
    const file = join(session, "pid");
    writeFileSync(file, "4711\n");
    assert.equal((await run(["status", "--pid-file", file])).status, 0);
    writeFileSync(file, "4712\n");
    assert.equal((await run(["status", "--pid-file", file])).status, 5);
    writeFileSync(file, "many\n");
    assert.equal((await run(["status", "--pid-file", file])).status, 2);
    assert.equal((await run(["status", "--pid-file", join(session, "missing")])).status, 5);
  });

  test("several are listed in one line, with what tells them apart", async () => {
    await serve(11);
    const evil = await serve(12);
    evil.current = { ...STATUS, pid: 12, application: "\x1b[2Jblog:app" };
    const { status, complaints } = await run(["stop", "--control-socket", folder]);
    assert.equal(status, 2);
    assert.equal(
      complaints,
      "portico: 2 are running, so --pid has to say which: " +
        "PID 11, shop:app at http://127.0.0.1:8000; " +
        "PID 12, \\x1b[2Jblog:app at http://127.0.0.1:8000\n",
    );
    assert.equal(evil.stops, 0);
  });

  test("of two, one of which is being stopped, the other", async () => {
    (await serve(11)).current = { ...STATUS, pid: 11, state: "draining" };
    const gateway = await serve(12);
    assert.equal((await run(["scale", "3", "--control-socket", folder])).status, 0);
    assert.equal(gateway.ranges.length, 1);
  });

  test("none: exit status 5, and where was looked", async () => {
    for (const argv of [
      ["reload", "--control-socket", folder],
      ["reload", "--control-socket", join(folder, "missing.sock")],
      ["status", "--control-socket", join(folder, "missing.sock")],
      ["stack", "--control-socket", join(folder, "missing.sock")],
      ["reload", "--pid", "999999999"],
    ]) {
      const { status, complaints } = await run(argv);
      assert.equal(status, 5, complaints);
      assert.match(complaints, /^portico: no portico is running there: .*portico.*\n$/);
      assert.doesNotMatch(complaints, /the process runs/);
    }
    const { complaints } = await run(["reload", "--pid", String(process.pid)]);
    assert.match(complaints, /; the process runs, so --control-socket may .*\n$/);
  });
});

describe("reload", () => {
  test("waits until the new generation serves", async () => {
    const gateway = await serve();
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    const ran = await run(["reload", "--control-socket", folder]);
    assert.deepEqual(ran, { status: 0, out: "generation 2 serves\n", complaints: "" });
  });

  test("that failed: exit status 1, the reason and the traceback, escaped", async () => {
    const gateway = await serve();
    gateway.reloaded.resolve({
      kind: "failed",
      generation: 2,
      why: "shop cannot be imported",
      details: "Traceback (most recent call last):\n  \x1b[31m\nNameError\n",
    });
    const ran = await run(["reload", "--control-socket", folder]);
    assert.equal(ran.status, 1);
    assert.equal(
      ran.complaints,
      "portico: the reload failed, and the old code goes on: shop cannot be imported\n" +
        "    Traceback (most recent call last):\n      \\x1b[31m\n    NameError\n",
    );
    const json = await run(["reload", "--json", "--control-socket", folder]);
    assert.equal(json.status, 1);
    assert.match(json.out, /^[\x20-\x7e\n]+$/);
    assert.equal((JSON.parse(json.out) as { outcome: string }).outcome, "failed");
  });

  test("that takes longer than --wait: exit status 6", async () => {
    const gateway = await serve();
    const ran = await run(["reload", "--wait", "50ms", "--control-socket", folder]);
    assert.equal(ran.status, 6);
    assert.match(ran.complaints, /did not answer in time/);
    assert.equal(gateway.reloads, 1);
  });

  test("a gateway that ends meanwhile: exit status 6", async () => {
    const gateway = await serve();
    gateway.reload = () => {
      servers[0]?.close();
      return new Promise(() => {});
    };
    const ran = await run(["reload", "--control-socket", folder]);
    assert.equal(ran.status, 6);
    assert.match(ran.complaints, /closed the connection before it had answered/);
  });
});

describe("the others", () => {
  test("status --json is the status", async () => {
    const gateway = await serve();
    const { out } = await run(["status", "--json", "--control-socket", folder]);
    assert.deepEqual(JSON.parse(out), gateway.current);
  });

  test("scale says what holds, or what cannot be", async () => {
    const gateway = await serve();
    const ran = await run(["scale", "2..8", "--control-socket", folder]);
    assert.deepEqual(ran, { status: 0, out: "workers: 2 to 8\n", complaints: "" });
    assert.deepEqual(gateway.ranges, [{ min: 2, max: 8 }]);
    const refused = await run(["scale", "9999", "--control-socket", folder]);
    assert.equal(refused.status, 2);
    assert.match(refused.complaints, /from 1 to 512/);
  });

  test("stop --wait 0 does not wait, and a wait that is over is said", async () => {
    const gateway = await serve();
    const ran = await run(["stop", "--wait", "0", "--control-socket", folder]);
    assert.deepEqual([ran.status, ran.out], [0, `is stopping (PID ${process.pid})\n`]);
    const waited = await run(["stop", "--wait", "50ms", "--control-socket", folder]);
    assert.equal(waited.status, 1);
    assert.match(waited.complaints, /still running after 50 ms/);
    assert.equal(gateway.stops, 2);
  });

  test("a server of another kind is no portico that we know", async () => {
    const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    servers.push(server);
    const path = join(folder, "web.sock");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const ran = await run(["status", "--control-socket", path]);
    assert.equal(ran.status, 1);
    assert.match(ran.complaints, /not understood here/);
  });
});
