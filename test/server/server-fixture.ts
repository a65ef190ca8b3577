/** A server with played clients, a played handler and a clock that the test moves. */
import assert from "node:assert/strict";
import { mock } from "node:test";

import { ErrorPages } from "../../src/http/error-page.ts";
import type { BindAddress } from "../../src/net/bind-address.ts";
import { HttpServer, type HttpServerSettings } from "../../src/server/http-server.ts";
import { LOOK_INTERVAL_MS, LOOKS_MAX } from "../../src/server/waiting-connection.ts";
import type { MemoryStream } from "../net/memory-stream.ts";
import { type MemoryListener, MemoryTransport } from "../net/memory-transport.ts";
import { RecordingLog, SCREENING, SETTINGS } from "./connection-fixture.ts";
import { PlayedHandler } from "./played-handler.ts";

const EPOCH_MS = 784_111_777_000;
export const FIRST: BindAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
export const SECOND: BindAddress = { kind: "unix", path: "/run/a.sock" };

export class ServerFixture {
  readonly transport = new MemoryTransport();
  readonly handler = new PlayedHandler();
  readonly log = new RecordingLog();
  nowMs = 0;
  readonly server: HttpServer;

  constructor(settings: Partial<HttpServerSettings> = {}) {
    this.server = new HttpServer(
      this.transport,
      this.handler,
      {
        ...SETTINGS,
        ...SCREENING,
        errorPages: new ErrorPages("text", null),
        connectionsMax: null,
        heldMemoryMaxBytes: 1e9,
        connectionsPerAddressMax: null,
        countsTrustedPeers: false,
        proxyProtocol: null,
        serverField: "portico",
        exchangeLogging: null,
        ...settings,
      },
      this.log,
      { nowMs: () => this.nowMs, epochMs: () => EPOCH_MS + this.nowMs },
    );
  }

  async listen(): Promise<MemoryListener> {
    await this.server.listen([FIRST], 128);
    this.server.start();
    const [listener] = this.transport.listeners;
    assert.ok(listener !== undefined);
    return listener;
  }

  sweepAt(nowMs: number): void {
    this.nowMs = nowMs;
    this.server.sweep();
  }
}

/**
 * Those that wait for a place look once, or until they know; then they hear what was sent
 * meanwhile. Timers are mocked.
 */
export function look(streams: readonly MemoryStream[], looks = LOOKS_MAX): void {
  for (let count = 0; count < looks; count++) mock.timers.tick(LOOK_INTERVAL_MS);
  for (const stream of streams) stream.turn();
}

/** Whether the promise is settled by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise<void>((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}
