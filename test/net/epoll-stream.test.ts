import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { afterEach, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import os from "node:os";
import { createLog, NULL_LOG } from "../../src/base/log.ts";
import { epollStreamContext } from "../../src/net/epoll-stream-context.ts";
import { EpollStream } from "../../src/net/epoll-stream.ts";
import { EpollTransport } from "../../src/net/epoll-transport.ts";
import type { SystemLibraries } from "../../src/os/libc.ts";
import { duplicate, MSG_NOSIGNAL, openSocketPair } from "../../src/os/sockets.ts";
import { closeOf, codeOf, RecordingHandler, soon } from "./recording-handler.ts";
import { altered, availableLibraries, runNode } from "./system-under-test.ts";

const { EAGAIN, ECONNABORTED, EINTR, EMFILE } = os.constants.errno;
/** Long enough for thousands of turns, were something spinning. */
const WATCH_MS = 60;

let closeLater: (() => void)[] = [];

afterEach(() => {
  for (const close of closeLater) close();
  closeLater = [];
});

function failOnFatal(error: unknown): void {
  throw error;
}

/** Counts how often the reactor asks for events. */
function counting(): { libraries: SystemLibraries; waits: () => number } {
  let waits = 0;
  const libraries = altered((libc) => ({
    epoll_wait: (...args) => {
      waits++;
      return libc.epoll_wait(...args);
    },
  }));
  return { libraries, waits: () => waits };
}

async function connected(libraries: SystemLibraries): Promise<{
  client: net.Socket;
  server: RecordingHandler;
}> {
  const transport = new EpollTransport(libraries, "hosted", NULL_LOG, failOnFatal);
  closeLater.push(() => transport.close());
  const listener = await transport.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, 8);
  const accepted = new Promise<RecordingHandler>((resolve) =>
    listener.start((stream) => resolve(new RecordingHandler(stream))),
  );
  assert.ok(listener.address.family === "inet");
  const client = net.connect({
    port: listener.address.port,
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  client.on("error", () => {});
  closeLater.push(() => client.destroy());
  return { client, server: await soon(accepted, "a connection") };
}

/** A stream to a process of our own, and the other end's descriptor. */
function ownPair(libraries: SystemLibraries): { handler: RecordingHandler; peer: number } {
  const context = epollStreamContext(libraries, "hosted", failOnFatal);
  const [ours, peer] = openSocketPair(libraries.libc, null);
  const unnamed = { family: "unix", path: "" } as const;
  const stream = new EpollStream(context, ours, unnamed, unnamed, true);
  closeLater.push(() => {
    stream.close();
    context.reactor.close();
  });
  return { handler: new RecordingHandler(stream), peer };
}

async function assertQuiet(waits: () => number): Promise<void> {
  const before = waits();
  await wait(WATCH_MS);
  assert.ok(waits() - before < 10, `${waits() - before} turns in ${WATCH_MS} ms of nothing`);
}

describe("EpollStream", () => {
  it("does not spin on a half-closed peer", async () => {
    const { libraries, waits } = counting();
    const { client, server } = await connected(libraries);
    client.end();
    await server.untilCalled("end");
    await assertQuiet(waits);
  });

  it("does not spin on bytes, an end or a hang-up while reading is paused", async () => {
    const { libraries, waits } = counting();
    const { client, server } = await connected(libraries);
    server.stream.pauseReading();
    client.write("x");
    await wait(10);
    await assertQuiet(waits);
    server.stream.end();
    client.resume();
    client.end();
    await soon(closeOf(client), "the client's end");
    await assertQuiet(waits);
    assert.deepEqual(server.calls, []);
    server.stream.resumeReading();
    await server.untilCalled("close");
    assert.deepEqual(server.calls, ["bytes", "end", "close"]);
  });

  it("notices a client's reset while reading is paused", async () => {
    const { client, server } = await connected(availableLibraries());
    server.stream.pauseReading();
    await soon(new Promise((resolve) => client.write("x", resolve)), "the write");
    client.resetAndDestroy();
    await server.untilCalled("close");
    assert.equal(codeOf(server.error), "ECONNRESET");
    assert.deepEqual(server.calls, ["close"]);
  });

  it("says how much of what it sent the peer has not taken in", async () => {
    const { client, server } = await connected(availableLibraries());
    client.pause();
    assert.equal(server.stream.unacknowledgedBytes(), 0);
    const bytes = Buffer.alloc(16 * 1024 * 1024);
    server.stream.write(bytes, 0, bytes.length);
    const held = (): number => {
      const unacknowledged = server.stream.unacknowledgedBytes();
      assert.ok(unacknowledged !== null && unacknowledged >= 0);
      return unacknowledged + server.stream.unsentBytes;
    };
    await wait(WATCH_MS);
    const untaken = held();
    assert.ok(server.stream.unsentBytes > 0 && untaken > server.stream.unsentBytes);
    client.resume();
    await server.untilCalled("drain");
    while (held() > 0) await wait(1);
    server.stream.close();
    assert.equal(server.stream.unacknowledgedBytes(), 0);
  });

  it("says how much has come that nobody has read", async () => {
    const { client, server } = await connected(availableLibraries());
    assert.equal(server.stream.unreadBytes(), 0);
    server.stream.pauseReading();
    client.write(Buffer.alloc(10_000));
    const arrived = async (): Promise<void> => {
      while (server.stream.unreadBytes() !== 10_000) await wait(1);
    };
    await soon(arrived(), "what was sent");
    server.stream.close();
    assert.equal(server.stream.unreadBytes(), 0);
  });

  it("delivers what a worker had sent before it went, although sending to it fails", async () => {
    const { libraries, waits } = counting();
    const { handler, peer } = ownPair(libraries);
    const { libc } = libraries;
    handler.stream.pauseReading();
    libc.send(peer, Buffer.from("the answer"), 10, 0);
    libc.close(peer);
    handler.stream.write(Buffer.from("next request"), 0, 12);
    await assertQuiet(waits);
    assert.deepEqual(handler.calls, []);
    handler.stream.resumeReading();
    await handler.untilCalled("close");
    assert.equal(handler.text, "the answer");
    assert.equal(codeOf(handler.error), "EPIPE");
  });

  it("takes more at a time of a process of ours than of a stranger", async () => {
    const asked: number[] = [];
    const libraries = altered((libc) => ({
      recv: (fd, into, length, flags) => {
        asked.push(length <= into.length ? length : Infinity);
        return libc.recv(fd, into, length, flags);
      },
    }));
    const { client, server } = await connected(libraries);
    const bytes = Buffer.alloc(1_000_000, "0123456789");
    client.write(bytes);
    await server.until(() => server.receivedBytes === bytes.length, "all bytes");
    assert.ok(server.received.equals(bytes));
    assert.equal(Math.max(...asked.splice(0)), 65_536);
    const { handler, peer } = ownPair(libraries);
    assert.equal(libraries.libc.send(peer, bytes, 100_000, 0), 100_000);
    await handler.until(() => handler.receivedBytes === 100_000, "all bytes");
    assert.ok(handler.received.equals(bytes.subarray(0, 100_000)));
    assert.equal(handler.bytesCalls, 1);
    assert.equal(Math.max(...asked), 262_144);
    libraries.libc.close(peer);
  });

  it("sends what is gathered behind what the kernel had no room for in the same turn", async () => {
    let calls = 0;
    const libraries = altered((libc) => ({
      sendAt: (fd, address, length, flags) =>
        libc.sendAt(fd, address, calls++ === 0 ? length / 2 : length, flags),
    }));
    const { client, server } = await connected(libraries);
    const received: Buffer[] = [];
    client.on("data", (bytes: Buffer) => received.push(bytes));
    // One more than can be gathered: the others are sent by it.
    const pieces = Array.from({ length: 65 }, (_, index) => Buffer.alloc(4_096, `${index},`));
    for (const piece of pieces) server.stream.write(piece, 0, piece.length);
    const ended = once(client, "end");
    server.stream.end();
    await soon(ended, "the end");
    assert.ok(Buffer.concat(received).equals(Buffer.concat(pieces)));
  });

  it("lends its descriptor, and then ends the connection whoever has a duplicate", async () => {
    const libraries = availableLibraries();
    const { client, server } = await connected(libraries);
    const { stream } = server;
    const received: Buffer[] = [];
    client.on("data", (bytes: Buffer) => received.push(bytes));
    stream.write(Buffer.from("before, "), 0, 8);
    const lent = stream.lend();
    assert.ok(lent !== null);
    const other = duplicate(libraries.libc, lent);
    libraries.libc.send(other, Buffer.from("by another, "), 12, 0);
    stream.countSentByOther(12);
    stream.write(Buffer.from("behind"), 0, 6);
    const ended = once(client, "end");
    stream.close();
    await soon(ended, "the end");
    assert.equal(Buffer.concat(received).toString(), "before, by another, behind");
    assert.equal(stream.sentBytes, 26);
    assert.equal(libraries.libc.send(other, Buffer.from("late"), 4, MSG_NOSIGNAL), -1);
    libraries.libc.close(other);
  });

  it("lends nothing while something is unsent, and nothing once it is ended", async () => {
    const { client, server } = await connected(availableLibraries());
    client.pause();
    const bytes = Buffer.alloc(16 * 1024 * 1024);
    server.stream.write(bytes, 0, bytes.length);
    assert.ok(server.stream.unsentBytes > 0);
    assert.equal(server.stream.lend(), null);
    client.resume();
    await server.untilCalled("drain");
    assert.notEqual(server.stream.lend(), null);
    server.stream.end();
    assert.equal(server.stream.lend(), null);
  });

  it("keeps descriptors that the kernel has no room for until they are sent", async () => {
    const libraries = availableLibraries();
    const { libc } = libraries;
    const { handler, peer } = ownPair(libraries);
    const { stream } = handler;
    assert.ok(stream instanceof EpollStream);
    const filler = Buffer.alloc(1_000_000);
    stream.write(filler, 0, filler.length);
    assert.ok(stream.unsentBytes > 0);
    const [ours, theirs] = openSocketPair(libc, null);
    stream.writeWithDescriptors(Buffer.from("take"), [ours]);
    libc.close(ours);
    // Our copy is open as long as it waits: no end of file at its other end. Then it travels and is
    // closed here, and with the socket that it was sent to, for good.
    const byte = Buffer.alloc(1);
    const MSG_DONTWAIT = 0x40;
    assert.equal(libc.recv(theirs, byte, 1, MSG_DONTWAIT), -1);
    const into = Buffer.alloc(65_536);
    let received = 0;
    while (received < filler.length) {
      const count = libc.recv(
        peer,
        into,
        Math.min(into.length, filler.length - received),
        MSG_DONTWAIT,
      );
      if (count > 0) received += count;
      else await new Promise((resolve) => setImmediate(resolve));
    }
    await handler.untilCalled("drain");
    assert.equal(libc.recv(theirs, byte, 1, MSG_DONTWAIT), -1);
    libc.close(peer);
    assert.equal(libc.recv(theirs, byte, 1, MSG_DONTWAIT), 0);
    libc.close(theirs);
    // It went with the descriptor's bytes unread, which the kernel reports as a reset; from a
    // process of ours that is an end of file, because what it had sent has all been read.
    await handler.untilCalled("end");
    stream.close();
    await handler.untilCalled("close");
  });

  it("restarts interrupted calls and waits where the kernel has no room", async () => {
    const interrupted = new Map<string, number>();
    const firstTime = (call: string): boolean => {
      const count = interrupted.get(call) ?? 0;
      interrupted.set(call, count + 1);
      return count === 0;
    };
    const libraries = altered((libc, fail) => ({
      send: (...args) => (firstTime("send") ? fail(EINTR) : libc.send(...args)),
      recv: (...args) => (firstTime("recv") ? fail(EINTR) : libc.recv(...args)),
      sendAt: (...args) =>
        firstTime("sendAt")
          ? fail(EINTR)
          : firstTime("sendAt again")
            ? fail(EAGAIN)
            : libc.sendAt(...args),
      accept4: (...args) => (firstTime("accept4") ? fail(ECONNABORTED) : libc.accept4(...args)),
      epoll_wait: (...args) => (firstTime("epoll_wait") ? fail(EINTR) : libc.epoll_wait(...args)),
    }));
    const { client, server } = await connected(libraries);
    client.write("ping");
    await server.untilText("ping");
    const received = new Promise<string>((resolve) =>
      client.once("data", (piece: Buffer) => resolve(piece.toString())),
    );
    server.stream.write(Buffer.from("pong"), 0, 4);
    server.stream.flush();
    assert.equal(server.stream.unsentBytes, 4);
    assert.equal(await soon(received, "the answer"), "pong");
    await server.untilCalled("drain");
    const more = new Promise((resolve) => client.once("data", resolve));
    server.stream.write(Buffer.from("x"), 0, 1);
    server.stream.write(Buffer.alloc(100_000), 0, 100_000);
    await soon(more, "a large piece");
    for (const call of ["recv", "send", "sendAt", "sendAt again", "accept4", "epoll_wait"]) {
      assert.ok((interrupted.get(call) ?? 0) > 1, call);
    }
  });
});

describe("EpollListener", () => {
  it("rests when there is no descriptor, logs once, and goes on", async () => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line), { epochMs: () => 0 }, "info");
    let exhausted = true;
    let calls = 0;
    const libraries = altered((libc, fail) => ({
      accept4: (...args) => {
        calls++;
        return exhausted ? fail(EMFILE) : libc.accept4(...args);
      },
    }));
    const transport = new EpollTransport(libraries, "hosted", log, failOnFatal);
    closeLater.push(() => transport.close());
    const listener = await transport.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, 8);
    const accepted = new Promise((resolve) => listener.start(resolve));
    assert.ok(listener.address.family === "inet");
    const client = net.connect({ port: listener.address.port, host: "127.0.0.1" });
    closeLater.push(() => client.destroy());
    await wait(250);
    assert.ok(calls >= 2 && calls <= 6, `${calls} calls`);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /accepting rests .* code=EMFILE address=127\.0\.0\.1:\d+$/);
    exhausted = false;
    await soon(accepted, "the connection");
  });

  it("serves everybody although the process is at its limit of descriptors", async () => {
    const { status, stdout, stderr } = await runNode(`
      import net from "node:net";
      import { spawn } from "node:child_process";
      const { openTransport } = await import(SOURCE + "net/open-transport.ts");
      const { createLog } = await import(SOURCE + "base/log.ts");
      const { systemLibraries } = await import(SOURCE + "os/libc.ts");
      const { countDescriptors } = await import(SOURCE + "os/descriptors.ts");
      const log = createLog((line) => console.log(line), { epochMs: () => 0 }, "info");
      const transport = openTransport("epoll", log);
      const listener = await transport.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, 64);
      const clients = spawn(process.execPath, ["--eval", \`
        const net = require("node:net");
        let left = 20;
        for (let index = 0; index < 20; index++) {
          const socket = net.connect(\${listener.address.port}, "127.0.0.1");
          socket.once("connect", () => setTimeout(() => socket.end("x"), 50));
          socket.on("data", () => { if (--left === 0) console.log("all answered"); });
        }
      \`], { stdio: ["ignore", "inherit", "inherit"] });
      const limits = Buffer.alloc(16);
      limits.writeBigUInt64LE(BigInt(countDescriptors() + 5), 0);
      limits.writeBigUInt64LE(BigInt(countDescriptors() + 5), 8);
      const { libc } = systemLibraries();
      if (libc.setrlimit(7, limits) !== 0) throw new Error("setrlimit");
      listener.start((stream) => {
        stream.handler = {
          onBytes() { stream.write(Buffer.from("y"), 0, 1); stream.end(); },
          onEnd() {}, onDrain() {}, onClose() {},
        };
      });
      clients.on("exit", () => transport.close());
    `);
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.match(stdout, /^all answered$/m);
    assert.equal(stdout.match(/accepting rests/g)?.length, 1);
    assert.match(stdout, /code=EMFILE/);
  });
});
