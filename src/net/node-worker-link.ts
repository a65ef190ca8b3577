/**
 * Links to workers by a path: a Unix socket in a folder that only this user can enter. A worker
 * connects and sends its token first; the token says which link it belongs to.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { invariant } from "../base/errors.ts";
import type { ByteStream } from "./byte-stream.ts";
import { NodeStream } from "./node-stream.ts";
import type { WorkerLink } from "./transport.ts";

/** A token in ASCII: 256 random bits as hexadecimal digits. */
const TOKEN_BYTES = 64;
/** How long a connection may take to send its token. */
const TOKEN_WAIT_MS = 10_000;
/** Connections that have not sent their token yet. */
const UNKNOWN_CONNECTIONS_MAX = 64;

/** The listening socket for all links of a transport. Made at the first link. */
export class WorkerLinkServer {
  readonly #streams: Set<NodeStream>;
  readonly #links = new Map<string, NodeWorkerLink>();
  readonly #unknown = new Set<Socket>();
  readonly #server: Server;
  readonly folder: string;
  readonly path: string;
  #closed = false;

  private constructor(
    streams: Set<NodeStream>,
    server: Server,
    folder: string,
    socketPath: string,
  ) {
    this.#streams = streams;
    this.#server = server;
    this.folder = folder;
    this.path = socketPath;
    server.on("connection", (socket) => this.#greet(socket));
  }

  /** @throws {Error} the folder for temporary files cannot be written to */
  static async open(streams: Set<NodeStream>): Promise<WorkerLinkServer> {
    // mkdtemp makes the folder with mode 0700.
    const folder = await mkdtemp(path.join(os.tmpdir(), "portico-"));
    try {
      const socketPath = path.join(folder, "workers.sock");
      const server = createServer({ allowHalfOpen: true });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(socketPath, resolve);
      });
      // What keeps the process alive are the workers' streams, not the possibility of more.
      server.unref();
      return new WorkerLinkServer(streams, server, folder, socketPath);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  createLink(): NodeWorkerLink {
    const token = randomBytes(TOKEN_BYTES / 2).toString("hex");
    const link = new NodeWorkerLink(this.path, token, () => this.#links.delete(token));
    this.#links.set(token, link);
    return link;
  }

  /** Closes the socket and removes its folder. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#unknown) socket.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Reads the token off a new connection; what follows it belongs to the stream. */
  #greet(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#unknown.size >= UNKNOWN_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#unknown.add(socket);
    const timer = setTimeout(() => socket.destroy(), TOKEN_WAIT_MS).unref();
    const settle = (): void => {
      clearTimeout(timer);
      this.#unknown.delete(socket);
    };
    const onEnd = (): void => void socket.destroy();
    let received = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      if (received.length < TOKEN_BYTES) return;
      socket.pause();
      socket.off("data", onData).off("end", onEnd).off("close", settle);
      settle();
      const link = this.#linkOf(received.subarray(0, TOKEN_BYTES));
      if (link === null) {
        socket.destroy();
        return;
      }
      const stream = new NodeStream(socket, this.#streams);
      if (received.length > TOKEN_BYTES) socket.unshift(received.subarray(TOKEN_BYTES));
      link.connected(stream);
    };
    socket.on("data", onData).on("end", onEnd).on("close", settle);
  }

  #linkOf(token: Buffer): NodeWorkerLink | null {
    for (const [known, link] of this.#links) {
      if (timingSafeEqual(token, Buffer.from(known))) return link;
    }
    return null;
  }
}

export class NodeWorkerLink implements WorkerLink {
  readonly offer: { readonly kind: "path"; readonly path: string; readonly token: string };
  readonly #forget: () => void;
  #stream: ByteStream | null = null;
  #callback: ((stream: ByteStream) => void) | null = null;

  /** @param forget called when the token is used up */
  constructor(socketPath: string, token: string, forget: () => void) {
    this.offer = { kind: "path", path: socketPath, token };
    this.#forget = forget;
  }

  /**
   * The worker has connected. @param stream paused, so that nothing is lost until somebody reads
   */
  connected(stream: ByteStream): void {
    this.#forget();
    this.#stream = stream;
    if (this.#callback !== null) this.onStream(this.#callback);
  }

  sendOffer(control: ByteStream, message: Uint8Array): void {
    control.write(message, 0, message.length);
  }

  onStream(callback: (stream: ByteStream) => void): void {
    this.#callback = callback;
    const stream = this.#stream;
    if (stream === null) return;
    this.#stream = null;
    callback(stream);
    stream.resumeReading();
  }

  passFile(file: { readonly path: string | null }): string {
    invariant(file.path !== null, "body files have a name here");
    return file.path;
  }

  passSocket(): void {
    // Nobody asks here.
  }

  passContentSocket(): void {
    // Nobody lends here.
  }

  /** Makes the token worthless; a stream that was handed over is its owner's. */
  close(): void {
    this.#forget();
    this.#stream?.close();
    this.#stream = null;
  }
}
