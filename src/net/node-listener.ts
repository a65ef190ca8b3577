/**
 * A listening socket of `node:net`. Node accepts by itself; this makes streams of what it brings.
 */
import { closeSync } from "node:fs";
import type { Server, Socket } from "node:net";
import type { Log } from "../base/log.ts";
import { connectionsLeft } from "../os/descriptors.ts";
import { formatAddress, type SocketAddress, unmapIPv4 } from "../os/socket-address.ts";
import type { ByteStream } from "./byte-stream.ts";
import { NodeStream } from "./node-stream.ts";
import type { Listener } from "./transport.ts";
import { type FileIdentity, removeIfSame } from "./unix-socket-file.ts";

/** A server at its limit says so this often, not with each connection. */
const EXHAUSTION_LOG_INTERVAL_MS = 60_000;
/** Turns without a connection after which the kernel's queue is taken for empty. */
const QUIET_TURNS = 3;

export class NodeListener implements Listener {
  address: SocketAddress;
  readonly effectiveBacklog: number;
  shared = false;
  readonly #server: Server;
  readonly #streams: Set<NodeStream>;
  readonly #log: Log;
  readonly file: FileIdentity | null;
  /**
   * Node accepts from the moment of `listen`; these wait for `start`, unread, at most as many as
   * the backlog.
   */
  readonly #waiting: Socket[] = [];
  /**
   * A socket taken over, from which Node is not to accept before `start`: whoever accepts from it
   * so far goes on, and serves what it accepts.
   */
  #adopted: number | null = null;
  #onStream: ((stream: ByteStream) => void) | null = null;
  /** Streams of the whole transport beyond which descriptors are kept for what serves them. */
  #streamsMax = Infinity;
  #exhaustionLoggedAtMs = -Infinity;
  #accepted = 0;
  #stopping = false;
  readonly #stopped = Promise.withResolvers<void>();

  /**
   * Takes a server over, and the file that names it, if there is one.
   *
   * @param adopted the descriptor that the server is to listen on; null where it listens already
   */
  constructor(
    server: Server,
    streams: Set<NodeStream>,
    log: Log,
    address: SocketAddress,
    effectiveBacklog: number,
    file: FileIdentity | null,
    adopted: number | null,
  ) {
    this.#server = server;
    this.#adopted = adopted;
    this.#streams = streams;
    this.#log = log;
    this.address = address;
    this.effectiveBacklog = effectiveBacklog;
    this.file = file;
    server.on("connection", this.#take);
    server.on("error", this.#onError);
  }

  get descriptor(): number | null {
    // Not in Node's documentation, but what it hands to libuv when a child inherits a server.
    const { _handle: handle } = this.#server as unknown as { _handle: { fd?: number } | null };
    const descriptor = this.#adopted ?? handle?.fd ?? -1;
    return descriptor < 0 ? null : descriptor;
  }

  start(onStream: (stream: ByteStream) => void): void {
    if (this.#stopping) return;
    this.#onStream = onStream;
    this.#streamsMax = this.#streams.size + connectionsLeft();
    if (this.#adopted !== null) {
      this.#server.listen({ fd: this.#adopted, backlog: this.effectiveBacklog });
      this.#adopted = null;
      this.address = boundAddress(this.#server, this.address);
    }
    for (const socket of this.#waiting.splice(0)) this.#take(socket);
  }

  /**
   * The name is given up at once. What waits in the kernel's queue still reaches `onStream`: Node
   * cannot be made to accept at once, but brings at least one connection in each turn of the event
   * loop as long as there is one.
   */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.file !== null && !this.shared) removeIfSame(this.file);
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    if (this.#onStream === null || this.shared) this.#close();
    else this.#closeWhenQuiet(this.effectiveBacklog + QUIET_TURNS, this.#accepted, 0);
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /**
   * Closes after some turns that brought no connection; clients that keep coming are not served
   * forever.
   */
  #closeWhenQuiet(turnsMax: number, acceptedBefore: number, quietTurns: number): void {
    if (turnsMax === 0 || quietTurns === QUIET_TURNS) {
      this.#close();
      return;
    }
    setImmediate(() => {
      const quiet = this.#accepted === acceptedBefore;
      this.#closeWhenQuiet(turnsMax - 1, this.#accepted, quiet ? quietTurns + 1 : 0);
    });
  }

  #close(): void {
    if (this.#adopted !== null) closeSync(this.#adopted);
    this.#adopted = null;
    this.#server.close();
    this.#stopped.resolve();
  }

  readonly #take = (socket: Socket): void => {
    this.#accepted++;
    const onStream = this.#onStream;
    if (onStream !== null && this.#streams.size >= this.#streamsMax) {
      // As libuv does where there is no descriptor at all.
      socket.destroy();
      this.#onError(new Error("the descriptors that are left are kept for workers and files"));
    } else if (onStream !== null) {
      onStream(new NodeStream(socket, this.#streams));
    } else if (this.#stopping || this.#waiting.length >= this.effectiveBacklog) {
      socket.destroy();
    } else {
      // Its error is told again by whoever reads it.
      socket.on("error", () => {});
      this.#waiting.push(socket);
    }
  };

  /** There are too few descriptors; Node tries again with the next connection. */
  readonly #onError = (error: Error): void => {
    const nowMs = performance.now();
    if (nowMs - this.#exhaustionLoggedAtMs <= EXHAUSTION_LOG_INTERVAL_MS) return;
    this.#exhaustionLoggedAtMs = nowMs;
    this.#log.error("a connection could not be accepted", {
      cause: error.message,
      address: formatAddress(this.address),
    });
  };
}

/** Where the server is bound, as far as Node tells: nothing of Unix sockets. */
export function boundAddress(server: Server, otherwise: SocketAddress): SocketAddress {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return otherwise;
  const family = bound.family === "IPv6" ? "inet6" : "inet";
  return unmapIPv4({ family, host: bound.address, port: bound.port });
}
