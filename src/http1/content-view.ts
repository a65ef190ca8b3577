/**
 * The event that a piece of content has come, as both receivers report it.
 */
import type { UnreadBytes } from "./unread-bytes.ts";

/** A piece of content: `bytes[start..end)`, valid until the next call. The object is used again. */
export interface ContentEvent {
  readonly kind: "content";
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

const NO_BYTES = /* @__PURE__ */ Buffer.alloc(0);

export class ContentView implements ContentEvent {
  readonly kind = "content" as const;
  bytes: Buffer = NO_BYTES;
  start = 0;
  end = 0;

  /** Reads so many bytes, which are there, and shows them. */
  take(unread: UnreadBytes, count: number): ContentEvent {
    this.bytes = unread.bytes;
    this.start = unread.position;
    unread.position += count;
    this.end = unread.position;
    return this;
  }
}
