/** The file that a worker's progress is in, of a process that makes one by hand. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";

import { openProgress } from "../../src/workers/worker-progress.ts";

const SLOT = 0x01020304;

/** Says the descriptor of a file with that name and those bytes, and waits. */
function program(name: string, bytes: string): string {
  return (
    `import os, sys; fd = os.memfd_create("${name}"); os.write(fd, bytes.fromhex("${bytes}")); ` +
    "print(fd, flush=True); sys.stdin.read()"
  );
}

async function begin(name: string, bytes: string): Promise<[ChildProcess, number]> {
  const child = spawn("python3", ["-c", program(name, bytes)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return [child, Number(said.toString())];
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

const skip = process.platform === "linux" ? false : "files in memory are Linux's";

test("it is read as it is, and behind the worker's end as it was", { skip }, async () => {
  const [child, descriptor] = await begin("portico-progress", "04030201");
  const progress = openProgress(child.pid ?? 0, descriptor);
  assert.equal(progress.slotBegun(), SLOT);
  await end(child);
  assert.equal(progress.slotBegun(), SLOT);
  progress.close();
  assert.equal(progress.slotBegun(), null, "nobody is there any more");
  progress.close();
});

test("what is no such file is not read", { skip }, async () => {
  for (const [name, bytes] of [
    ["something-else", "04030201"],
    ["portico-progress", "0403"],
  ] as const) {
    const [child, descriptor] = await begin(name, bytes);
    assert.equal(openProgress(child.pid ?? 0, descriptor).slotBegun(), null);
    assert.equal(openProgress(child.pid ?? 0, descriptor + 50).slotBegun(), null);
    await end(child);
  }
});
