/**
 * The live page's events as a program hears them: the snapshots one by one, and the seconds put
 * together as the page does it.
 */
import assert from "node:assert/strict";
import { EventStreamReader } from "../../src/server/dashboard/page/event-stream.ts";
import { PointHistory } from "../../src/server/dashboard/page/point-history.ts";
import type { Snapshot, TrafficPoint } from "../../src/server/observation/snapshot.ts";

/** For a machine that is busy. */
const SHOWN_WITHIN_MS = 30_000;

export class LiveEvents implements AsyncDisposable {
  readonly #history = new PointHistory();
  readonly #snapshots: AsyncGenerator<Snapshot, void, undefined>;
  readonly #over: AbortController;

  constructor(response: Response, over: AbortController) {
    this.#over = over;
    this.#snapshots = this.#read(response);
  }

  static async open(
    url: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<LiveEvents> {
    const over = new AbortController();
    const response = await fetch(url, { headers, signal: over.signal });
    assert.equal(response.status, 200);
    return new LiveEvents(response, over);
  }

  /** In all seconds that were told so far. */
  get requests(): number {
    return this.#history.points.reduce((sum, { requests }) => sum + requests, 0);
  }

  /** The first snapshot from now on of which it is so. */
  async until(what: string, holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
    const deadline = performance.now() + SHOWN_WITHIN_MS;
    for (;;) {
      const { value } = await this.#snapshots.next();
      assert.ok(value !== undefined, `the stream is at its end, and not shown: ${what}`);
      if (holds(value)) return value;
      const shown = JSON.stringify(value, null, 1);
      assert.ok(performance.now() < deadline, `not shown: ${what}\n${shown}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#snapshots.return();
    this.#over.abort();
  }

  async *#read({ body }: Response): AsyncGenerator<Snapshot, void, undefined> {
    const reader = new EventStreamReader();
    const decoder = new TextDecoder();
    assert.ok(body !== null);
    for await (const bytes of body) {
      for (const { name, data } of reader.push(decoder.decode(bytes, { stream: true }))) {
        if (name === "points") this.#history.add(JSON.parse(data) as TrafficPoint[]);
        if (name !== "snapshot") continue;
        const snapshot = JSON.parse(data) as Snapshot;
        if (snapshot.latest !== null) this.#history.add([snapshot.latest]);
        yield snapshot;
      }
    }
  }
}
