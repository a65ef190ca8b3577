import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";

import {
  ContentMemory,
  RequestContent,
  type RequestContentOwner,
  type SpoolSettings,
} from "../../src/server/request-content.ts";

const INLINE_MAX_BYTES = 10;

const folder = mkdtempSync(join(tmpdir(), "portico-test-"));
after(() => rmSync(folder, { recursive: true }));
afterEach(() => assert.deepEqual(readdirSync(folder), [], "no file is left behind"));

interface Made {
  readonly content: RequestContent;
  readonly owner: Owner;
}

/** Waits for what the content reports; reports come one at a time. */
class Owner implements RequestContentOwner {
  written = 0;
  readonly failures: Error[] = [];
  #onReport: (() => void) | null = null;

  onContentWritten(): void {
    this.written++;
    this.#onReport?.();
  }

  onContentFailed(error: Error): void {
    this.failures.push(error);
    this.#onReport?.();
  }

  nextReport(): Promise<void> {
    return new Promise((resolve) => (this.#onReport = resolve));
  }
}

function makeContent(settings: Partial<SpoolSettings> = {}): Made {
  const owner = new Owner();
  const namedFileFolder = (): null => null;
  const spool = { inlineMaxBytes: INLINE_MAX_BYTES, folder, namedFileFolder, ...settings };
  return { content: new RequestContent(spool, owner, new ContentMemory()), owner };
}

/** Where workers need a name. */
function makeNamedContent(): Made {
  return makeContent({ folder: "/nonexistent", namedFileFolder: () => folder });
}

/** Appends from memory that is overwritten at once, as the receiver's is. */
function append(content: RequestContent, text: string): void {
  const bytes = Buffer.from(`<${text}>`);
  content.append(bytes, 1, 1 + text.length);
  bytes.fill("!");
}

function readFile(descriptor: number, lengthBytes: number): string {
  const bytes = Buffer.alloc(lengthBytes + 1);
  return bytes.toString("latin1", 0, readSync(descriptor, bytes, 0, bytes.length, 0));
}

/** All that was received is in the file. */
async function settled({ content, owner }: Made): Promise<void> {
  while (content.pendingBytes > 0 && owner.failures.length === 0) await owner.nextReport();
}

test("no content is null", () => {
  assert.equal(makeContent().content.take(), null);
});

test("up to the bound it stays in memory, in order", () => {
  const { content } = makeContent();
  append(content, "01234");
  assert.deepEqual(content.take(), Buffer.from("01234"));
  append(content, "56789");
  assert.deepEqual(content.take(), Buffer.from("0123456789"));
  assert.equal(content.lengthBytes, INLINE_MAX_BYTES);
  assert.equal(content.pendingBytes, 0);
});

test("one byte more, and all of it is in a file without a name", async () => {
  const made = makeContent();
  const { content } = made;
  append(content, "0123456789");
  append(content, "a");
  assert.equal(content.pendingBytes, 11);
  assert.deepEqual(readdirSync(folder), []);
  await settled(made);
  const taken = content.take();
  assert.ok(taken !== null && !Buffer.isBuffer(taken));
  assert.equal(taken.path, null);
  assert.equal(taken.lengthBytes, 11);
  assert.equal(readFile(taken.descriptor, 11), "0123456789a");
  content.release();
});

test("pieces that come while others are being written keep their order", async () => {
  const made = makeContent();
  const { content, owner } = made;
  let expected = "";
  for (let round = 0; round < 20; round++) {
    for (let piece = 0; piece < 5; piece++) {
      const text = `${round}.${piece},`.repeat(piece * 50 + 1);
      expected += text;
      append(content, text);
    }
    if (round % 3 === 0) await owner.nextReport();
  }
  await settled(made);
  const taken = content.take();
  assert.ok(taken !== null && !Buffer.isBuffer(taken));
  assert.equal(taken.lengthBytes, expected.length);
  assert.equal(readFile(taken.descriptor, expected.length), expected);
  content.release();
});

test("a named file keeps its name until it is released", async () => {
  const made = makeNamedContent();
  append(made.content, "0123456789a");
  await settled(made);
  const taken = made.content.take();
  assert.ok(taken !== null && !Buffer.isBuffer(taken) && taken.path !== null);
  assert.equal(join(folder, readdirSync(folder)[0] ?? ""), taken.path);
  made.content.release();
  assert.equal(existsSync(taken.path), false);
});

test("a named file whose name the worker removed is released all the same", async () => {
  const made = makeNamedContent();
  append(made.content, "0123456789a");
  await settled(made);
  unlinkSync(join(folder, readdirSync(folder)[0] ?? ""));
  made.content.release();
  made.content.release();
});

test("released while it is being written: nothing is reported, and the file goes", async () => {
  const made = makeNamedContent();
  append(made.content, "0123456789a");
  made.content.release();
  const name = join(folder, readdirSync(folder)[0] ?? "");
  // The name goes with the descriptor, when the kernel is done with both.
  for (let turns = 0; existsSync(name) && turns < 10_000; turns++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.equal(existsSync(name), false);
  assert.equal(made.owner.written, 0);
  assert.deepEqual(made.owner.failures, []);
});

test("a folder in which no file can be made fails the content, once", () => {
  const { content, owner } = makeContent({ folder: join(folder, "missing") });
  append(content, "0123456789");
  assert.equal(owner.failures.length, 0);
  append(content, "a");
  assert.equal(owner.failures.length, 1);
  assert.match(String(owner.failures[0]), /ENOENT/);
  assert.equal(owner.written, 0);
});
