/** A transport without a kernel: the test is the clients. Starts no processes. */
import assert from "node:assert/strict";

import type { BindAddress } from "../../src/net/bind-address.ts";
import type { ByteStream } from "../../src/net/byte-stream.ts";
import type { Listener, SpawnedProcess, Transport, WorkerLink } from "../../src/net/transport.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";
import { MemoryStream } from "./memory-stream.ts";

export class MemoryListener implements Listener {
  readonly file = null;
  readonly descriptor = null;
  shared = false;
  readonly address: SocketAddress = { family: "inet", host: "127.0.0.1", port: 8000 };
  readonly effectiveBacklog = 128;
  /** Connections that the kernel holds and nobody has accepted. */
  readonly waiting: MemoryStream[] = [];
  readonly stopped: Promise<void>;
  isStopped = false;
  #onStream: ((stream: ByteStream) => void) | null = null;
  readonly #resolveStopped: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    this.#resolveStopped = resolve;
  }

  start(onStream: (stream: ByteStream) => void): void {
    this.#onStream = onStream;
    this.#acceptWaiting();
  }

  stop(): void {
    if (this.isStopped) return;
    this.#acceptWaiting();
    this.isStopped = true;
    this.#resolveStopped();
  }

  /** @param remoteAddress the client's, where it matters */
  connect(remoteAddress: SocketAddress | null = null): MemoryStream {
    assert.ok(!this.isStopped, "a socket that is closed takes no connections");
    const client = new MemoryStream();
    if (remoteAddress !== null) client.remoteAddress = remoteAddress;
    this.waiting.push(client);
    this.#acceptWaiting();
    return client;
  }

  #acceptWaiting(): void {
    if (this.#onStream === null) return;
    for (const client of this.waiting.splice(0)) this.#onStream(client);
  }
}

export class MemoryTransport implements Transport {
  readonly name = "node";
  readonly namedFileFolder = null;
  readonly listeners: MemoryListener[] = [];
  /** Addresses that are in use. */
  refused: BindAddress | null = null;

  async listen(address: BindAddress): Promise<Listener> {
    if (address === this.refused) throw new Error("EADDRINUSE");
    const listener = new MemoryListener();
    this.listeners.push(listener);
    return listener;
  }

  adopt(): Promise<Listener> {
    throw new Error("there are no descriptors in memory");
  }

  atTurnEnd(task: () => void): void {
    task();
  }

  async prepare(): Promise<void> {}

  spawn(): SpawnedProcess {
    throw new Error("there are no processes in memory");
  }

  createWorkerLink(): Promise<WorkerLink> {
    throw new Error("there are no processes in memory");
  }

  close(): void {}
}
