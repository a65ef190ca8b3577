/**
 * The two byte streams: the same bytes in the same pieces, to a live server on each. The clients
 * must get the same bytes and see the same end.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { CUTS } from "../http1/cut-and-replay.ts";
import { withoutRequestIds } from "../server/respond-vectors.ts";
import { Dice, hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { acceptVectors as proxyVectors } from "../net/proxy-header-vectors.ts";
import { LARGE_TARGET, LiveServer, PIPELINED_LIMIT_BYTES } from "./live-server.ts";
import { generateConnection, vectorBytes } from "./receiver-target.ts";

/**
 * Turns of the event loop that bytes or an end may take to arrive. If they do not, the server has
 * stopped reading.
 */
const ARRIVAL_TURNS_MAX = 4;
/** Turns without any news after which there will be none. */
const QUIET_TURNS = 3;
/** Turns that may bring news one after another; the largest answer takes a few hundred. */
const SETTLE_TURNS_MAX = 20_000;
const IDLE_SWEEPS = 3;
const NEVER = "never";
/** Until both ends are closed. */
const END_MAX_MS = 10_000;
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const LARGE_CHANCE = 0.002;
const PROXY_HEADER_CHANCE = 0.15;
/** Each has tens of thousands of ports, of which closed connections hold some for a minute. */
const SOURCE_ADDRESSES = 200;

/** How a client behaves: everything but the bytes. */
interface Manner {
  readonly way: string;
  readonly seed: number;
  /** Sends all it has, and its end, before any answer. */
  readonly hasty: boolean;
  /** Begins to read when it has sent everything. */
  readonly readsLate: boolean;
  readonly overUnixSocket: boolean;
  /** Whether the server takes PROXY headers. */
  readonly behindProxy: boolean;
}

interface Seen {
  readonly received: string;
  readonly end: string;
  /** Whether the server wanted it to end in a reset. */
  readonly wasReset: boolean;
}

class Client {
  readonly #server: LiveServer;
  readonly #socket: Socket;
  readonly #pieces: Buffer[] = [];
  #end: string | null = null;
  #sentBytes = 0;

