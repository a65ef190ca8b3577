/**
 * The contents of one connection's requests on their way in, one after the other: each is kept
 * until it is complete, and a client that sends it too slowly is found out.
 *
 * Knows nothing of what is done with a content, nor of the stream that it comes by.
 */
import type { SpooledContent } from "../workers/application-request.ts";
import {
  ContentMemory,
  RequestContent,
  type RequestContentOwner,
  type SpoolSettings,
} from "./request-content.ts";
import { type TransferLimits, TransferWatch } from "./transfer-watch.ts";

export interface IntakeSettings {
  readonly spool: SpoolSettings;
  /** How fast a request's content must arrive. */
  readonly contentTransfer: TransferLimits;
}

/** Content that waits to be written to its file; beyond it nothing more should be read. */
const PENDING_MAX_BYTES = 1_048_576;

export class ContentIntake {
  /** Whether all of the present content has come. */
  complete = false;
  /** Whether a content was lent to a worker in vain: its client is not that fast. */
  wasLentInVain = false;
  readonly #settings: IntakeSettings;
  readonly #owner: RequestContentOwner;
  readonly #watch: TransferWatch;
  #content: RequestContent | null = null;
  #memory: ContentMemory | null = null;

  constructor(settings: IntakeSettings, owner: RequestContentOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#watch = new TransferWatch(settings.contentTransfer);
  }

  /** Bytes of the present content that have come. */
  get lengthBytes(): number {
    return this.#content?.lengthBytes ?? 0;
  }

  /** Whether so much waits to be written that reading should rest until `onContentWritten`. */
  get behind(): boolean {
    return this.#content !== null && this.#content.pendingBytes > PENDING_MAX_BYTES;
  }

  begin(nowMs: number): void {
    this.complete = false;
    this.#watch.begin(nowMs);
    this.#content = new RequestContent(
      this.#settings.spool,
      this.#owner,
      (this.#memory ??= new ContentMemory()),
    );
  }

  /** Copies `bytes[start..end)`; drops them where there is no content under way. */
  append(bytes: Buffer, start: number, end: number, nowMs: number): void {
    if (this.#content === null) return;
    this.#watch.moved(end - start, nowMs);
    this.#content.append(bytes, start, end);
  }

  /**
   * All of it has come.
   *
   * @returns whether it can be taken now; else `onContentWritten` says when
   */
  end(): boolean {
    this.complete = true;
    return this.#content === null || this.#content.pendingBytes === 0;
  }

  /**
   * The whole content, once it is complete and written. Valid until the next one begins, or until
   * `drop` where it is in a file.
   */
  take(): Buffer | SpooledContent | null {
    return this.#content?.take() ?? null;
  }

  /** Gives the file of the present content back. Idempotent. */
  drop(): void {
    this.#content?.release();
    this.#content = null;
  }

  tooSlow(nowMs: number): boolean {
    return this.#watch.tooSlow(nowMs);
  }

  /** It is we who do not read: that time is not the client's. */
  hold(nowMs: number): void {
    this.#watch.hold(nowMs);
  }

  release(nowMs: number): void {
    this.#watch.release(nowMs);
  }
}
