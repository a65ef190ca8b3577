/**
 * Clients that hold a server up by being slow: the four attacks of slowhttptest, each over many
 * connections at once, and what became of every connection.
 *
 * Owns its sockets and their pace. Must not know what the server does about them.
 */
import net from "node:net";

/**
 * `headers` never ends a head, `body` never a content, `read` takes a large answer in sips, and
 * `ranges` asks for a thousand overlapping ranges.
 */
export const SLOW_MODES = ["headers", "body", "read", "ranges"] as const;
export type SlowMode = (typeof SLOW_MODES)[number];

export interface SlowAttack {
  readonly port: number;
  readonly target: string;
  readonly connections: number;
  /** Between two bytes of a head or a content, or two sips of an answer. */
  readonly intervalMs: number;
}

/** What became of one connection. */
export interface SlowOutcome {
  /** Of the answer; null where there was none. */
  readonly status: number | null;
  /** Between its begin and its end by the server. */
  readonly heldMs: number;
}

/** A declared length that no pace of ours ever reaches. */
const CONTENT_LENGTH = 1_000_000;
const SIP_BYTES = 16;
const RANGES = 1_300;
/** Connections opened at a time, so that the attack itself is not what fails. */
const OPENED_AT_ONCE = 50;
const OPENING_PAUSE_MS = 10;
const ANSWER_KEPT_BYTES = 4_096;

/** The bytes that are sent at once, and the byte that is sent again and again; null for none. */
function script(mode: SlowMode, target: string): [opening: string, drip: string | null] {
  switch (mode) {
    case "headers":
      return [`GET ${target} HTTP/1.1\r\nHost: slow\r\nX-Slow: `, "x"];
    case "body":
      return [
        `POST ${target} HTTP/1.1\r\nHost: slow\r\nContent-Length: ${CONTENT_LENGTH}\r\n\r\n`,
        "x",
      ];
    case "read":
      return [`GET ${target} HTTP/1.1\r\nHost: slow\r\n\r\n`, null];
    case "ranges": {
      const ranges = Array.from({ length: RANGES }, (_, index) => `5-${index}`).join(",");
      return [`HEAD ${target} HTTP/1.1\r\nHost: slow\r\nRange: bytes=0-,${ranges}\r\n\r\n`, null];
    }
    default:
      return mode satisfies never;
  }
}

export class SlowClient {
  /** Each connection's, in no order, once the server has ended it. */
  readonly outcomes: SlowOutcome[] = [];
  readonly #mode: SlowMode;
  readonly #attack: SlowAttack;
  readonly #sockets = new Set<net.Socket>();
  #opened = 0;
  #opening: NodeJS.Timeout | null = null;

  constructor(mode: SlowMode, attack: SlowAttack) {
    this.#mode = mode;
    this.#attack = attack;
    this.#openMore();
  }

  /** Whether the server has ended every connection. */
  get over(): boolean {
    return this.outcomes.length === this.#attack.connections;
  }

  /** Gives up what is still open. */
  stop(): void {
    if (this.#opening !== null) clearTimeout(this.#opening);
    for (const socket of this.#sockets) socket.destroy();
  }

  #openMore(): void {
    const { connections } = this.#attack;
    const until = Math.min(connections, this.#opened + OPENED_AT_ONCE);
    for (; this.#opened < until; this.#opened++) this.#open();
    if (this.#opened === connections) return;
    this.#opening = setTimeout(() => this.#openMore(), OPENING_PAUSE_MS);
  }

  #open(): void {
    const { port, target, intervalMs } = this.#attack;
    const beganAtMs = performance.now();
    const sips = this.#mode === "read";
    const [opening, drip] = script(this.#mode, target);
    const sip = Buffer.alloc(SIP_BYTES);
    let answer = "";
    const socket: net.Socket = net.connect({
      port,
      host: "127.0.0.1",
      onread: {
        buffer: sips ? sip : Buffer.alloc(ANSWER_KEPT_BYTES),
        callback: (count, bytes) => {
          answer = (answer + Buffer.from(bytes.buffer, 0, count).toString("latin1")).slice(
            0,
            ANSWER_KEPT_BYTES,
          );
          return !sips;
        },
      },
    });
    this.#sockets.add(socket);
    socket.write(opening);
    const pace = setInterval(() => {
      if (sips) socket.resume();
      else if (drip !== null && socket.writable) socket.write(drip);
    }, intervalMs);
    // Whether it was reset or ended makes no difference to the one who wanted to hold it.
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.once("close", () => {
      clearInterval(pace);
      if (!this.#sockets.delete(socket)) return;
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
      this.outcomes.push({
        status: status === undefined ? null : Number(status),
        heldMs: performance.now() - beganAtMs,
      });
    });
  }
}
