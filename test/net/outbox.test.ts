import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { GATHERED_WRITE_MAX_BYTES, Outbox, type Sender } from "../../src/net/outbox.ts";

class RecordingSender implements Sender {
  readonly pieces: string[] = [];
  /** What is done while it sends. */
  whileSending: () => void = () => {};

  get text(): string {
    return this.pieces.join("");
  }

  sendGathered(memory: Buffer, start: number, end: number): void {
    this.pieces.push(memory.toString("latin1", start, end));
    this.whileSending();
  }
}

class Turn {
  readonly tasks: (() => void)[] = [];
  readonly outbox = new Outbox(
    (task) => void this.tasks.push(task),
    () => 0n,
  );

  end(): void {
    for (const task of this.tasks.splice(0)) task();
  }

  add(sender: Sender, text: string): void {
    const bytes = Buffer.from(`<${text}>`, "latin1");
    this.outbox.add(sender, bytes, 1, bytes.length - 1);
    bytes.fill(0x21);
  }
}

test("each sender gets its own bytes, in order, at the end of the turn", () => {
  const turn = new Turn();
  const [one, other] = [new RecordingSender(), new RecordingSender()];
  turn.add(one, "a");
  turn.add(one, "b");
  turn.add(other, "c");
  turn.add(one, "d");
  assert.deepEqual([one.pieces, other.pieces], [[], []]);
  assert.equal(turn.tasks.length, 1);
  turn.end();
  assert.deepEqual([one.pieces, other.pieces], [["ab", "d"], ["c"]]);
  turn.end();
  assert.deepEqual(one.pieces, ["ab", "d"]);
  turn.add(one, "e");
  assert.equal(turn.tasks.length, 1);
  turn.outbox.flush();
  turn.end();
  assert.deepEqual(one.pieces, ["ab", "d", "e"]);
});

test("what is too much in bytes or in number makes the rest leave before", () => {
  const large = "x".repeat(GATHERED_WRITE_MAX_BYTES);
  for (const [text, count] of [
    [large, 20],
    ["y", 1_500],
  ] as const) {
    const turn = new Turn();
    const senders = Array.from({ length: count }, () => new RecordingSender());
    for (const sender of senders) turn.add(sender, text);
    assert.ok(senders[0]?.text === text, "it has left");
    turn.end();
    for (const sender of senders) assert.equal(sender.text, text);
  }
});

test("every sequence reaches its senders as it was written", () => {
  const step = fc.record({
    sender: fc.nat({ max: 2 }),
    length: fc.integer({ min: 1, max: GATHERED_WRITE_MAX_BYTES }),
    flushes: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const turn = new Turn();
      const senders = [new RecordingSender(), new RecordingSender(), new RecordingSender()];
      const expected = senders.map(() => "");
      for (const [place, { sender, length, flushes }] of steps.entries()) {
        const text = String.fromCharCode(0x41 + (place % 26)).repeat(length);
        turn.add(senders[sender] as RecordingSender, text);
        expected[sender] += text;
        if (flushes) turn.outbox.flush();
      }
      turn.end();
      assert.deepEqual(
        senders.map(({ text }) => text),
        expected,
      );
    }),
  );
});

test("whoever sends may have everything sent, and may not add", () => {
  const turn = new Turn();
  const sender = new RecordingSender();
  sender.whileSending = () => {
    turn.outbox.flush();
    assert.throws(() => turn.add(sender, "more"), /invariant broken/);
  };
  turn.add(sender, "once");
  turn.end();
  assert.deepEqual(sender.pieces, ["once"]);
});
