/** What becomes of connections that nobody uses, and of those that are used again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServedConnection } from "../../src/server/connection-context.ts";
import { HttpConnection } from "../../src/server/connection.ts";
import { IdleConnection } from "../../src/server/idle-connection.ts";
import type { MemoryStream } from "../net/memory-stream.ts";
import { get, SETTINGS } from "./connection-fixture.ts";
import { ServerFixture } from "./server-fixture.ts";

/** An idle connection gives its memory back after a second, at the next sweep. */
const RESTS_AT_MS = 1_500;

async function connected(fixture: ServerFixture): Promise<MemoryStream> {
  return (await fixture.listen()).connect();
}

function onlyConnection({ server }: ServerFixture): ServedConnection {
  const [connection, ...more] = server.connections;
  assert.ok(connection !== undefined && more.length === 0);
  return connection;
}

function exchange(fixture: ServerFixture, client: MemoryStream, path: string): void {
  client.deliver(get(path));
  fixture.handler.answerAt(fixture.handler.answers.length - 1).answer(path);
  client.turn();
}

test("it is idle until something comes, and again some time after the answer", async () => {
  const fixture = new ServerFixture();
  const client = await connected(fixture);
  assert.ok(onlyConnection(fixture) instanceof IdleConnection);
  exchange(fixture, client, "/one");
  assert.ok(onlyConnection(fixture) instanceof HttpConnection);
  fixture.sweepAt(RESTS_AT_MS);
  const idle = onlyConnection(fixture);
  assert.ok(idle instanceof IdleConnection);
  assert.equal(idle.phase, "idle");
  assert.equal(idle.isIdle(), true);
  exchange(fixture, client, "/two");
  assert.ok(onlyConnection(fixture) instanceof HttpConnection);
  assert.match(client.received.toString(), /\/one[\s\S]*\/two$/);
});

test("it is one connection to whoever looks on, and where they are counted", async () => {
  const fixture = new ServerFixture({ connectionsPerAddressMax: 1 });
  const client = await connected(fixture);
  exchange(fixture, client, "/one");
  fixture.sweepAt(RESTS_AT_MS);
  exchange(fixture, client, "/two");
  const { activity } = onlyConnection(fixture);
  assert.equal(activity.requests, 2);
  assert.equal(activity.bornAtMs, 250);
  fixture.sweepAt(2 * RESTS_AT_MS);
  client.break();
  assert.equal(fixture.server.connectionCount, 0);
  const [listener] = fixture.transport.listeners;
  exchange(fixture, listener?.connect() as MemoryStream, "/three");
});

test("its time to begin a request goes on where it was", async () => {
  const fixture = new ServerFixture();
  const client = await connected(fixture);
  exchange(fixture, client, "/");
  fixture.sweepAt(RESTS_AT_MS);
  fixture.sweepAt((SETTINGS.keepAliveTimeoutMs ?? 0) - 1);
  assert.equal(client.closed, false);
  fixture.sweepAt((SETTINGS.keepAliveTimeoutMs ?? 0) + 500);
  assert.equal(client.closed, true);
});

test("who never begins one is closed without an answer", async () => {
  const fixture = new ServerFixture();
  const client = await connected(fixture);
  fixture.sweepAt(SETTINGS.headerTimeoutMs - 1);
  assert.equal(client.closed, false);
  fixture.sweepAt(SETTINGS.headerTimeoutMs + 500);
  assert.equal(client.closed, true);
  assert.equal(client.received.length, 0);
});

test("half a head, or half an answer, is no rest", async () => {
  const fixture = new ServerFixture();
  const client = await connected(fixture);
  client.deliver(get("/").slice(0, 9));
  fixture.sweepAt(RESTS_AT_MS);
  assert.ok(onlyConnection(fixture) instanceof HttpConnection);
  client.deliver(get("/").slice(9));
  fixture.sweepAt(2 * RESTS_AT_MS);
  assert.ok(onlyConnection(fixture) instanceof HttpConnection);
  client.takeAtMost(0);
  fixture.handler.answerAt(0).answer("taken late");
  client.turn();
  fixture.sweepAt(4 * RESTS_AT_MS);
  assert.ok(onlyConnection(fixture) instanceof HttpConnection);
  client.takeAtMost(Infinity);
  client.drain();
  fixture.sweepAt(6 * RESTS_AT_MS);
  assert.ok(onlyConnection(fixture) instanceof IdleConnection);
});

test("a client that ends its half while it is idle is closed", async () => {
  const fixture = new ServerFixture();
  const client = await connected(fixture);
  exchange(fixture, client, "/");
  fixture.sweepAt(RESTS_AT_MS);
  client.deliverEnd();
  assert.equal(client.closed, true);
  assert.equal(fixture.server.connectionCount, 0);
});
