import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { mock, test } from "node:test";

import fc from "fast-check";

import { AnswerSpool, type AnswerSpoolOwner } from "../../src/server/answer-spool.ts";

/** Takes what a spool hands over, and waits for what it reports. */
class Taker implements AnswerSpoolOwner {
  readonly taken: Buffer[] = [];
  readonly failures: { code: string | undefined; lost: boolean }[] = [];
  written = 0;
  readonly spool = new AnswerSpool(tmpdir(), this);
  #wake: () => void = () => {};

  onSpooled(bytes: Buffer): void {
    this.taken.push(Buffer.from(bytes));
    this.#wake();
  }

  onSpoolFailed(error: NodeJS.ErrnoException, lost: boolean): void {
    this.failures.push({ code: error.code, lost });
    this.#wake();
  }

  onSpoolWritten(): void {
    this.written++;
    this.#wake();
  }

  get text(): string {
    return Buffer.concat(this.taken).toString("latin1");
  }

  append(text: string): void {
    const bytes = Buffer.from(`<${text}>`, "latin1");
    this.spool.append(bytes, 1, bytes.length - 1);
    bytes.fill("!");
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async takeAll(): Promise<string> {
    while (this.spool.lengthBytes > 0) {
      const before = this.taken.length;
      this.spool.take();
      await this.until(() => this.taken.length > before);
    }
    return this.text;
  }
}

/** Descriptors of this process that are files without a name, as a spool's is. */
function namelessFiles(): number {
  return fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return /portico-[0-9a-f]{24} \(deleted\)$/.test(fs.readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

test("what is appended comes out again, in order, and the file goes", async () => {
  const taker = new Taker();
  assert.equal(namelessFiles(), 1);
  taker.append("one ");
  taker.append("two ");
  assert.equal(taker.spool.lengthBytes, 8);
  await taker.until(() => taker.spool.pendingBytes === 0);
  assert.equal(taker.spool.fileBytes, 8);
  taker.append("three");
  assert.equal(await taker.takeAll(), "one two three");
  taker.spool.release();
  taker.spool.release();
  while (namelessFiles() > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("what is wanted before it is there comes once it is, and only once", async () => {
  const taker = new Taker();
  taker.spool.take();
  taker.spool.take();
  taker.append("one");
  await taker.until(() => taker.taken.length === 1);
  taker.append("two");
  await taker.until(() => taker.written === 2);
  assert.equal(taker.text, "one");
  assert.equal(await taker.takeAll(), "onetwo");
  taker.spool.release();
});

test("property: any appends and takes, in any order, lose and change nothing", async () => {
  const step = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map((text) => ({ text })),
    fc.constant("take" as const),
    fc.constant("wait" as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const taker = new Taker();
      let sent = "";
      for (const next of steps) {
        if (next === "take") taker.spool.take();
        else if (next === "wait") await taker.until(() => taker.spool.pendingBytes === 0);
        else {
          const text = Buffer.from(next.text).toString("latin1");
          taker.append(text);
          sent += text;
        }
        assert.ok(sent.startsWith(taker.text));
      }
      assert.equal(await taker.takeAll(), sent);
      taker.spool.release();
    }),
    { numRuns: 50 },
  );
});

test("on a full disk nothing is lost: what waits comes from memory", async () => {
  const taker = new Taker();
  taker.append("in the file, ");
  await taker.until(() => taker.spool.pendingBytes === 0);
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
  const writing = mock.method(fs, "writev", (...given: unknown[]) => {
    const done = given.at(-1) as (error: Error) => void;
    setImmediate(() => done(full));
  });
  syncBuiltinESMExports();
  try {
    taker.append("in memory, ");
    await taker.until(() => taker.failures.length > 0);
    taker.append("and this");
    assert.deepEqual(taker.failures, [{ code: "ENOSPC", lost: false }]);
    assert.equal(await taker.takeAll(), "in the file, in memory, and this");
  } finally {
    writing.mock.restore();
    syncBuiltinESMExports();
    taker.spool.release();
  }
});

test("a spool that is released in the middle of anything says nothing more", async () => {
  const taker = new Taker();
  taker.append("one");
  taker.spool.take();
  taker.spool.release();
  while (namelessFiles() > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([taker.taken.length, taker.written, taker.failures.length], [0, 0, 0]);
});
