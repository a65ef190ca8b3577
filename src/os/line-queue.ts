/**
 * Lines on their way to a reader that may be slow, or may have stopped reading: what has no room
 * waits, up to a bound. Knows no descriptor.
 */

/** Bytes of lines that wait; what would be more is dropped, and counted. */
const WAITING_MAX_BYTES = 65_536;
/** Until what waits is tried again. */
const RETRY_INTERVAL_MS = 10;

/** Writes what there is room for. @returns how many bytes that was, at once; 0 on any failure */
export type WriteSome = (bytes: Buffer) => number;

export class LineQueue {
  readonly #write: WriteSome;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #isRetryDue = false;

  constructor(write: WriteSome) {
    this.#write = write;
  }

  /** @param line without its line end */
  add(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    const hasRoom = (): boolean => this.#waitingBytes + bytes.length <= WAITING_MAX_BYTES;
    if (!hasRoom() && !this.flush() && !hasRoom()) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.flush();
  }

  /** Writes what there is room for. @returns whether nothing waits any more */
  flush(): boolean {
    for (;;) {
      const bytes = this.#waiting[0] ?? this.#notice();
      if (bytes === null) return true;
      const written = this.#write(bytes);
      this.#waitingBytes -= written;
      if (written < bytes.length) {
        this.#waiting[0] = bytes.subarray(written);
        this.#tryLater();
        return false;
      }
      this.#waiting.shift();
    }
  }

  /** It stands where the lines are missing: behind those that waited. */
  #notice(): Buffer | null {
    if (this.#dropped === 0) return null;
    const text = `(lines missing here, because nobody read standard error: ${this.#dropped})\n`;
    const bytes = Buffer.from(text);
    this.#dropped = 0;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    return bytes;
  }

  #tryLater(): void {
    if (this.#isRetryDue) return;
    this.#isRetryDue = true;
    setTimeout(() => {
      this.#isRetryDue = false;
      this.flush();
    }, RETRY_INTERVAL_MS).unref();
  }
}
