/**
 * Lines on their way to a log: gathered in memory, and written together. A request never waits for
 * its line, whatever the reader or the disk does.
 *
 * Owns when is written, what becomes of a write that fails, and how much may wait. Knows nothing of
 * what a line says.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { LogOutput, WriteResult } from "../../os/log-output.ts";
import { LineMemory } from "./line-memory.ts";

/** Lines are written once they have so many bytes: half of what a pipe of Linux holds. */
export const GATHERED_MAX_BYTES = 32_768;
/** The same of a file: each write there is handed to a thread, which has to be woken. */
export const GATHERED_FOR_FILE_MAX_BYTES = 131_072;
/** A line is not kept back for longer. */
export const GATHERING_MAX_MS = 100;
/** Bytes of lines that wait for a reader or a disk; what would be more is dropped, and counted. */
export const WAITING_MAX_BYTES = 1_048_576;
/** Memory that is kept to be used again, at most: room for what is gathered, and for some lines. */
const SPARE_MAX_BYTES = 2 * GATHERED_FOR_FILE_MAX_BYTES;
/** Until a reader without room is tried again: at first, and at most. */
const RETRY_MIN_MS = 1;
const RETRY_MAX_MS = 32;
/** Until it is tried again after an error, such as that of a disk that is full. */
const AFTER_ERROR_MS = 1_000;
/** Not more often is said how many lines were dropped. */
const REPORT_INTERVAL_MS = 10_000;
/** What a reader gets when the process ends. */
const LAST_TRY_MAX_MS = 100;
const LAST_TRY_INTERVAL_MS = 5;
/** What a write says where nobody can read any more: of a pipe, and of a socket. */
const READER_GONE: ReadonlySet<string> = new Set(["EPIPE", "ECONNRESET", "ENOTCONN"]);
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));

export class GatheredLines {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  #output: LogOutput;
  #gatheredMaxBytes: number;
  #gathered = new LineMemory();
  /** Of {@link #gathered}, how many bytes are whole lines; what is behind them is of no use. */
  #linesEnd = 0;
  /** What is being written, or is next; then a timer or a write is under way. */
  #leaving: Buffer | null = null;
  /** Where that lies; gathered in again when it is written. */
  #leavingMemory: LineMemory | null = null;
  #spare: LineMemory | null = null;
  #isWriting = false;
  #isFlushDue = false;
  #retryMs = RETRY_MIN_MS;
  #dropped = 0;
  #reportedAtMs = -Infinity;
  /** The error that has been reported, until a write succeeds. */
  #error: string | null = null;
  #isReaderGone = false;
  /** Called once the write under way on an output that was replaced is done. */
  #onReplaced: (() => void) | null = null;

  /** @param log hears of lines that are lost */
  constructor(output: LogOutput, log: Log, clock: Pick<Clock, "nowMs">) {
    this.#output = output;
    this.#gatheredMaxBytes = gatheredMaxBytes(output);
    this.#log = log;
    this.#clock = clock;
  }

  /** Whether lines are of no use any more: nobody can read them. */
  get isReaderGone(): boolean {
    return this.#isReaderGone;
  }

  /**
   * Where the next line is to be written, with its line end; {@link endLine} follows. A line that
   * was not ended is forgotten.
   */
  beginLine(): LineMemory {
    this.#gathered.truncate(this.#linesEnd);
    return this.#gathered;
  }

