/**
 * The connection to the server: the stream of events, and what is asked besides. Connects again by
 * itself, sooner at first and then less often, and not at all while nobody looks at the page.
 *
 * `EventSource` would do the same, but it cannot send a token.
 */
import { EventStreamReader, type StreamEvent } from "./event-stream.ts";

export type LinkState =
  | { readonly kind: "opening" }
  | { readonly kind: "live" }
  /** The tab is in the background. */
  | { readonly kind: "paused" }
  | { readonly kind: "lost"; readonly why: string; readonly retryInMs: number }
  /** null where none was given. */
  | { readonly kind: "token-needed"; readonly why: string | null };

export interface LinkListener {
  onState(state: LinkState): void;
  onEvent(event: StreamEvent): void;
}

/** The server's answer to what was asked of it. */
export interface ServerAnswer {
  readonly ok: boolean;
  readonly content: Readonly<Record<string, unknown>>;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;
/** A second without an event is late; so many are a connection that nobody has closed. */
const SILENCE_MAX_MS = 15_000;
const UNAUTHORIZED = 401;
/** Wrong as well, and another one was a moment ago. */
const TOO_SOON = 429;

export class ServerLink {
  token: string | null;
  /** Whether the page that the server sent says so. */
  readonly #isTokenNeeded: boolean;
  readonly #listener: LinkListener;
  #abort = new AbortController();
  #retryMs = RETRY_MIN_MS;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Until somebody has typed one, there is nothing to ask for. */
  #needsToken = false;

  constructor(token: string | null, isTokenNeeded: boolean, listener: LinkListener) {
    this.token = token;
    this.#isTokenNeeded = isTokenNeeded;
    this.#listener = listener;
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  /** Connects now, whatever is going on. */
  open(): void {
    this.#close();
    this.#needsToken = this.#isTokenNeeded && this.token === null;
    if (this.#needsToken) {
      this.#listener.onState({ kind: "token-needed", why: null });
      return;
    }
    if (document.hidden) {
      this.#listener.onState({ kind: "paused" });
      return;
    }
    this.#listener.onState({ kind: "opening" });
    void this.#read(this.#abort.signal);
  }

  /** @param content where it is a POST */
  async ask(path: string, content: unknown = null): Promise<ServerAnswer> {
    const fields = { ...this.#fields(), "Content-Type": "application/json" };
    try {
      const response = await (content === null
        ? fetch(path, { headers: this.#fields() })
        : fetch(path, { method: "POST", headers: fields, body: JSON.stringify(content) }));
      const answer = (await response.json()) as Record<string, unknown>;
      return { ok: response.ok, content: answer };
    } catch {
      return { ok: false, content: { why: "the server does not answer" } };
    }
  }

  #fields(): Record<string, string> {
    return this.token === null ? {} : { Authorization: `Bearer ${this.token}` };
  }

  async #read(signal: AbortSignal): Promise<void> {
    let why = "the server does not answer";
    try {
      const response = await fetch("/events", { headers: this.#fields(), signal });
      if (!response.ok || response.body === null) {
        const { why: reason } = (await response.json()) as { why: string };
        if (response.status === UNAUTHORIZED || response.status === TOO_SOON) {
          if (signal.aborted) return;
          this.#needsToken = true;
          const isMissing = this.token === null;
          this.#listener.onState({ kind: "token-needed", why: isMissing ? null : reason });
          return;
        }
        why = reason;
      } else {
        await this.#readEvents(response.body, signal);
        why = "the server has ended the connection";
      }
    } catch {
      // Told below.
    }
    if (!signal.aborted) this.#lose(why);
  }

  async #readEvents(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const reader = new EventStreamReader();
    const decoder = new TextDecoder();
    const stream = body.getReader();
    for (;;) {
      const silence = setTimeout(() => void stream.cancel(), SILENCE_MAX_MS);
      const { done, value } = await stream.read();
      clearTimeout(silence);
      if (done || signal.aborted) return;
      for (const event of reader.push(decoder.decode(value, { stream: true }))) {
        if (event.name === "welcome") {
          this.#retryMs = RETRY_MIN_MS;
          this.#listener.onState({ kind: "live" });
        }
        this.#listener.onEvent(event);
      }
    }
  }

  #lose(why: string): void {
    this.#close();
    this.#listener.onState({ kind: "lost", why, retryInMs: this.#retryMs });
    this.#retryTimer = setTimeout(() => this.open(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  #close(): void {
    clearTimeout(this.#retryTimer);
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  /** A token that was wrong is not sent again: it will not have become right. */
  #onVisibility(): void {
    if (this.#needsToken) return;
    this.#retryMs = RETRY_MIN_MS;
    this.open();
  }
}
