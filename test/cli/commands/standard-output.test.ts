/** What a command prints has been written when it ends, or it does not end well. */
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { StandardOutput } from "../../../src/cli/commands/standard-output.ts";

const ENOSPC = Object.assign(new Error("ENOSPC: write"), { code: "ENOSPC", errno: -28 });
const EIO = Object.assign(new Error("EIO: write"), { code: "EIO", errno: -5 });
const EPIPE = Object.assign(new Error("write EPIPE"), { code: "EPIPE", errno: -32 });

class Fixture {
  readonly written: string[] = [];
  complaints = "";
  readonly output: StandardOutput;

  /** @param failure of the second text, and of each that follows */
  constructor(failure: Error | null) {
    const stream = new Writable({
      decodeStrings: false,
      write: (text, _, done) => {
        // As a pipe or a disk that is slow.
        setImmediate(() => {
          if (failure !== null && this.written.length > 0) {
            done(failure);
            return;
          }
          this.written.push(String(text));
          done();
        });
      },
    });
    stream.on("error", () => {});
    const complaints = new Writable({
      write: (text, _, done) => {
        this.complaints += String(text);
        done();
      },
    });
    this.output = new StandardOutput(stream, complaints);
  }
}

test("it ends when everything has been written, with the status that it is given", async () => {
  for (const status of [0, 1, 5]) {
    const { output, written } = new Fixture(null);
    for (const text of ["one\n", "two\n", "three\n"]) output.out(text);
    assert.equal(await output.end("status", status), status);
    assert.deepEqual(written.slice(0, 3), ["one\n", "two\n", "three\n"]);
  }
});

test("a disk that is full or broken: status 1, and one line", async () => {
  for (const [failure, why] of [
    [ENOSPC, "no space left on device (ENOSPC)"],
    [EIO, "i/o error (EIO)"],
  ] as const) {
    const fixture = new Fixture(failure);
    for (const text of ["one\n", "two\n", "three\n"]) fixture.output.out(text);
    assert.equal(await fixture.output.end("status", 0), 1);
    assert.deepEqual(fixture.written, ["one\n"]);
    const line = `portico: status: cannot write to standard output: ${why}\n`;
    assert.equal(fixture.complaints, line);
  }
});

test("a reader that has gone: no word, and the status of what SIGPIPE ended", async () => {
  const fixture = new Fixture(EPIPE);
  for (const text of ["one\n", "two\n"]) fixture.output.out(text);
  assert.equal(await fixture.output.end(null, 0), 141);
  assert.equal(fixture.complaints, "");
});

test("a command that had failed anyway has its own status", async () => {
  for (const failure of [ENOSPC, EPIPE]) {
    const { output } = new Fixture(failure);
    for (const text of ["one\n", "two\n"]) output.out(text);
    assert.equal(await output.end("reload", 5), 5);
  }
});
