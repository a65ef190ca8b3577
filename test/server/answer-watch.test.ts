import assert from "node:assert/strict";
import { test } from "node:test";

import { AnswerWatch } from "../../src/server/answer-watch.ts";
import { MemoryStream } from "../net/memory-stream.ts";

const LIMITS = { pauseMaxMs: 10_000, rateMinBytes: 100 };

/** A client that has been given an answer, and how much of it arrives at its end. */
class Fixture {
  readonly client = new MemoryStream();
  readonly watch = new AnswerWatch(this.client, LIMITS);
  unacknowledged: number | null = 0;
  givenBytes = 0;

  constructor() {
    this.client.takeAtMost(0);
    this.client.unacknowledged = (): number | null => this.unacknowledged;
  }

  give(bytes: number): void {
    this.client.write(Buffer.alloc(bytes), 0, bytes);
    this.givenBytes += bytes;
  }

  lookAt(nowMs: number): boolean {
    return this.watch.look(this.givenBytes, nowMs);
  }
}

test("nothing waits: any time may pass", () => {
  const fixture = new Fixture();
  assert.equal(fixture.lookAt(0), false);
  assert.equal(fixture.lookAt(1e9), false);
});

test("a client that takes nothing, or next to nothing, takes too little", () => {
  const nothing = new Fixture();
  nothing.give(5_000);
  assert.equal(nothing.lookAt(1_000), false);
  assert.equal(nothing.lookAt(6_000), false);
  assert.ok(nothing.lookAt(6_001));
  const little = new Fixture();
  little.give(5_000);
  for (let now = 0; now <= 5_000; now += 1_000) {
    assert.equal(little.lookAt(now), false);
    little.client.drain(1);
  }
  assert.ok(little.lookAt(6_000));
});

test("what the kernel holds has not been taken: its acknowledgements are the progress", () => {
  const fixture = new Fixture();
  fixture.give(1_000_000);
  fixture.client.drain(400_000);
  for (let now = 0; now <= 60_000; now += 1_000) {
    fixture.unacknowledged = 400_000 - now;
    assert.equal(fixture.lookAt(now), false, "1,000 bytes a second arrive");
  }
  fixture.client.drain(400_000);
  fixture.unacknowledged = 740_000;
  assert.equal(fixture.lookAt(69_999), false);
  assert.ok(fixture.lookAt(70_000), "the kernel took more, the client nothing");
});

test("where the kernel does not tell, only a pause is too long", () => {
  const fixture = new Fixture();
  fixture.unacknowledged = null;
  fixture.give(5_000);
  assert.equal(fixture.lookAt(0), false);
  assert.equal(fixture.lookAt(9_999), false);
  fixture.client.drain(1);
  assert.equal(fixture.lookAt(10_000), false);
  assert.equal(fixture.lookAt(19_999), false);
  assert.ok(fixture.lookAt(20_000));
});

test("once everything has left, the next answer has its own time", () => {
  const fixture = new Fixture();
  fixture.give(100);
  assert.equal(fixture.lookAt(0), false);
  fixture.client.drain();
  assert.equal(fixture.lookAt(4_000), false);
  fixture.client.takeAtMost(0);
  fixture.give(100);
  assert.equal(fixture.lookAt(50_000), false);
  assert.equal(fixture.lookAt(55_000), false);
  assert.ok(fixture.lookAt(55_001));
});
