/** A stream's handler for tests: keeps what it is told, and lets a test wait for it. */
import type { Socket } from "node:net";
import type { ByteStream, ByteStreamHandler } from "../../src/net/byte-stream.ts";

/** Bound of every wait in a test; reaching it is a failure. */
export const WAIT_MAX_MS = 10_000;

/** Rejects instead of hanging when `promise` takes too long. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), WAIT_MAX_MS);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

export class RecordingHandler implements ByteStreamHandler {
  readonly stream: ByteStream;
  /** `bytes`, `end`, `drain`, `close`, in the order in which they came; repeated `bytes` once. */
  readonly calls: string[] = [];
  error: Error | null = null;
  bytesCalls = 0;
  /** Called after each piece was recorded. */
  onPiece: (() => void) | null = null;
  #received: Buffer[] = [];
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.handler = this;
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get receivedBytes(): number {
    return this.#received.reduce((sum, piece) => sum + piece.length, 0);
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  /** Resolves as soon as the condition holds after one of the handler's calls. */
  until(holds: () => boolean, what: string): Promise<void> {
    if (holds()) return Promise.resolve();
    return soon(new Promise((resolve) => this.#waiting.push({ holds, resolve })), what);
  }

  untilText(text: string): Promise<void> {
    return this.until(() => this.text === text, `the bytes ${JSON.stringify(text)}`);
  }

  untilCalled(call: "end" | "drain" | "close"): Promise<void> {
    return this.until(() => this.calls.includes(call), call);
  }

  onBytes(bytes: Buffer, end: number): void {
    this.bytesCalls++;
    this.#received.push(Buffer.from(bytes.subarray(0, end)));
    this.#note("bytes");
    this.onPiece?.();
  }

  onEnd(): void {
    this.#note("end");
  }

  onDrain(): void {
    this.#note("drain");
  }

  onClose(error: Error | null): void {
    this.error = error;
    this.#note("close");
  }

  #note(call: string): void {
    if (call !== "bytes" || this.calls.at(-1) !== "bytes") this.calls.push(call);
    const ready = this.#waiting.filter(({ holds }) => holds());
    this.#waiting = this.#waiting.filter((wait) => !ready.includes(wait));
    for (const { resolve } of ready) resolve();
  }
}

/** Resolves when the socket is closed, by a reset too. */
export function closeOf(client: Socket): Promise<void> {
  client.resume();
  return new Promise((resolve) => client.once("close", () => resolve()));
}

/** The errno name of a system call's error, ours or Node's. */
export function codeOf(error: Error | null): unknown {
  return error !== null && "code" in error ? error.code : null;
}

/** Writes text, all of it. */
export function writeText(stream: ByteStream, text: string): void {
  const bytes = Buffer.from(text, "latin1");
  stream.write(bytes, 0, bytes.length);
}
