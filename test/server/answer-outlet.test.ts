import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";

import {
  AnswerOutlet,
  HURRIED_PATIENCE_MS,
  type OutletOwner,
  type OutletSettings,
  PATIENCE_MS,
} from "../../src/server/answer-outlet.ts";
import { HeldMemory } from "../../src/server/held-memory.ts";
import { MemoryStream } from "../net/memory-stream.ts";

const SETTINGS: OutletSettings = {
  transfer: { pauseMaxMs: 1e9, rateMinBytes: null },
  memoryMaxBytes: 100,
  fileMaxBytes: 1_000,
  folder: tmpdir(),
};

/** A client that takes as much as the test says, behind an outlet whose owner only listens. */
class Fixture implements OutletOwner {
  readonly client = new MemoryStream();
  readonly memory = new HeldMemory(1_000);
  readonly outlet: AnswerOutlet;
  drained = 0;
  failure: Error | null = null;
  sent = "";
  #wake: () => void = () => {};

  constructor(settings: Partial<OutletSettings> = {}) {
    this.outlet = new AnswerOutlet(this.client, { ...SETTINGS, ...settings }, this.memory, this);
    this.client.handler = {
      onBytes() {},
      onEnd() {},
      onDrain: () => this.outlet.onDrain(),
      onClose() {},
    };
    this.client.takeAtMost(0);
  }

  onOutletDrained(): void {
    this.drained++;
    this.#wake();
  }

  onOutletFailed(error: Error): void {
    this.failure = error;
    this.#wake();
  }

  write(length: number): void {
    const text = Array.from({ length }, (_, index) => index % 10).join("");
    this.sent += text;
    this.outlet.write(Buffer.from(text), 0, length);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** The client has been behind for long enough to be written to a file for. */
  fallBehind(): void {
    this.write(150);
    this.outlet.look(0, false);
    this.outlet.look(PATIENCE_MS, false);
  }

  get received(): string {
    return this.client.received.toString("latin1");
  }
}

test("as long as little waits, everything goes straight through", () => {
  const fixture = new Fixture();
  fixture.write(100);
  assert.equal(fixture.outlet.full, false);
  assert.equal(fixture.outlet.flush(), 100);
  fixture.client.drain();
  assert.equal(fixture.received, fixture.sent);
  assert.equal(fixture.drained, 1);
});

test("the source waits for a client that is behind for a moment only", () => {
  const fixture = new Fixture();
  fixture.write(101);
  assert.ok(fixture.outlet.full);
  fixture.outlet.look(0, false);
  fixture.outlet.look(PATIENCE_MS - 1, false);
  assert.equal(fixture.drained, 0);
  fixture.client.drain();
  assert.equal(fixture.outlet.full, false);
  assert.equal(fixture.drained, 1);
});

test("behind for longer: what follows goes to a file, and the source is free", async () => {
  const fixture = new Fixture();
  fixture.fallBehind();
  assert.equal(fixture.outlet.full, false);
  assert.equal(fixture.drained, 1);
  fixture.write(500);
  assert.equal(fixture.outlet.flush(), 650);
  assert.equal(fixture.client.unsentBytes, 150);
  fixture.outlet.end();
  assert.equal(fixture.client.sawEnd, false);
  fixture.client.drain();
  await fixture.until(() => fixture.outlet.flush() === 0);
  assert.equal(fixture.received, fixture.sent);
  assert.ok(fixture.client.sawEnd);
});

test("where others wait for a worker, patience is brief", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const full = new Fixture();
  full.write(101);
  assert.equal(full.outlet.makeRoom(true), false);
  mock.timers.tick(HURRIED_PATIENCE_MS - 1);
  assert.equal(full.outlet.makeRoom(true), false);
  assert.equal(full.drained, 0);
  mock.timers.tick(1);
  assert.equal(full.outlet.full, false);
  assert.equal(full.drained, 1);
  const waiting = new Fixture();
  waiting.write(101);
  waiting.outlet.makeRoom(false);
  assert.ok(waiting.outlet.full);
  waiting.outlet.look(0, false);
  waiting.outlet.look(1, true);
  assert.equal(waiting.outlet.full, false);
  assert.equal(waiting.drained, 1);
});

