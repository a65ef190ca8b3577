/** The interpreter's process before anybody speaks to it, played by a stream in memory. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { beforeEach, test } from "node:test";
import type { SpawnedProcess, SpawnOptions } from "../../src/net/transport.ts";
import { ZygoteAhead, ZygoteProcess } from "../../src/workers/zygote-process.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { MemoryTransport } from "../net/memory-transport.ts";
import { NULL_HANDLER } from "../../src/net/null-handler.ts";

class PlayedChild extends EventEmitter {
  /** There is no such process, and no such group. */
  readonly pid = 2_000_000_000;
  exitCode: number | null = null;
  readonly signalCode = null;
  readonly signals: string[] = [];

  kill(signal: string): void {
    this.signals.push(signal);
  }
}

class Transport extends MemoryTransport {
  readonly child = new PlayedChild();
  readonly control = new MemoryStream();
  started: unknown = null;

  override spawn(
    command?: string,
    args: readonly string[] = [],
    options?: SpawnOptions,
  ): SpawnedProcess {
    this.started = { command, args, options };
    return { child: this.child as unknown as ChildProcess, control: this.control };
  }
}

const COMMAND = { python: "py", program: "/p", reference: "a:b", folder: "/f", env: { A: "1" } };
const START = Buffer.from("start\n");
let transport: Transport;
let process: ZygoteProcess;

beforeEach(() => {
  transport = new Transport();
  process = new ZygoteProcess(transport, COMMAND);
});

test("it is started in the application's folder, with its environment", () => {
  assert.deepEqual(transport.started, {
    command: "py",
    args: ["/p", "zygote", "a:b"],
    options: { cwd: "/f", env: { A: "1" } },
  });
});

test("what it says before anybody listens is heard first, and once", () => {
  transport.control.deliver(Buffer.from("too "));
  transport.control.deliver(Buffer.from("old\n"));
  const heard: string[] = [];
  process.listen({
    ...NULL_HANDLER,
    onBytes: (bytes, end) => void heard.push(bytes.toString("utf8", 0, end)),
  });
  assert.deepEqual(heard, ["too old\n"]);
  transport.control.deliver(Buffer.from("more\n"));
  assert.deepEqual(heard, ["too old\n", "more\n"]);
});

test("how it ended is known, also to who asks later", async () => {
  transport.child.emit("exit", 2, null);
  assert.deepEqual(await process.ended, { description: "exited with status 2" });
});

test("what it has said last is heard before its end, which may be known first", async () => {
  const heard: string[] = [];
  process.listen({
    ...NULL_HANDLER,
    onBytes: (bytes, end) => void heard.push(bytes.toString("utf8", 0, end)),
  });
  void process.ended.then(() => heard.push("its end"));
  transport.child.emit("exit", 4, null);
  // As the loop comes to the socket in its next turn.
  await new Promise(setImmediate);
  transport.control.deliver(Buffer.from("failed\n"));
  await process.ended;
  assert.deepEqual(heard, ["failed\n", "its end"]);
});

test("one that could not be started has an error", async () => {
  const error = new Error("ENOENT");
  transport.child.emit("error", error);
  assert.deepEqual(await process.ended, { error });
});

test("its first line is told once, whoever says it again", () => {
  process.begin(START);
  process.begin(START);
  assert.equal(String(transport.control.received), "start\n");
});

test("one that was started ahead is taken once", () => {
  const ahead = new ZygoteAhead(process);
  assert.equal(ahead.take(START), process);
  assert.equal(ahead.take(START), null);
  assert.deepEqual(transport.child.signals, []);
});

test("one that has begun ahead is taken by who means the same", () => {
  const ahead = new ZygoteAhead(process);
  ahead.begin(START);
  assert.equal(String(transport.control.received), "start\n");
  assert.equal(ahead.take(Buffer.from(START)), process);
  assert.deepEqual(transport.child.signals, []);
});

test("one that has begun with something else is ended, and not taken", () => {
  const ahead = new ZygoteAhead(process);
  ahead.begin(START);
  assert.equal(ahead.take(Buffer.from("another start\n")), null);
  assert.deepEqual(transport.child.signals, ["SIGKILL"]);
  assert.equal(ahead.take(START), null);
});

test("one that nobody takes is ended", () => {
  const ahead = new ZygoteAhead(process);
  ahead.begin(START);
  ahead.close();
  ahead.close();
  assert.deepEqual(transport.child.signals, ["SIGKILL"]);
});
