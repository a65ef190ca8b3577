/**
 * A server, its network and the time, without any of them: a load runs against it in the order of
 * made-up milliseconds, and always in the same way.
 */
import { SystemCallError } from "../../src/base/errors.ts";
import type { Alarm, Attempt, Connector, ConnectWaiter } from "../../src/net/connector.ts";
import { MemoryStream } from "../net/memory-stream.ts";

/** What becomes of a request. */
export interface Fate {
  /** From the request to what follows. */
  readonly afterMs: number;
  /** What the server sends; "" for nothing. */
  readonly bytes: string;
  /** How it goes on with the connection: "silence" answers nothing more. */
  readonly followedBy: "keep" | "end" | "reset" | "silence";
}

export interface ServerProgram {
  /** null connects; a code is why it does not. */
  connect(nowMs: number): { readonly afterMs: number; readonly code: string | null };
  /** @param number of the request, from 0 */
  answer(number: number, nowMs: number): Fate;
}

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Each answer takes so long, on as many connections at once as there are. */
export function steadyServer(afterMs: number): ServerProgram {
  return {
    connect: () => ({ afterMs: 0, code: null }),
    answer: () => ({ afterMs, bytes: OK, followedBy: "keep" }),
  };
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

const EVENTS_MAX = 200_000;

export class SimulatedServer implements Connector {
  readonly name = "node";
  nowMs = 1_000;
  requests = 0;
  connections = 0;
  /** Connections that the client has not closed. */
  readonly streams = new Set<MemoryStream>();
  readonly #program: ServerProgram;
  #events: Event[] = [];
  #order = 0;

  constructor(program: ServerProgram) {
    this.#program = program;
  }

  connect(_address: unknown, waiter: ConnectWaiter): Attempt {
    const { afterMs, code } = this.#program.connect(this.nowMs);
    let isCancelled = false;
    this.after(afterMs, () => {
      if (isCancelled) return;
      if (code !== null) waiter.onUnconnected(new SystemCallError(code, 0, "connect", "testing"));
      else waiter.onConnected(this.#stream());
    });
    return { cancel: () => void (isCancelled = true) };
  }

  alarm(onRing: () => void): Alarm {
    let version = 0;
    const set = (afterMs: number): void => {
      const mine = ++version;
      this.after(afterMs, () => {
        if (mine === version) onRing();
      });
    };
    const clear = (): void => void version++;
    return { set, clear, close: clear };
  }

  close(): void {}

  after(afterMs: number, happen: () => void): void {
    this.#events.push({ atMs: this.nowMs + Math.max(0, afterMs), order: this.#order++, happen });
  }

  /** Lets time pass until nothing is left to happen, or `untilMs` is reached. */
  run(untilMs = Infinity): void {
    for (let count = 0; ; count++) {
      if (count > EVENTS_MAX) throw new Error("it does not come to an end");
      this.#events.sort((one, other) => one.atMs - other.atMs || one.order - other.order);
      const [next] = this.#events;
      if (next === undefined || next.atMs > untilMs) return;
      this.#events.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.happen();
    }
  }

  #stream(): MemoryStream {
    this.connections++;
    const stream = new WatchedStream(() => this.#take(stream));
    this.streams.add(stream);
    return stream;
  }

  #take(stream: MemoryStream): void {
    const { afterMs, bytes, followedBy } = this.#program.answer(this.requests++, this.nowMs);
    this.after(afterMs, () => {
      if (bytes !== "") stream.deliver(bytes);
      if (followedBy === "end") stream.deliverEnd();
      if (followedBy === "reset")
        stream.break(new SystemCallError("ECONNRESET", 104, "recv", "testing"));
    });
  }
}

/** Calls back for each write, which is a request. */
class WatchedStream extends MemoryStream {
  readonly #onWrite: () => void;

  constructor(onWrite: () => void) {
    super();
    this.#onWrite = onWrite;
  }

  override write(bytes: Uint8Array, start: number, end: number): void {
    super.write(bytes, start, end);
    if (!this.closed) this.#onWrite();
  }
}
