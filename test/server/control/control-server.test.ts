/** The control socket over real sockets, with a gateway that does what the test tells it to. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { NULL_LOG } from "../../../src/base/log.ts";
import {
  type ControlCommands,
  controlCommands,
} from "../../../src/server/control/control-commands.ts";
import { encodeRequest } from "../../../src/server/control/control-protocol.ts";
import { ControlServer } from "../../../src/server/control/control-server.ts";
import { AUTOMATIC, ControlSocket } from "../../../src/server/control/control-socket.ts";
import { FakeGateway, STATUS } from "./fake-gateway.ts";

const CLIENTS_MAX = 16;
const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 5_000;

let folder: string;
let path: string;
let gateway: FakeGateway;
let server: ControlServer;
let clients: Socket[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portico-control-"));
  path = join(folder, "portico-1.sock");
  gateway = new FakeGateway();
  server = new ControlServer(controlCommands(gateway, gateway.settings), NULL_LOG);
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

async function connected(): Promise<Socket> {
  const socket = connect(path);
  clients.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Everything that the server says, until it closes. */
async function everything(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

async function ask(text: string): Promise<unknown[]> {
  const socket = await connected();
  socket.write(text);
  const answers = (await everything(socket)).trimEnd().split("\n");
  return answers.map((line) => JSON.parse(line) as unknown);
}

describe("its file", () => {
  test("is its owner's alone, and gone when it is closed", async () => {
    const file = await server.open(path);
    const found = lstatSync(path);
    assert.deepEqual(file, { path, device: found.dev, inode: found.ino });
    assert.equal(found.isSocket(), true);
    assert.equal(found.mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ["portico-1.sock"], "nothing of its making is left");
    server.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  test("is not removed where a successor has the name", async () => {
    await server.open(path);
    const successor = new ControlServer(new Map(), NULL_LOG);
    await successor.open(path);
    server.close();
    assert.equal(existsSync(path), true);
    successor.close();
    assert.equal(existsSync(path), false);
  });

  test("is not left behind by one that is closed while it opens", async () => {
    const opening = server.open(path);
    server.close();
    assert.equal(await opening, null);
    assert.deepEqual(readdirSync(folder), []);
  });

  test("that cannot be made is an error with a code, and nothing is left", async () => {
    const missing = join(folder, "missing", "portico-1.sock");
    await assert.rejects(server.open(missing), { code: /ENOENT|EACCES/ });
    const taken = join(folder, "taken");
    writeFileSync(join(folder, "file"), "");
    await assert.rejects(server.open(join(folder, "file", taken)));
    server.close();
  });
});

test("a client that comes before there are commands has its answer once there are", async () => {
  const commands = Promise.withResolvers<ControlCommands>();
  server = new ControlServer(commands.promise, NULL_LOG);
  await server.open(path);
  const asked = ask(encodeRequest({ command: "status", arguments: {} }));
  const early = await Promise.race([asked, pause(100, "nothing")]);
  assert.equal(early, "nothing");
  commands.resolve(controlCommands(gateway, gateway.settings));
  assert.deepEqual(await asked, [{ version: 1, kind: "done", result: STATUS }]);
});

describe("a conversation", () => {
  beforeEach(async () => void (await server.open(path)));

  test("a request, its answer, and the end", async () => {
    const [answer, ...more] = await ask(encodeRequest({ command: "status", arguments: {} }));
    assert.deepEqual(answer, { version: 1, kind: "done", result: STATUS });
    assert.deepEqual(more, []);
  });

  test("a client that has said all may end its half", async () => {
    const socket = await connected();
    socket.end(encodeRequest({ command: "reload", arguments: {} }));
    const said = everything(socket);
    await once(socket, "data");
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    assert.match(await said, /"accepted":true.*\n.*"kind":"done".*\n$/);
  });

  test("what is behind the first line is not listened to", async () => {
    const request = encodeRequest({ command: "status", arguments: {} });
    assert.equal((await ask(request + request)).length, 1);
  });

  for (const [what, text, why] of [
    ["no JSON", "hello\n", /no line of JSON/],
    ["a request of HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /no line of JSON/],
    [
      "a command that is none",
      encodeRequest({ command: "dance", arguments: {} }),
      /status, reload/,
    ],
    [
      "a name of JavaScript's",
      encodeRequest({ command: "constructor", arguments: {} }),
      /not known/,
    ],
    ["a line without an end", "x".repeat(4_097), /at most 4096 bytes/],
  ] as const) {
    test(`${what} is refused`, async () => {
      const [answer] = (await ask(text)) as [{ kind: string; why: string }];
      assert.equal(answer.kind, "refused");
      assert.match(answer.why, why);
    });
  }

  test("a command that throws is an answer, and the server lives", async () => {
    gateway.reload = () => Promise.reject(new Error("broken"));
    const answers = await ask(encodeRequest({ command: "reload", arguments: {} }));
    assert.equal((answers.at(-1) as { kind: string }).kind, "failed");
    assert.equal((await ask(encodeRequest({ command: "status", arguments: {} }))).length, 1);
  });

  test("who has asked it to stop is told by the end of the connection", async () => {
    const socket = await connected();
    socket.write(encodeRequest({ command: "stop", arguments: {} }));
    const [bytes] = (await once(socket, "data")) as [Buffer];
    assert.match(bytes.toString(), /"kind":"done"/);
    assert.equal(gateway.stops, 1);
    let closed = false;
    socket.once("end", () => (closed = true));
    server.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(closed, false, "that is for the end of the process");
  });

  test("a client that goes away while its reload runs hurts nobody", async () => {
    const socket = await connected();
    socket.write(encodeRequest({ command: "reload", arguments: {} }));
    await once(socket, "data");
    socket.destroy();
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    assert.equal((await ask(encodeRequest({ command: "status", arguments: {} }))).length, 1);
  });

  test("one client too many is closed unheard", async () => {
    const idle = await Promise.all(Array.from({ length: CLIENTS_MAX }, () => connected()));
    const refused = await connected();
    assert.equal(await everything(refused), "");
    idle[0]?.destroy();
    const asked = async (): Promise<string> => {
      const socket = await connected();
      socket.write(encodeRequest({ command: "status", arguments: {} }));
      return everything(socket);
    };
    while ((await asked()) === "");
  });

  test("a client that says nothing is closed", { timeout: 20_000 }, async () => {
    const begun = performance.now();
    const socket = await connected();
    socket.write('{"version":1,');
    assert.equal(await everything(socket), "");
    const took = performance.now() - begun;
    assert(took >= REQUEST_TIMEOUT_MS - 10, `${took} ms`);
  });
});

test("a client that does not take its answer is closed", { timeout: 20_000 }, async () => {
  await server.open(path);
  // More than the kernel keeps for a socket.
  const addresses = Array.from({ length: 100_000 }, () => "http://127.0.0.1:8000");
  gateway.current = { ...STATUS, addresses };
  const socket = await connected();
  socket.pause();
  socket.write(encodeRequest({ command: "status", arguments: {} }));
  await new Promise((resolve) => setTimeout(resolve, ANSWER_TIMEOUT_MS + 500));
  const taken = await everything(socket.resume());
  assert(taken.length < JSON.stringify(addresses).length, `${taken.length} characters`);
});

describe("where there can be none", () => {
  /** A log that keeps what it is told, as `level message cause`. */
  const records: string[] = [];
  const record =
    (level: string) =>
    (message: string, fields?: Readonly<Record<string, unknown>>): void =>
      void records.push(`${level} ${message} ${String(fields?.["cause"])}`);
  const log = {
    ...NULL_LOG,
    error: record("error"),
    warn: record("warn"),
    info: record("info"),
  };
  beforeEach(() => void records.splice(0));

  const make = (
    choice: string | null,
    { env = {}, isSuccessor = false }: { env?: NodeJS.ProcessEnv; isSuccessor?: boolean } = {},
  ): ControlSocket => new ControlSocket({ choice, env, isSuccessor }, new Map(), log);

  test("off is silent", async () => {
    const socket = make(null);
    assert.equal(await socket.open(), null);
    await socket.takeOver();
    assert.deepEqual(records, []);
  });

  test("by itself: one line, at most informative", async (context) => {
    context.mock.method(process as Required<NodeJS.Process>, "geteuid", () => 987_654);
    const socket = make(AUTOMATIC, { env: { XDG_RUNTIME_DIR: join(folder, "missing") } });
    // Whoever runs this test, the folder that it can make does not belong to that user.
    const made = join(tmpdir(), "portico-987654");
    try {
      assert.equal(await socket.open(), null);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
    assert.equal(records.length, 1);
    assert.match(records[0] ?? "", /^info no control socket .*ENOENT.*; .*another user/);
  });

  test("where a path was given: one warning", async () => {
    writeFileSync(join(folder, "precious"), "");
    assert.equal(await make(join(folder, "precious")).open(), null);
    assert.equal(records.length, 1);
    assert.match(records[0] ?? "", /^warn the control socket cannot be made .*is no socket/);
  });

  test("a path that can be had is had", async () => {
    const socket = make(path);
    assert.equal((await socket.open())?.path, path);
    const made = lstatSync(path).ino;
    assert.equal((await socket.open())?.inode, made, "once");
    assert.equal(lstatSync(path).ino, made);
    assert.deepEqual(records, []);
    socket.close();
    assert.equal(existsSync(path), false);
  });

  test("a path that a predecessor has is taken over when this process serves", async () => {
    const predecessor = make(path);
    await predecessor.open();
    const socket = make(path, { isSuccessor: true });
    assert.equal(await socket.open(), null);
    const before = lstatSync(path).ino;
    await socket.takeOver();
    assert.notEqual(lstatSync(path).ino, before);
    predecessor.close();
    assert.equal(existsSync(path), true);
    assert.deepEqual(records, []);
    socket.close();
  });

  test("taking over harms no file that is no socket", async () => {
    writeFileSync(path, "precious");
    await make(path, { isSuccessor: true }).takeOver();
    assert.equal(lstatSync(path).isFile(), true);
    assert.match(records[0] ?? "", /^warn .*is no socket/);
  });
});