  /** The line is written. */
  endLine(): void {
    if (this.#isReaderGone) return;
    const { length } = this.#gathered;
    const waitingBytes = length + (this.#leaving?.length ?? 0);
    if (waitingBytes > WAITING_MAX_BYTES) {
      this.#dropped++;
      return;
    }
    this.#linesEnd = length;
    if (length >= this.#gatheredMaxBytes) this.#flush();
    else if (!this.#isFlushDue) this.#flushLater();
  }

  /**
   * What comes from now on, and what waits, goes somewhere else.
   *
   * @param onReplaced called when the earlier output is not written to any more
   */
  replaceOutput(output: LogOutput, onReplaced: () => void): void {
    this.#output = output;
    this.#gatheredMaxBytes = gatheredMaxBytes(output);
    this.#isReaderGone = false;
    if (this.#isWriting) this.#onReplaced = onReplaced;
    else onReplaced();
  }

  /**
   * The process ends: writes what there is, and waits for a slow reader a moment.
   *
   * A write to a disk that is still under way comes to its end by itself, perhaps behind this one.
   */
  end(): void {
    if (this.#leaving === null || this.#isWriting) this.#leaving = this.#takeGathered();
    else this.#leaving = Buffer.concat([this.#leaving, this.#takeGathered()]);
    const untilMs = performance.now() + LAST_TRY_MAX_MS;
    while (this.#leaving.length > 0 && !this.#isReaderGone) {
      const result = this.#output.writeNow(this.#leaving);
      if (typeof result === "number") this.#leaving = this.#leaving.subarray(result);
      else if (result !== "EAGAIN" || performance.now() >= untilMs) break;
      else Atomics.wait(SLEEPER, 0, 0, LAST_TRY_INTERVAL_MS);
    }
    this.#reportedAtMs = -Infinity;
    this.#reportDropped();
  }

  #flush(): void {
    if (this.#leaving !== null || this.#linesEnd === 0) return;
    this.#leaving = this.#takeGathered();
    this.#write();
  }

  #flushLater(): void {
    this.#isFlushDue = true;
    setTimeout(() => {
      this.#isFlushDue = false;
      this.#flush();
    }, GATHERING_MAX_MS).unref();
  }

  #takeGathered(): Buffer {
    this.#gathered.truncate(this.#linesEnd);
    const { bytes } = this.#gathered;
    this.#leavingMemory = this.#gathered;
    this.#gathered = this.#spare ?? new LineMemory();
    this.#spare = null;
    this.#linesEnd = 0;
    return bytes;
  }

  /** All of it is written. Memory that has grown while nobody read is given back. */
  #letGo(): void {
    const memory = this.#leavingMemory;
    this.#leaving = null;
    this.#leavingMemory = null;
    if (memory !== null && memory.capacity <= SPARE_MAX_BYTES) this.#spare = memory;
  }

  #write(): void {
    if (this.#leaving === null || this.#isWriting) return;
    this.#isWriting = true;
    this.#output.write(this.#leaving, (result) => {
      this.#isWriting = false;
      const onReplaced = this.#onReplaced;
      this.#onReplaced = null;
      onReplaced?.();
      this.#onWritten(result);
    });
  }

  #onWritten(result: WriteResult): void {
    const leaving = this.#leaving;
    if (leaving === null) return;
    if (typeof result === "string") {
      this.#onError(result);
      return;
    }
    this.#error = null;
    this.#retryMs = RETRY_MIN_MS;
    if (result < leaving.length) {
      this.#leaving = leaving.subarray(result);
      this.#tryLater(RETRY_MIN_MS);
      return;
    }
    this.#letGo();
    this.#reportDropped();
    // The moment of those that came meanwhile may have passed.
    if (!this.#isFlushDue || this.#linesEnd >= this.#gatheredMaxBytes) this.#flush();
  }

  #onError(code: string): void {
    if (code === "EAGAIN") {
      this.#tryLater(this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    } else if (READER_GONE.has(code)) {
      this.#log.warn("nobody reads the access log any more, so none is written", { cause: code });
      this.#isReaderGone = true;
      this.#letGo();
      this.#linesEnd = 0;
    } else {
      if (code !== this.#error) {
        this.#log.error("the access log cannot be written, and is tried again", { cause: code });
      }
      this.#error = code;
      this.#tryLater(AFTER_ERROR_MS);
    }
  }

  #tryLater(delayMs: number): void {
    setTimeout(() => this.#write(), delayMs).unref();
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#reportedAtMs < REPORT_INTERVAL_MS) return;
    this.#reportedAtMs = nowMs;
    this.#log.warn(
      "lines of the access log were dropped, because they could not be written in time",
      {
        lines: this.#dropped,
      },
    );
    this.#dropped = 0;
  }
}

/** A person who looks on gets each line at once. */
function gatheredMaxBytes({ isTerminal, isFile }: LogOutput): number {
  if (isTerminal) return 0;
  return isFile ? GATHERED_FOR_FILE_MAX_BYTES : GATHERED_MAX_BYTES;
}
