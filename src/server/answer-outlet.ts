/**
 * The way of a connection's answers to its client: straight into the stream, and through a file
 * once the client has fallen behind for a while. Says when the worker has to wait.
 *
 * A client that is merely slower than the worker for a moment is waited for, which costs nothing. A
 * slow one would hold its worker for as long as it likes (the Slow Read attack): after a while,
 * which is brief where others wait for a worker, and at once where memory is short, what it does
 * not take goes to a file, and the worker is free.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import { AnswerSpool, type AnswerSpoolOwner } from "./answer-spool.ts";
import { AnswerWatch } from "./answer-watch.ts";
import type { HeldMemory } from "./held-memory.ts";
import type { TransferLimits } from "./transfer-watch.ts";

export interface OutletSettings {
  /** How fast a client must take what waits for it. */
  readonly transfer: TransferLimits;
  /** Bytes that are kept in memory for a client. */
  readonly memoryMaxBytes: number;
  /** Bytes that are kept in a file beyond that, for one answer; null for none. */
  readonly fileMaxBytes: number | null;
  /** Where the file is made; it loses its name at once. */
  readonly folder: string;
}

export interface OutletOwner {
  /** Less waits than before; perhaps nothing. */
  onOutletDrained(): void;
  /** There is no file to keep what waits for the client in. `isLost`: some of it is gone. */
  onOutletFailed(error: Error, isLost: boolean): void;
}

/** How long a worker waits for a client, before what it makes goes to a file. */
export const PATIENCE_MS = 500;
/**
 * The same where others wait for a worker. A client that takes all that waits in so short a time is
 * as fast as the file would be, which costs more: an answer of 100 MiB took 40 % less CPU time than
 * with no patience at all.
 */
export const HURRIED_PATIENCE_MS = 4;

export class AnswerOutlet implements AnswerSpoolOwner {
  readonly #stream: ByteStream;
  readonly #settings: OutletSettings;
  readonly #memory: HeldMemory;
  readonly #owner: OutletOwner;
  readonly #watch: AnswerWatch;
  /** All bytes ever given to the stream. */
  #givenBytes = 0;
  /** What it is known to hold. */
  #heldBytes = 0;
  #spool: AnswerSpool | null = null;
  /** The file failed once: what is too much stays the worker's. */
  #spoolFailed = false;
  /** Since when too much waits; null while it does not. */
  #fullSinceMs: number | null = null;
  /** Runs while others wait for the worker that waits here. */
  #hurriedTimer: NodeJS.Timeout | null = null;
  #endAsked = false;

  constructor(
    stream: ByteStream,
    settings: OutletSettings,
    memory: HeldMemory,
    owner: OutletOwner,
  ) {
    this.#stream = stream;
    this.#settings = settings;
    this.#memory = memory;
    this.#owner = owner;
    this.#watch = new AnswerWatch(stream, settings.transfer);
  }

  /**
   * Sends what was written in this turn now.
   *
   * @returns bytes that the kernel has not taken, wherever they are
   */
  flush(): number {
    this.#stream.flush();
    return this.#stream.unsentBytes + (this.#spool?.lengthBytes ?? 0);
  }

  /** Whether the source has to wait: nothing more should be written until `onOutletDrained`. */
  get full(): boolean {
    const { memoryMaxBytes, fileMaxBytes } = this.#settings;
    const spool = this.#spool;
    if (spool === null) return this.#stream.unsentBytes > memoryMaxBytes;
    return spool.pendingBytes > memoryMaxBytes || spool.fileBytes >= (fileMaxBytes ?? 0);
  }

  /**
   * Whether so little waits that the next request can be taken: who does not read answers has to
   * wait with further requests.
   */
  get caughtUp(): boolean {
    const spooledBytes = this.#spool?.lengthBytes ?? 0;
    return this.#stream.unsentBytes + spooledBytes <= this.#settings.memoryMaxBytes;
  }

