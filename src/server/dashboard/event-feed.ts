/**
 * The stream of events for whoever looks at the live page (WHATWG HTML, server-sent events): first
 * what may be done, then the seconds of the last ten minutes, then a snapshot each second.
 *
 * Owns who looks, and the one timer, which runs only while somebody does. Knows no HTTP: a viewer
 * is something that takes text.
 */
import type { Observed, Snapshot } from "../observation/snapshot.ts";

/** The part of a response that a viewer is. */
export interface Viewer {
  write(text: string): unknown;
  end(): unknown;
  destroy(): unknown;
  /** Bytes that wait to be taken. */
  readonly writableLength: number;
}

/** The first event. */
export interface Welcome {
  /** Whether reload and scale are there. */
  readonly actions: boolean;
  readonly intervalMs: number;
}

interface Watch {
  /** Begin of the last second that was sent. */
  sentUntilMs: number;
  missed: number;
}

/** Viewers at once; each costs a copy of the text each second. */
export const VIEWERS_MAX = 8;
/** Of all connections so many are listed, of the busiest. */
const CONNECTIONS_SHOWN_MAX = 100;
const INTERVAL_MS = 1_000;
/** A viewer with so much still to take is passed over. */
const UNSENT_MAX_BYTES = 1_048_576;
/** One that has been passed over so often is gone, and its network has not said so. */
const MISSED_MAX = 30;

export class EventFeed {
  readonly #observed: Observed;
  readonly #welcome: Welcome;
  readonly #onBroken: (error: unknown) => void;
  readonly #watches = new Map<Viewer, Watch>();
  #timer: NodeJS.Timeout | null = null;
  /** Whether several gateways are being asked, for everybody who looks. */
  #isLooking = false;

  /**
   * @param onBroken takes what is thrown while a snapshot is made, of a mistake of ours: whoever
   *   looks on is sent away then, and the gateway goes on
   */
  constructor(observed: Observed, allowsActions: boolean, onBroken: (error: unknown) => void) {
    this.#observed = observed;
    this.#onBroken = onBroken;
    this.#welcome = { actions: allowsActions, intervalMs: INTERVAL_MS };
  }

  get isFull(): boolean {
    return this.#watches.size >= VIEWERS_MAX;
  }

  get isWatched(): boolean {
    return this.#watches.size > 0;
  }

  /** The first snapshot is sent at once. */
  add(viewer: Viewer): void {
    const watch: Watch = { sentUntilMs: -Infinity, missed: 0 };
    this.#watches.set(viewer, watch);
    viewer.write(frame("welcome", this.#welcome));
    const shown = this.#show(new Map([[viewer, watch]]));
    shown?.catch((error: unknown) => this.#giveUp(error));
    this.#timer ??= setInterval(() => this.#showAll(), INTERVAL_MS).unref();
  }

  remove(viewer: Viewer): void {
    this.#watches.delete(viewer);
    if (this.#watches.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  close(): void {
    for (const viewer of this.#watches.keys()) {
      viewer.end();
      this.remove(viewer);
    }
  }

  #showAll(): void {
    if (this.#isLooking) return;
    try {
      const shown = this.#show(this.#watches);
      if (shown === null) return;
      this.#isLooking = true;
      void shown
        .catch((error: unknown) => this.#giveUp(error))
        .finally(() => (this.#isLooking = false));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    this.#onBroken(error);
    this.close();
  }

  /** @returns null where that is done; several gateways have to be asked first */
  #show(watches: ReadonlyMap<Viewer, Watch>): Promise<void> | null {
    const taken = this.#observed.snapshot(CONNECTIONS_SHOWN_MAX);
    if (taken instanceof Promise) {
      return taken.then((snapshot) => this.#sendTo(watches, snapshot));
    }
    this.#sendTo(watches, taken);
    return null;
  }

  /** Everybody gets the same text, made once. */
  #sendTo(watches: ReadonlyMap<Viewer, Watch>, snapshot: Snapshot): void {
    const lastMs = snapshot.latest?.atMs ?? -Infinity;
    const text = frame("snapshot", snapshot);
    for (const [viewer, watch] of watches) {
      // Who has left while gateways were asked takes nothing more.
      if (!this.#watches.has(viewer)) continue;
      if (viewer.writableLength > UNSENT_MAX_BYTES) {
        if (++watch.missed > MISSED_MAX) viewer.destroy();
        continue;
      }
      watch.missed = 0;
      // The snapshot has the last second. Others are missing at the beginning, and where the timer
      // was late or the viewer slow.
      if (lastMs > watch.sentUntilMs + INTERVAL_MS) {
        const points = this.#observed.history().filter(({ atMs }) => atMs > watch.sentUntilMs);
        viewer.write(frame("points", points));
      }
      watch.sentUntilMs = Math.max(lastMs, watch.sentUntilMs);
      viewer.write(text);
    }
  }
}

/** JSON has no line end outside of its strings, and none unescaped inside. */
function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
