import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, test } from "node:test";

import { FileAppender, type FileAppenderOwner } from "../../src/server/file-appender.ts";
import { openNamelessFile } from "../../src/server/temporary-file.ts";

/** Waits for what an appender reports. */
class Owner implements FileAppenderOwner {
  reports = 0;
  readonly failures: NodeJS.ErrnoException[] = [];
  #wake: () => void = () => {};

  onAppended(): void {
    this.reports++;
    this.#wake();
  }

  onAppendFailed(error: Error): void {
    this.failures.push(error);
    this.#wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

let descriptor: number;
beforeEach(() => (descriptor = openNamelessFile(tmpdir())));
afterEach(() => fs.closeSync(descriptor));

/** Appends from memory that is overwritten at once. */
function append(appender: FileAppender, text: string): void {
  const bytes = Buffer.from(`<${text}>`);
  appender.append(bytes, 1, 1 + text.length);
  bytes.fill("!");
}

function written(): string {
  const bytes = Buffer.alloc(4_000_000);
  return bytes.toString("latin1", 0, fs.readSync(descriptor, bytes, 0, bytes.length, 0));
}

test("what is appended during a write follows it, in as many writes as it takes", async () => {
  const owner = new Owner();
  const appender = new FileAppender(descriptor, owner);
  const pieces = [10, 3_000_000, 1, 70_000].map((length, index) => String(index).repeat(length));
  for (const piece of pieces) append(appender, piece);
  assert.equal(appender.pendingBytes, 3_070_011);
  await owner.until(() => appender.pendingBytes === 0);
  assert.equal(appender.writtenBytes, 3_070_011);
  assert.ok(written() === pieces.join(""));
  assert.ok(owner.reports > 1);
});

test("a file that takes nothing is reported once, and what is not in it comes back", async () => {
  const full = fs.openSync("/dev/full", "w");
  const owner = new Owner();
  const appender = new FileAppender(full, owner);
  append(appender, "one ");
  assert.equal(appender.takeBack(), null, "it is being written");
  await owner.until(() => owner.failures.length > 0);
  append(appender, "two");
  assert.equal(appender.takeBack()?.toString(), "one two");
  assert.equal(appender.takeBack(), null);
  assert.deepEqual(
    owner.failures.map(({ code }) => code),
    ["ENOSPC"],
  );
  assert.equal(owner.reports, 0);
  fs.closeSync(full);
});

test("the descriptor is free once no write is under way, and nothing more is said", async () => {
  const owner = new Owner();
  const appender = new FileAppender(descriptor, owner);
  append(appender, "one");
  let released = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onReleased = (): void => {
    released++;
    resolve();
  };
  appender.release(onReleased);
  appender.release(onReleased);
  append(appender, "two");
  assert.equal(released, 0);
  await promise;
  assert.deepEqual([released, owner.reports, appender.pendingBytes], [1, 0, 0]);
  assert.equal(written(), "one");

  const idle = new FileAppender(descriptor, owner);
  idle.release(onReleased);
  assert.equal(released, 2, "nothing is under way");
});