test("a client that takes what waits in a brief time is as good as a file", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const fixture = new Fixture();
  for (let count = 1; count <= 3; count++) {
    fixture.write(101);
    assert.equal(fixture.outlet.makeRoom(true), false);
    mock.timers.tick(HURRIED_PATIENCE_MS - 1);
    fixture.client.drain();
    fixture.client.takeAtMost(0);
    assert.equal(fixture.drained, count);
    assert.equal(fixture.client.received.length, count * 101);
  }
  fixture.write(101);
  fixture.outlet.makeRoom(true);
  fixture.outlet.release();
  mock.timers.tick(HURRIED_PATIENCE_MS);
  assert.equal(fixture.drained, 3, "nothing of a connection that is gone");
});

test("a client that takes all of it in small pieces gets it in order", async () => {
  const fixture = new Fixture({ fileMaxBytes: 10_000 });
  fixture.fallBehind();
  for (let count = 0; count < 20; count++) {
    fixture.write(97);
    fixture.client.drain(40);
  }
  while (fixture.outlet.flush() > 0) {
    fixture.client.drain(40);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(fixture.received, fixture.sent);
  fixture.client.drain();
  fixture.write(10);
  assert.equal(fixture.received, fixture.sent, "directly again");
});

test("beyond the file's bound the source waits until the client has taken it", async () => {
  const fixture = new Fixture();
  fixture.fallBehind();
  fixture.write(1_000);
  await fixture.until(() => fixture.outlet.full);
  const before = fixture.drained;
  fixture.outlet.look(10 * PATIENCE_MS, false);
  assert.ok(fixture.outlet.full);
  fixture.client.drain();
  await fixture.until(() => fixture.drained > before);
  assert.equal(fixture.outlet.full, false);
  assert.equal(fixture.received, fixture.sent);
});

test("a file that nothing came to is given up with the last byte of the stream", () => {
  const fixture = new Fixture();
  fixture.fallBehind();
  fixture.client.drain();
  assert.equal(fixture.drained, 2);
  fixture.write(10);
  assert.equal(fixture.received, fixture.sent);
});

test("an end that is asked for while the file is empty comes at once", () => {
  const fixture = new Fixture();
  fixture.fallBehind();
  fixture.outlet.end();
  fixture.client.drain();
  assert.ok(fixture.client.sawEnd);
});

test("without a file the source goes on waiting", () => {
  for (const settings of [{ fileMaxBytes: null }, { folder: "/nonexistent" }]) {
    const fixture = new Fixture(settings);
    fixture.fallBehind();
    assert.ok(fixture.outlet.full);
    assert.equal(fixture.drained, 0);
    fixture.client.drain();
    assert.equal(fixture.drained, 1);
    assert.equal(fixture.received, fixture.sent);
  }
});

test("without room for a file, a client that holds a worker which others need is cut off", () => {
  const fixture = new Fixture({ folder: "/nonexistent" });
  fixture.write(150);
  assert.equal(fixture.outlet.look(0, true), false);
  assert.equal(fixture.outlet.look(PATIENCE_MS - 1, true), false);
  assert.match(fixture.failure?.message ?? "", /ENOENT/);
  assert.equal(fixture.outlet.look(2 * PATIENCE_MS, false), false, "nobody needs the worker");
  assert.equal(fixture.outlet.look(2 * PATIENCE_MS, true), true);
});

test("where memory is short, nothing more is kept in it", async () => {
  const fixture = new Fixture();
  fixture.write(60);
  fixture.outlet.look(0, false);
  assert.equal(fixture.memory.heldBytes, 60);
  fixture.memory.heldBytes += 1_000;
  fixture.write(30);
  assert.equal(fixture.client.unsentBytes, 60, "the rest is in the file");
  fixture.client.drain();
  await fixture.until(() => fixture.outlet.flush() === 0);
  assert.equal(fixture.received, fixture.sent);
  fixture.outlet.look(1, false);
  assert.equal(fixture.memory.heldBytes, 1_000);
  fixture.client.takeAtMost(0);
  fixture.write(10);
  fixture.outlet.look(2, false);
  fixture.outlet.release();
  assert.equal(fixture.memory.heldBytes, 1_000, "what a closed connection held is given back");
});

test("a client that takes nothing of what waits is reported", () => {
  const fixture = new Fixture({ transfer: { pauseMaxMs: 5_000, rateMinBytes: null } });
  fixture.fallBehind();
  fixture.write(10);
  assert.equal(fixture.outlet.look(4_999, false), false);
  assert.ok(fixture.outlet.look(5_000, false));
  fixture.outlet.release();
});