  /** Copies `bytes[start..end)` as far as the kernel does not take it. */
  write(bytes: Uint8Array, start: number, end: number): void {
    if (this.#memory.exhausted && this.#stream.unsentBytes > 0) this.#beginSpool();
    if (this.#spool !== null) this.#spool.append(bytes, start, end);
    else this.#give(bytes, start, end);
  }

  /** Somebody else has sent so much to the client while the stream was lent. */
  addSentByOther(bytes: number): void {
    this.#givenBytes += bytes;
    this.#stream.countSentByOther(bytes);
  }

  /** Closes the sending half once everything has left. */
  end(): void {
    this.#endAsked = true;
    if (this.#spool === null || this.#spool.lengthBytes === 0) this.#stream.end();
  }

  /**
   * Whether there is room for more. Where the source has to wait while others need it, there will
   * be shortly. Costs next to nothing while there is room.
   *
   * @param othersWait whether somebody else could use the worker that would have to wait here
   */
  makeRoom(othersWait: boolean): boolean {
    if (!this.full) return true;
    if (othersWait) {
      this.#hurriedTimer ??= setTimeout(AnswerOutlet.#endPatience, HURRIED_PATIENCE_MS, this);
    }
    return false;
  }

  /**
   * Looks at how the client does. Called several times a second.
   *
   * Without a file (a full disk) a client that is behind holds its worker, which has to end once
   * others wait: its answer is cut short, so that the others get theirs.
   *
   * @param othersWait see {@link AnswerOutlet.makeRoom}
   * @returns whether the client takes too little to be waited for
   */
  look(nowMs: number, othersWait: boolean): boolean {
    this.#hold(this.#stream.unsentBytes);
    if (!this.full) this.#fullSinceMs = null;
    else if (this.#fullSinceMs === null) this.#fullSinceMs = nowMs;
    else if (othersWait || nowMs - this.#fullSinceMs >= PATIENCE_MS) {
      if (this.#beginSpool()) this.#owner.onOutletDrained();
      else if (this.#isStuck(nowMs, othersWait)) return true;
    }
    return this.#watch.look(this.#givenBytes, nowMs);
  }

  /** The stream has sent what it had. */
  onDrain(): void {
    this.#stopHurrying();
    const spool = this.#spool;
    if (spool !== null && spool.lengthBytes > 0) {
      spool.take();
      return;
    }
    if (spool !== null) this.#endSpool(spool);
    this.#owner.onOutletDrained();
  }

  /** The connection is gone. */
  release(): void {
    this.#stopHurrying();
    this.#hold(0);
    this.#spool?.release();
    this.#spool = null;
  }

  onSpooled(bytes: Buffer): void {
    this.#give(bytes, 0, bytes.length);
    const spool = this.#spool;
    if (spool === null) return;
    if (spool.lengthBytes === 0) this.#endSpool(spool);
    // Where the kernel took it all, it will not say that it has room again.
    else if (this.#stream.unsentBytes === 0) spool.take();
    this.#owner.onOutletDrained();
  }

  onSpoolFailed(error: Error, lost: boolean): void {
    this.#spoolFailed = true;
    this.#owner.onOutletFailed(error, lost);
  }

  onSpoolWritten(): void {
    if (!this.full) this.#owner.onOutletDrained();
  }

  static readonly #endPatience = (outlet: AnswerOutlet): void => {
    outlet.#hurriedTimer = null;
    if (outlet.full && outlet.#beginSpool()) outlet.#owner.onOutletDrained();
  };

  #stopHurrying(): void {
    if (this.#hurriedTimer === null) return;
    clearTimeout(this.#hurriedTimer);
    this.#hurriedTimer = null;
  }

  #isStuck(nowMs: number, othersWait: boolean): boolean {
    const fullSinceMs = this.#fullSinceMs ?? nowMs;
    return this.#spoolFailed && othersWait && nowMs - fullSinceMs >= PATIENCE_MS;
  }

  #hold(bytes: number): void {
    this.#memory.heldBytes += bytes - this.#heldBytes;
    this.#heldBytes = bytes;
  }

  /** @returns whether there is a file now that was not there before */
  #beginSpool(): boolean {
    const { fileMaxBytes, folder } = this.#settings;
    if (fileMaxBytes === null || this.#spool !== null || this.#spoolFailed) return false;
    try {
      this.#spool = new AnswerSpool(folder, this);
      return true;
    } catch (error) {
      // Without a file the worker waits, as it would without the option.
      this.onSpoolFailed(error instanceof Error ? error : new Error(String(error)), false);
      return false;
    }
  }

  /** Everything is in the stream: the next bytes go there directly. */
  #endSpool(spool: AnswerSpool): void {
    this.#spool = null;
    spool.release();
    if (this.#endAsked) this.#stream.end();
  }

  #give(bytes: Uint8Array, start: number, end: number): void {
    this.#givenBytes += end - start;
    this.#stream.write(bytes, start, end);
  }
}
