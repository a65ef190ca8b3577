import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lineWriter } from "../../src/os/standard-error.ts";

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
    const write = lineWriter(pipe.write);
    write("one");
    assert.equal(pipe.text, "one\n");
    write("two");
    assert.equal(pipe.text, "one\ntwo\n");
  });

  test("what has no room is dropped and counted", () => {
    const pipe = new Pipe();
    const write = lineWriter(pipe.write);
    pipe.room = 0;
    write("one");
    write("two");
    pipe.room = Infinity;
    write("three");
    write("four");
    assert.equal(
      pipe.text,
      "(lines missing here, because nobody read standard error: 2)\nthree\nfour\n",
    );
  });

  test("a line that was begun is ended before the next", () => {
    const pipe = new Pipe();
    const write = lineWriter(pipe.write);
    pipe.room = 2;
    write("first");
    write("second");
    pipe.room = Infinity;
    write("third");
    assert.equal(
      pipe.text,
      "first\n(lines missing here, because nobody read standard error: 1)\nthird\n",
    );
  });
});