  private constructor(server: LiveServer, socket: Socket) {
    this.#server = server;
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#pieces.push(bytes));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => (this.#end = code ?? "error"));
    socket.on("end", () => (this.#end ??= "in order"));
  }

  static async connect(server: LiveServer, manner: Manner, source: number): Promise<Client> {
    const { port, socketPath } = server;
    const localAddress = `127.0.1.${1 + (source % SOURCE_ADDRESSES)}`;
    const socket = manner.overUnixSocket
      ? connect({ path: socketPath, allowHalfOpen: true })
      : connect({ host: "127.0.0.1", port, localAddress, allowHalfOpen: true, noDelay: true });
    const client = new Client(server, socket);
    if (manner.readsLate) socket.pause();
    await once(socket, "connect");
    for (let waited = 0; server.connectionCount === 0 && waited < 50; waited++) await turn();
    return client;
  }

  /** Sends a piece, and waits until the server has read it, or does not read. */
  async send(piece: Buffer): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#sentBytes += piece.length;
    this.#socket.write(piece);
    for (let turns = 0; turns < ARRIVAL_TURNS_MAX && !this.#allArrived; turns++) await turn();
  }

  end(): void {
    this.#socket.end();
  }

  startReading(): void {
    this.#socket.resume();
  }

  /** Does nothing for a while. What waits for it goes to a file then, if it is much. */
  idle(): void {
    for (let time = 0; time < IDLE_SWEEPS; time++) this.#server.sweep();
  }

  get #allArrived(): boolean {
    const { receivedBytes, stream } = this.#server.tap;
    return stream === null || stream.closed || receivedBytes >= this.#sentBytes;
  }

  /** Lets the applications answer until nothing more happens. */
  async settle(): Promise<void> {
    const { handler, tap } = this.#server;
    let quiet = 0;
    let news = "";
    for (let turns = 0; quiet < QUIET_TURNS; turns++) {
      assert.ok(turns < SETTLE_TURNS_MAX, "there is news without end");
      handler.turn();
      await turn();
      const now = `${tap.receivedBytes} ${this.#pieces.length} ${tap.stream?.unsentBytes}`;
      quiet = handler.silent && now === news ? quiet + 1 : 0;
      news = now;
    }
  }

  async finish(): Promise<Seen> {
    const { handler } = this.#server;
    const endsAtMs = performance.now() + END_MAX_MS;
    while (!this.#socket.closed || this.#server.connectionCount > 0) {
      handler.turn();
      // An answer may have the server read on: whatever the stream is, it sees the client's end, or
      // more bytes, before the next answer.
      await arrival();
      if (performance.now() < endsAtMs) continue;
      this.#socket.destroy();
      await turn();
      this.#end = NEVER;
      break;
    }
    return {
      received: withoutRequestIds(Buffer.concat(this.#pieces).toString("latin1")),
      end: this.#end ?? "in order",
      wasReset: this.#server.tap.wasReset,
    };
  }
}

async function arrival(): Promise<void> {
  for (let turns = 0; turns < ARRIVAL_TURNS_MAX; turns++) await turn();
}

async function talk(
  server: LiveServer,
  pieces: readonly Buffer[],
  manner: Manner,
  source: number,
): Promise<Seen> {
  server.tap.detach();
  const client = await Client.connect(server, manner, source);
  for (const piece of pieces) {
    await client.send(piece);
    if (!manner.hasty) await client.settle();
  }
  if (manner.hasty) {
    client.end();
    await arrival();
  }
  if (manner.readsLate) client.idle();
  client.startReading();
  if (!manner.hasty) {
    await client.settle();
    client.end();
  }
  return client.finish();
}

/** Whether it begins like a PROXY header of either version. */
function isProxyHeader(input: Buffer): boolean {
  const beginning = input.toString("latin1", 0, 5);
  return beginning === "PROXY" || beginning === "\r\n\r\n\0";
}

function mannerFor(input: Buffer): Manner {
  const dice = new Dice(hashOf(input) + 1);
  return {
    way: dice.pick(["whole", "by line", "one byte, then the rest", "at random"]),
    seed: dice.below(1_000),
    hasty: dice.chance(0.3),
    readsLate: dice.chance(0.1),
    overUnixSocket: dice.chance(0.3),
    behindProxy: isProxyHeader(input) || dice.chance(0.1),
  };
}

/**
 * Without what depends on when the server sees the client's end, or the beginning of a content:
 * where it has stopped reading meanwhile, that is after as many bytes as the stream brings at a
 * time, and there the streams may differ.
 */
function timeless(seen: Seen): Seen {
  const received = seen.received.replaceAll("Connection: close\r\n", "").replaceAll(CONTINUE, "");
  return { ...seen, received };
}

/**
 * What a reset takes away depends on when it comes. A Unix socket knows no reset: its peer sees one
 * only where bytes were left unread, which depends on how many a stream reads at a time.
 */
function assertSame(epoll: Seen, node: Seen, manner: Manner): void {
  assert.equal(epoll.wasReset, node.wasReset, "one is reset");
  // Whoever sends something else than a header is cut off, perhaps with bytes unread.
  const isCutOff = manner.behindProxy && epoll.received === "" && node.received === "";
  const isUncertain = isCutOff || (epoll.wasReset && manner.overUnixSocket);
  const ends = [epoll.end, node.end];
  if (isUncertain) assert.ok(!ends.includes(NEVER), "no end");
  else assert.equal(epoll.end, node.end, "another end");
  if (!epoll.wasReset) {
    assert.equal(epoll.received, node.received, "other bytes");
  } else {
    const [shorter, longer] = [epoll.received, node.received].toSorted(
      (a, b) => a.length - b.length,
    );
    assert.ok(longer?.startsWith(shorter ?? ""), "other bytes before a reset");
  }
}

interface Pair {
  readonly epoll: LiveServer;
  readonly node: LiveServer;
}

async function openPair(behindProxy: boolean): Promise<Pair> {
  const epoll = await LiveServer.start("epoll", behindProxy);
  return { epoll, node: await LiveServer.start("node", behindProxy) };
}

const PROXY_HEADERS = proxyVectors().map(({ bytes }) => bytes);

export class TransportTarget implements FuzzTarget {
  readonly name = "transport";
  readonly #direct: Pair;
  readonly #proxied: Pair;
  #connections = 0;

  private constructor(direct: Pair, proxied: Pair) {
    this.#direct = direct;
    this.#proxied = proxied;
  }

  static async open(): Promise<TransportTarget> {
    return new TransportTarget(await openPair(false), await openPair(true));
  }

  async close(): Promise<void> {
    for (const { epoll, node } of [this.#direct, this.#proxied]) {
      await epoll.close();
      await node.close();
    }
  }

  seeds(): Buffer[] {
    return vectorBytes();
  }

  generate(dice: Dice): Buffer {
    const input = generateConnection(dice);
    if (dice.chance(PROXY_HEADER_CHANCE)) return Buffer.concat([dice.pick(PROXY_HEADERS), input]);
    if (!dice.chance(LARGE_CHANCE)) return input;
    return Buffer.concat([Buffer.from(`GET ${LARGE_TARGET} HTTP/1.1\r\nHost: a\r\n\r\n`), input]);
  }

  async check(input: Buffer): Promise<string> {
    const manner = mannerFor(input);
    const pieces = CUTS[manner.way]?.(input, manner.seed) ?? [input];
    const source = this.#connections++;
    const servers = manner.behindProxy ? this.#proxied : this.#direct;
    const [epoll, node] = await Promise.all([
      talk(servers.epoll, pieces, manner, source),
      talk(servers.node, pieces, manner, source),
    ]);
    const { hasty, overUnixSocket, behindProxy } = manner;
    const isTimed = input.includes(LARGE_TARGET) || (hasty && input.length > PIPELINED_LIMIT_BYTES);
    assertSame(isTimed ? timeless(epoll) : epoll, isTimed ? timeless(node) : node, manner);
    const statuses = node.received.match(/HTTP\/1\.1 [0-9]{3}/g) ?? [];
    return [...statuses, node.end, hasty, overUnixSocket, behindProxy].join();
  }
}
