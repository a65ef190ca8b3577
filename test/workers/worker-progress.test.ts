/** The file that a worker's progress is in, of a process that makes one by hand. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readSync } from "node:fs";
import process from "node:process";
import { after, test } from "node:test";

import { openProgress } from "../../src/workers/worker-progress.ts";

const SLOT = 0x01020304;
const FILE_BYTES = 65_536;
const KEPT = "kept answers";

/** As docs/worker-protocol.md lays it out. */
function fileWith(keptFrom: number, size: number): Buffer {
  const bytes = Buffer.alloc(FILE_BYTES);
  bytes.writeUInt32LE(SLOT, 0);
  bytes.writeBigUInt64LE(BigInt(keptFrom), 8);
  bytes.writeBigUInt64LE(BigInt(size), 16);
  bytes.write(KEPT, 24);
  return bytes;
}

/** Begins anew again and again: bytes that say where they begin, put there in two halves. */
const RESTLESS = `
import mmap, os, time
fd = os.memfd_create("portico-progress")
os.ftruncate(fd, ${FILE_BYTES})
file = mmap.mmap(fd, ${FILE_BYTES})
numbers = memoryview(file)[8:24].cast("Q")
os.write(1, b"%d\\n" % fd)
begin = 0
while True:
    begin += 1
    numbers[1] = 0
    numbers[0] = begin
    piece = bytes([begin % 251]) * 30_000
    file[24:30_024] = piece
    file[30_024:60_024] = piece
    numbers[1] = 60_000
    time.sleep(0.0002)
`;
const RESTLESS_READS = 3_000;

/** A process with a file of that name and those bytes; what it says at its end is a part of it. */
const PROGRAM = `
import os, sys
name, length = sys.argv[1:]
fd = os.memfd_create(name)
os.write(fd, sys.stdin.buffer.read(int(length)))
os.write(1, b"%d\\n" % fd)
sys.stdin.read()
os.write(1, os.pread(fd, 8, 0).hex().encode())
`;

async function begin(name: string, bytes: Buffer): Promise<[ChildProcess, number]> {
  const child = spawn("python3", ["-c", PROGRAM, name, String(bytes.length)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.write(bytes);
  after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return [child, Number(said.toString())];
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

const skip = process.platform === "linux" ? false : "files in memory are Linux's";

test("it is read as it is, and behind the worker's end as it was", { skip }, async () => {
  const [child, descriptor] = await begin("portico-progress", fileWith(1_000, KEPT.length));
  const progress = openProgress(child.pid ?? 0, descriptor);
  assert.equal(progress.slotBegun(), SLOT);
  await end(child);
  assert.equal(progress.slotBegun(), SLOT);
  for (const [sentBytes, rest] of [
    [1_000, KEPT],
    [1_005, KEPT.slice(5)],
    [1_012, ""],
    [99_000, ""],
    // What it had sent before has not come.
    [999, undefined],
  ] as const) {
    assert.equal(progress.keptBehind(sentBytes)?.toString(), rest, `${sentBytes} bytes`);
  }
  progress.close();
  assert.equal(progress.slotBegun(), null, "nobody is there any more");
  assert.equal(progress.keptBehind(1_000), null, "it was asked, and may have kept something");
  progress.close();
});

test("the worker is asked to keep its answers", { skip }, async () => {
  const [child, descriptor] = await begin("portico-progress", fileWith(0, 0));
  const progress = openProgress(child.pid ?? 0, descriptor);
  child.stdin?.end();
  const [said] = (await once(child.stdout ?? child, "data")) as [Buffer];
  assert.equal(said.toString(), "0403020101000000");
  await once(child, "exit");
  assert.equal(progress.keptBehind(0)?.length, 0);
  progress.close();
});

test("what it says of a size that it has no room for is not believed", { skip }, async () => {
  const [child, descriptor] = await begin("portico-progress", fileWith(0, FILE_BYTES - 23));
  const progress = openProgress(child.pid ?? 0, descriptor);
  assert.equal(progress.keptBehind(0), null);
  await end(child);
  progress.close();
});

test("what is no such file is not read", { skip }, async () => {
  const bytes = fileWith(0, KEPT.length);
  for (const [name, content] of [
    ["something-else", bytes],
    ["portico-progress", bytes.subarray(1)],
  ] as const) {
    const [child, descriptor] = await begin(name, content);
    for (const number of [descriptor, descriptor + 50]) {
      const progress = openProgress(child.pid ?? 0, number);
      assert.equal(progress.slotBegun(), null);
      assert.equal(progress.keptBehind(0)?.length, 0, "it was not asked");
    }
    await end(child);
  }
});

test("what a worker is just changing is not read", { skip }, async () => {
  const child = spawn("python3", ["-c", RESTLESS], { stdio: ["ignore", "pipe", "inherit"] });
  after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const descriptor = Number(said.toString());
  const progress = openProgress(child.pid ?? 0, descriptor);
  const file = openSync(`/proc/${child.pid ?? 0}/fd/${descriptor}`, "r");
  const head = Buffer.alloc(8);
  let whole = 0;
  for (let count = 0; count < RESTLESS_READS; count++) {
    readSync(file, head, 0, 8, 8);
    const place = Number(head.readBigUInt64LE());
    const bytes = progress.keptBehind(place);
    if (bytes === null || bytes.length === 0) continue;
    whole++;
    assert.ok(bytes.every((byte) => byte === place % 251));
    assert.equal(bytes.length, 60_000);
  }
  closeSync(file);
  assert.ok(whole > 0, "some were at rest");
  await end(child);
  progress.close();
});
