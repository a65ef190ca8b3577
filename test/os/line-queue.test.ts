import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LineQueue } from "../../src/os/line-queue.ts";

/** Something with room for so many bytes. */
class Pipe {
  text = "";
  room = Infinity;

  readonly write = (bytes: Buffer): number => {
    const written = Math.min(bytes.length, this.room);
    this.room -= written;
    this.text += bytes.toString("latin1", 0, written);
    return written;
  };
}

describe("lines to a reader that may stop reading", () => {
  test("each is written at once, with its line end", () => {
    const pipe = new Pipe();
    const queue = new LineQueue(pipe.write);
    queue.add("one");
    assert.equal(pipe.text, "one\n");
    queue.add("two");
    assert.equal(pipe.text, "one\ntwo\n");
    assert.equal(queue.flush(), true);
  });

  test("what has no room waits, and comes in order when there is", () => {
    const pipe = new Pipe();
    const queue = new LineQueue(pipe.write);
    pipe.room = 2;
    queue.add("first");
    queue.add("second");
    assert.equal(pipe.text, "fi");
    assert.equal(queue.flush(), false);
    pipe.room = Infinity;
    assert.equal(queue.flush(), true);
    assert.equal(pipe.text, "first\nsecond\n");
  });

  test("it is tried again by itself, without another line", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const pipe = new Pipe();
    const queue = new LineQueue(pipe.write);
    pipe.room = 0;
    queue.add("late");
    pipe.room = 2;
    context.mock.timers.tick(10);
    assert.equal(pipe.text, "la");
    pipe.room = Infinity;
    context.mock.timers.tick(10);
    assert.equal(pipe.text, "late\n");
  });

  test("beyond the bound lines are dropped, and the place where they are missing says so", () => {
    const pipe = new Pipe();
    const queue = new LineQueue(pipe.write);
    pipe.room = 0;
    const line = "x".repeat(1_023);
    for (let count = 0; count < 70; count++) queue.add(line);
    pipe.room = Infinity;
    queue.add("and on");
    const lines = pipe.text.split("\n");
    assert.equal(lines.filter((one) => one === line).length, 64);
    assert.match(lines[64] ?? "", /^\(lines missing here, .*: 6\)$/);
    assert.ok(pipe.text.endsWith(")\nand on\n"));
  });
});
