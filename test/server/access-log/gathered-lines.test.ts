import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";

import { createLog } from "../../../src/base/log.ts";
import type { LogOutput, WriteResult } from "../../../src/os/log-output.ts";
import {
  GATHERED_FOR_FILE_MAX_BYTES,
  GATHERED_MAX_BYTES,
  GATHERING_MAX_MS,
  GatheredLines,
  WAITING_MAX_BYTES,
} from "../../../src/server/access-log/gathered-lines.ts";

/** A place with room for so many bytes, or with an error, at once or when a disk is done. */
class Place implements LogOutput {
  readonly isTerminal: boolean;
  readonly isFile: boolean;
  text = "";
  writes = 0;
  room = Infinity;
  error: string | null = null;
  /** As a disk: writes are done when the test says so. */
  isLate = false;
  #done: (() => void) | null = null;

  constructor({ isTerminal = false, isFile = false } = {}) {
    this.isTerminal = isTerminal;
    this.isFile = isFile;
  }

  write(bytes: Buffer, done: (result: WriteResult) => void): void {
    assert.equal(this.#done, null, "one write at a time");
    if (!this.isLate) {
      done(this.writeNow(bytes));
      return;
    }
    this.#done = () => done(this.writeNow(bytes));
  }

  writeNow(bytes: Buffer): WriteResult {
    this.writes++;
    if (this.error !== null) return this.error;
    const written = Math.min(bytes.length, this.room);
    if (written === 0) return "EAGAIN";
    this.room -= written;
    this.text += bytes.toString("latin1", 0, written);
    return written;
  }

  finish(): void {
    const done = this.#done;
    assert.ok(done !== null, "a write is under way");
    this.#done = null;
    done();
  }
}

let said: string[];
let nowMs: number;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  said = [];
  nowMs = 0;
});

function pass(ms: number): void {
  nowMs += ms;
  mock.timers.tick(ms);
}

function linesTo(place: Place): GatheredLines {
  const log = createLog((line) => said.push(line.slice(25)), { epochMs: () => 0 }, "info");
  return new GatheredLines(place, log, { nowMs: () => nowMs });
}

function add(lines: GatheredLines, line: string): void {
  lines.beginLine().text(line);
  lines.endLine();
}

/** A line of so many bytes, its end included. */
function lineOfBytes(bytes: number, letter = "x"): string {
  return `${letter.repeat(bytes - 1)}\n`;
}

describe("when lines are written", () => {
  test("together, after a moment", () => {
    const place = new Place();
    const lines = linesTo(place);
    add(lines, "one\n");
    pass(GATHERING_MAX_MS - 1);
    add(lines, "two\n");
    assert.equal(place.text, "");
    pass(1);
    assert.equal(place.text, "one\ntwo\n");
    assert.equal(place.writes, 1);
    pass(10 * GATHERING_MAX_MS);
    assert.equal(place.writes, 1, "nothing is written where there is nothing");
    add(lines, "three\n");
    pass(GATHERING_MAX_MS);
    assert.equal(place.text, "one\ntwo\nthree\n");
  });

  test("at once when there are enough", () => {
    const place = new Place();
    const lines = linesTo(place);
    add(lines, lineOfBytes(GATHERED_MAX_BYTES - 1));
    assert.equal(place.writes, 0);
    add(lines, "\n");
    assert.equal(place.text.length, GATHERED_MAX_BYTES);
  });

  test("of a file when there are more, since each write wakes a thread", () => {
    const place = new Place({ isFile: true });
    const lines = linesTo(place);
    add(lines, lineOfBytes(GATHERED_FOR_FILE_MAX_BYTES - 1));
    assert.equal(place.writes, 0);
    add(lines, "\n");
    assert.equal(place.text.length, GATHERED_FOR_FILE_MAX_BYTES);
  });

  test("each at once for a person", () => {
    const place = new Place({ isTerminal: true });
    const lines = linesTo(place);
    add(lines, "one\n");
    assert.equal(place.text, "one\n");
    add(lines, "two\n");
    assert.equal(place.text, "one\ntwo\n");
  });

  test("a line that was not ended is forgotten", () => {
    const place = new Place();
    const lines = linesTo(place);
    add(lines, "one\n");
    lines.beginLine().text("half a li");
    add(lines, "two\n");
    lines.beginLine().text("half a li");
    pass(GATHERING_MAX_MS);
    add(lines, "three\n");
    lines.end();
    assert.equal(place.text, "one\ntwo\nthree\n");
  });

  test("bytes are bytes: a character of latin-1 is one", () => {
    const place = new Place();
    const lines = linesTo(place);
    add(lines, "\xe2\x86\x92\n");
    lines.end();
    assert.equal(place.text, "\xe2\x86\x92\n");
  });
});

describe("a reader without room", () => {
  test("gets the rest in order, without another line", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.room = 2;
    add(lines, "first\n");
    pass(GATHERING_MAX_MS);
    assert.equal(place.text, "fi");
    add(lines, "second\n");
    place.room = Infinity;
    pass(GATHERING_MAX_MS);
    assert.equal(place.text, "first\nsecond\n");
  });

  test("is not asked for each line, and less and less often", () => {
    const place = new Place({ isTerminal: true });
    const lines = linesTo(place);
    place.room = 0;
    for (let count = 0; count < 1_000; count++) add(lines, "x\n");
    assert.equal(place.writes, 1);
    for (let ms = 0; ms < 1_000; ms++) pass(1);
    assert.ok(place.writes > 10 && place.writes < 50, String(place.writes));
    place.room = Infinity;
    pass(32);
    assert.equal(place.text, "x\n".repeat(1_000));
  });

  test("loses what is beyond the bound; then it is said how much, not too often", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.room = 0;
    const line = lineOfBytes(1_024);
    const kept = WAITING_MAX_BYTES / 1_024;
    for (let count = 0; count < kept + 7; count++) add(lines, line);
    assert.deepEqual(said, []);
    place.room = Infinity;
    pass(32);
    pass(GATHERING_MAX_MS);
    assert.equal(place.text, line.repeat(kept));
    assert.deepEqual(said, [
      "warn lines of the access log were dropped, because they could not be written in time" +
        " lines=7",
    ]);
    const overflow = (): void => {
      place.room = 0;
      for (let count = 0; count < kept + 1; count++) add(lines, line);
      place.room = Infinity;
      pass(1_000);
    };
    overflow();
    overflow();
    assert.equal(said.length, 1, "not again so soon");
    pass(10_000);
    overflow();
    assert.match(said[1] ?? "", / lines=3$/);
  });

  test("that is gone ends it with one line", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.error = "EPIPE";
    add(lines, "x\n");
    assert.equal(lines.isReaderGone, false);
    pass(GATHERING_MAX_MS);
    assert.equal(lines.isReaderGone, true);
    add(lines, lineOfBytes(GATHERED_MAX_BYTES));
    pass(10_000);
    assert.equal(place.writes, 1);
    assert.deepEqual(said, [
      "warn nobody reads the access log any more, so none is written cause=EPIPE",
    ]);
  });
});

describe("a disk", () => {
  test("that is slow has one write at a time, and the event loop goes on", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.isLate = true;
    add(lines, lineOfBytes(GATHERED_MAX_BYTES, "a"));
    add(lines, lineOfBytes(GATHERED_MAX_BYTES, "b"));
    pass(GATHERING_MAX_MS);
    assert.equal(place.text, "");
    place.finish();
    assert.equal(place.text, lineOfBytes(GATHERED_MAX_BYTES, "a"));
    place.finish();
    assert.equal(place.text.length, 2 * GATHERED_MAX_BYTES);
  });

  test("reads what is being written from memory that nothing else is written to", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.isLate = true;
    let expected = "";
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 10; count++) {
        const line = lineOfBytes(100 + round, "abcde"[round]);
        add(lines, line);
        expected += line;
      }
      if (round > 0) place.finish();
      pass(GATHERING_MAX_MS);
    }
    place.finish();
    assert.equal(place.text, expected);
  });

  test("that is full is told of once, tried again, and torn lines are completed", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.room = 3;
    add(lines, "first\n");
    pass(GATHERING_MAX_MS);
    place.error = "ENOSPC";
    for (let seconds = 0; seconds < 5; seconds++) {
      add(lines, "more\n");
      pass(1_000);
    }
    assert.deepEqual(said, [
      "error the access log cannot be written, and is tried again cause=ENOSPC",
    ]);
    place.error = null;
    place.room = Infinity;
    pass(1_000 + GATHERING_MAX_MS);
    assert.equal(place.text, `first\n${"more\n".repeat(5)}`);
    place.error = "ENOSPC";
    add(lines, "again\n");
    pass(GATHERING_MAX_MS);
    assert.equal(said.length, 2, "a disk that is full again is news");
  });
});

describe("another place", () => {
  test("gets what waits, and the earlier one is let go", () => {
    const [earlier, later] = [new Place(), new Place()];
    const lines = linesTo(earlier);
    add(lines, "one\n");
    let closed = 0;
    lines.replaceOutput(later, () => closed++);
    assert.equal(closed, 1);
    pass(GATHERING_MAX_MS);
    assert.deepEqual([earlier.text, later.text], ["", "one\n"]);
  });

  test("while a write is under way, the earlier one is let go when that is done", () => {
    const [earlier, later] = [new Place(), new Place()];
    const lines = linesTo(earlier);
    earlier.isLate = true;
    add(lines, "one\n");
    pass(GATHERING_MAX_MS);
    let closed = 0;
    lines.replaceOutput(later, () => closed++);
    add(lines, "two\n");
    pass(GATHERING_MAX_MS);
    assert.equal(closed, 0);
    earlier.finish();
    assert.equal(closed, 1);
    pass(GATHERING_MAX_MS);
    assert.deepEqual([earlier.text, later.text], ["one\n", "two\n"]);
  });

  test("has a reader again", () => {
    const [earlier, later] = [new Place(), new Place()];
    const lines = linesTo(earlier);
    earlier.error = "EPIPE";
    add(lines, "lost\n");
    pass(GATHERING_MAX_MS);
    lines.replaceOutput(later, () => {});
    add(lines, "one\n");
    lines.end();
    assert.equal(later.text, "one\n");
  });
});

describe("the end of the process", () => {
  test("writes what is left, what waited first", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.room = 2;
    add(lines, "first\n");
    pass(GATHERING_MAX_MS);
    add(lines, "second\n");
    place.room = Infinity;
    lines.end();
    assert.equal(place.text, "first\nsecond\n");
  });

  test("does not wait long for somebody who does not read", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.room = 0;
    add(lines, "lost\n");
    const startMs = performance.now();
    lines.end();
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs >= 90 && tookMs < 5_000, `${tookMs} ms`);
  });

  test("writes what came behind a write that is under way, and not that again", () => {
    const place = new Place();
    const lines = linesTo(place);
    place.isLate = true;
    add(lines, "one\n");
    pass(GATHERING_MAX_MS);
    add(lines, "two\n");
    lines.end();
    assert.equal(place.text, "two\n");
    place.finish();
    assert.equal(place.text, "two\none\n");
  });
});
