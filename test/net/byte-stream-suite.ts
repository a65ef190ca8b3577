/**
 * What every transport must do, tested over real sockets: run by `epoll-transport.test.ts` and
 * `node-transport.test.ts`. The other end is a plain `net.Socket`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { OperatorError } from "../../src/base/errors.ts";
import { type BindAddress, parseBindAddress } from "../../src/net/bind-address.ts";
import type { ByteStream } from "../../src/net/byte-stream.ts";
import { openTransport } from "../../src/net/open-transport.ts";
import type { Listener, Transport } from "../../src/net/transport.ts";
import { closeOf, codeOf, RecordingHandler, soon, writeText } from "./recording-handler.ts";

const ANY_PORT: BindAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
/** More than the kernel's buffers on both sides take. */
const LARGE_BYTES = 24 * 1024 * 1024;

function portOf(listener: Listener): number {
  assert.ok(listener.address.family !== "unix");
  return listener.address.port;
}

async function isRefused(listen: Promise<unknown>): Promise<string> {
  let refused = "";
  await assert.rejects(listen, (error) => {
    assert.ok(error instanceof OperatorError, String(error));
    assert.equal(error.exitStatus, 1);
    assert.ok(!error.message.includes("\n"));
    refused = error.message;
    return true;
  });
  return refused;
}

export function byteStreamSuite(name: "epoll" | "node"): void {
  describe(`byte streams over ${name}`, () => {
    let transport: Transport;
    let folder: string;
    let clients: net.Socket[];

    beforeEach(() => {
      transport = openTransport(name, NULL_LOG);
      folder = mkdtempSync(path.join(os.tmpdir(), "portico-test-"));
      clients = [];
    });

    afterEach(() => {
      for (const client of clients) client.destroy();
      transport.close();
      rmSync(folder, { recursive: true, force: true });
    });

    /** A client, and the server's stream to it. */
    async function pair(
      address = ANY_PORT,
      prepare: (stream: ByteStream) => void = () => {},
    ): Promise<{ client: net.Socket; server: RecordingHandler; listener: Listener }> {
      const listener = await transport.listen(address, 64);
      const accepted = new Promise<RecordingHandler>((resolve) =>
        listener.start((stream) => {
          prepare(stream);
          resolve(new RecordingHandler(stream));
        }),
      );
      const client = connect(listener);
      return { client, server: await soon(accepted, "a connection"), listener };
    }

    function connect(listener: Listener): net.Socket {
      const { address } = listener;
      const client =
        address.family === "unix"
          ? net.connect({ path: address.path, allowHalfOpen: true })
          : net.connect({ host: address.host, port: address.port, allowHalfOpen: true });
      client.on("error", () => {});
      clients.push(client);
      return client;
    }

    /** Everything that the client gets until the server's half is closed. */
    async function readAll(client: net.Socket): Promise<Buffer> {
      const pieces: Buffer[] = [];
      client.on("data", (piece: Buffer) => pieces.push(piece)).resume();
      await soon(once(client, "end"), "end of file at the client");
      return Buffer.concat(pieces);
    }

    it("carries bytes both ways, and knows both addresses", async () => {
      const { client, server, listener } = await pair();
      client.write("ping");
      await server.untilText("ping");
      writeText(server.stream, "--pong--");
      server.stream.write(Buffer.from("XXtailXX"), 2, 6);
      server.stream.end();
      assert.equal((await readAll(client)).toString(), "--pong--tail");
      assert.deepEqual(server.stream.localAddress, listener.address);
      assert.deepEqual(server.stream.remoteAddress, {
        family: "inet",
        host: "127.0.0.1",
        port: client.localPort,
      });
      client.end();
      await server.untilCalled("close");
      assert.deepEqual(server.calls, ["bytes", "end", "close"]);
      assert.equal(server.error, null);
      assert.ok(server.stream.closed);
    });

    it("queues what the kernel does not take, in order, and reports when it has left", async () => {
      const { client, server } = await pair();
      client.pause();
      const sent = Buffer.alloc(LARGE_BYTES);
      for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at);
      const scratch = Buffer.alloc(1_000_000);
      for (let at = 0; at < sent.length; at += scratch.length) {
        const length = sent.copy(scratch, 0, at, at + scratch.length);
        server.stream.write(scratch, 0, length);
        scratch.fill(0xee);
      }
      assert.ok(server.stream.unsentBytes > 0);
      assert.ok(!server.calls.includes("drain"));
      server.stream.end();
      assert.ok((await readAll(client)).equals(sent));
      await server.untilCalled("drain");
      assert.equal(server.stream.unsentBytes, 0);
      assert.equal(server.calls.filter((call) => call === "drain").length, 1);
    });

    it("keeps small and large writes of one turn in order, whatever ends the stream", async () => {
      const few = [5, 20_000, 7, 7, 16_384, 16_385, 1];
      // More than can be gathered, and than the kernel has room for.
      const many = (small: number, large: number): number[] =>
        Array.from({ length: 2_600 }, (_, index) => (index % 13 === 12 ? large : small));
      for (const [way, lengths] of [
        ["end", few],
        ["close", few],
        ["end", many(4_096, 4_096)],
        ["end", many(16_384, 100_000)],
        ["end", many(100, 20_000)],
      ] as const) {
        const { client, server } = await pair();
        const pieces = lengths.map((length, index) => Buffer.alloc(length, `${index},`));
        const received = readAll(client);
        for (const piece of pieces) server.stream.write(piece, 0, piece.length);
        server.stream[way]();
        assert.ok((await received).equals(Buffer.concat(pieces)), `${way}, ${lengths[0]} bytes`);
        client.end();
      }
    });

    it("sends what was written in this turn when it is told to", async () => {
      const { client, server } = await pair();
      writeText(server.stream, "now");
      server.stream.flush();
      server.stream.flush();
      const got = await soon(once(client, "data"), "bytes");
      assert.equal(String(got[0]), "now");
    });

    it("does not report a drain for what the kernel took at once", async () => {
      const { client, server } = await pair();
      writeText(server.stream, "small");
      assert.equal(server.stream.unsentBytes, 0);
      client.write("x");
      await server.untilText("x");
      assert.deepEqual(server.calls, ["bytes"]);
    });

    it("delivers large contents whole", async () => {
      const { client, server } = await pair();
      client.end(Buffer.alloc(LARGE_BYTES, "abc"));
      await server.untilCalled("end");
      assert.ok(server.received.equals(Buffer.alloc(LARGE_BYTES, "abc")));
    });

    it("can be written to after the peer's half is closed", async () => {
      const { client, server } = await pair();
      client.end("request");
      await server.untilCalled("end");
      assert.equal(server.text, "request");
      writeText(server.stream, "answer");
      server.stream.end();
      assert.equal((await readAll(client)).toString(), "answer");
      await server.untilCalled("close");
      assert.equal(server.error, null);
    });

    it("can be read from after our half is closed", async () => {
      const { client, server } = await pair();
      server.stream.end();
      writeText(server.stream, "ignored");
      assert.equal((await readAll(client)).length, 0);
      client.end("late");
      await server.untilCalled("close");
      assert.equal(server.text, "late");
      assert.deepEqual(server.calls, ["bytes", "end", "close"]);
    });

    it("stops reading while it is paused, end of file included", async () => {
      const { client, server } = await pair();
      server.stream.pauseReading();
      client.end("later");
      const { client: other, server: witness } = await pair();
      other.write("x");
      await witness.untilText("x");
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(server.calls, []);
      server.stream.resumeReading();
      await server.untilCalled("end");
      assert.equal(server.text, "later");
    });

    it("obeys a pause from within onBytes", async () => {
      const { client, server } = await pair();
      server.onPiece = () => server.stream.pauseReading();
      client.end(Buffer.alloc(400_000, 1));
      await server.until(() => server.bytesCalls === 1, "the first piece");
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(server.bytesCalls, 1);
      server.onPiece = null;
      server.stream.resumeReading();
      await server.untilCalled("end");
      assert.equal(server.receivedBytes, 400_000);
    });

    it("holds back an end that comes while it is paused with nothing left to read", async () => {
      const { client, server } = await pair();
      server.onPiece = () => server.stream.pauseReading();
      client.write("all");
      await server.untilText("all");
      client.end();
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(server.calls, ["bytes"]);
      server.stream.resumeReading();
      assert.deepEqual(server.calls, ["bytes"], "not from within the call");
      await server.untilCalled("end");
    });

    it("reports the peer's reset", async () => {
      const { client, server } = await pair();
      client.write("x");
      await server.untilText("x");
      client.resetAndDestroy();
      await server.untilCalled("close");
      assert.equal(codeOf(server.error), "ECONNRESET");
      assert.ok(!server.calls.includes("end"));
    });

    it("reports a failed send once, later, with the error", async () => {
      const { client, server } = await pair();
      server.stream.pauseReading();
      client.resetAndDestroy();
      await soon(closeOf(client), "the client's end");
      const bytes = Buffer.alloc(65_536);
      const write = (): void => {
        if (server.stream.closed) return;
        server.stream.write(bytes, 0, bytes.length);
        assert.ok(!server.calls.includes("close"), "onClose came from within write");
        setImmediate(write);
      };
      write();
      await server.untilCalled("close");
      assert.match(String(codeOf(server.error)), /^(EPIPE|ECONNRESET)$/);
    });

    it("can reset the connection itself", async () => {
      const { client, server } = await pair();
      writeText(server.stream, "partial");
      await soon(once(client, "data"), "the partial answer");
      const failed = once(client, "error") as Promise<[NodeJS.ErrnoException]>;
      server.stream.reset();
      const [error] = await soon(failed, "the reset");
      assert.equal(error.code, "ECONNRESET");
      await server.untilCalled("close");
      assert.equal(server.error, null);
    });

    it("closes from within onBytes, and tells so after the call", async () => {
      const { client, server } = await pair();
      server.onPiece = () => {
        server.stream.close();
        server.stream.close();
        assert.deepEqual(server.calls, ["bytes"]);
        writeText(server.stream, "ignored");
        server.stream.end();
        server.stream.pauseReading();
        server.stream.resumeReading();
        server.stream.reset();
      };
      client.write("x");
      await server.untilCalled("close");
      await readAll(client).catch(() => {});
      assert.deepEqual(server.calls, ["bytes", "close"]);
      assert.equal(server.error, null);
    });

    it("never gives one connection's bytes to another that took its descriptor", async () => {
      const listener = await transport.listen(ANY_PORT, 64);
      const served: RecordingHandler[] = [];
      listener.start((stream) => {
        const handler = new RecordingHandler(stream);
        served.push(handler);
        // Closing all streams as soon as one has bytes leaves events of the same batch for
        // descriptors that are free again; the next connections take those numbers.
        handler.onPiece = () => {
          for (const other of served) other.stream.close();
        };
      });
      for (let round = 1; round <= 20; round++) {
        const group = Array.from({ length: 8 }, () => connect(listener));
        const closed = group.map((client) => closeOf(client));
        await Promise.all(group.map((client) => soon(once(client, "connect"), "connect")));
        const accepted = (): boolean => served.length === round * group.length;
        while (!accepted()) await new Promise((resolve) => setImmediate(resolve));
        for (const client of group) client.end(`<${client.localPort}>`);
        await soon(Promise.all(closed), "the server's closes");
      }
      for (const handler of served) {
        const { remoteAddress } = handler.stream;
        assert.ok(remoteAddress.family === "inet");
        assert.ok(["", `<${remoteAddress.port}>`].includes(handler.text), handler.text);
      }
    });

    it("runs tasks of the turn's end once, after the events; outside a turn, soon", async () => {
      const { client, server } = await pair();
      const order: string[] = [];
      server.onPiece = () => {
        transport.atTurnEnd(() => {
          order.push("task");
          transport.atTurnEnd(() => order.push("task of a task"));
        });
        order.push("event");
      };
      client.write("x");
      await server.untilText("x");
      await soon(new Promise<void>((resolve) => transport.atTurnEnd(resolve)), "a task");
      assert.deepEqual(order, ["event", "task", "task of a task"]);
    });

    it("lets promises, ticks and timers run that onBytes starts", async () => {
      const { client, server } = await pair();
      const ran = new Set<string>();
      const all = Promise.withResolvers<void>();
      const note = (what: string): void => {
        ran.add(what);
        if (ran.size === 5) all.resolve();
      };
      server.onPiece = () => {
        void (async () => {
          await Promise.resolve();
          note("await");
        })();
        process.nextTick(note, "nextTick");
        queueMicrotask(() => note("queueMicrotask"));
        setTimeout(note, 0, "setTimeout");
        setImmediate(note, "setImmediate");
      };
      client.write("x");
      await soon(all.promise, "all five");
    });

    it("serves IPv6", async (test) => {
      if (!hasIPv6()) {
        test.diagnostic("this machine has no IPv6 loopback");
        return;
      }
      const { client, server, listener } = await pair(parseBindAddress("[::1]:0"));
      client.write("six");
      await server.untilText("six");
      assert.deepEqual(server.stream.remoteAddress, {
        family: "inet6",
        host: "::1",
        port: client.localPort,
      });
      assert.deepEqual(server.stream.localAddress, listener.address);
    });

    it("serves both families on a wildcard, unless IPv4 is served already", async (test) => {
      if (!hasIPv6()) {
        test.diagnostic("this machine has no IPv6 loopback");
        return;
      }
      const six = await transport.listen(parseBindAddress("[::]:0"), 8);
      const accepted = new Promise<ByteStream>((resolve) => six.start(resolve));
      clients.push(net.connect({ host: "127.0.0.1", port: portOf(six) }));
      const stream = await soon(accepted, "a connection by IPv4");
      assert.equal(stream.remoteAddress.family, "inet");
      assert.equal(stream.localAddress.family, "inet");
      const four = await transport.listen(parseBindAddress("0.0.0.0:0"), 8);
      const both = await transport.listen(parseBindAddress(`[::]:${portOf(four)}`), 8);
      assert.equal(portOf(both), portOf(four));
    });

    it("serves a Unix socket and removes its file", async () => {
      const file = path.join(folder, "s");
      const { client, server, listener } = await pair(parseBindAddress(`unix:${file}`));
      client.write("local");
      await server.untilText("local");
      assert.deepEqual(server.stream.remoteAddress, { family: "unix", path: "" });
      assert.ok(statSync(file).isSocket());
      listener.stop();
      assert.deepEqual(readdirSync(folder), []);
    });

    it("replaces a stale socket file, refuses a live one and what is no socket", async () => {
      const file = path.join(folder, "s");
      const address = parseBindAddress(`unix:${file}`);
      const stale = net.createServer().listen(`${file}.x`);
      await once(stale, "listening");
      // A second name outlives the server, which unlinks only the one it bound.
      const { linkSync } = await import("node:fs");
      linkSync(`${file}.x`, file);
      const live = await isRefused(transport.listen(address, 8));
      assert.match(live, /^cannot listen on unix:.*another program listens there already/);
      stale.close();
      await once(stale, "close");
      assert.ok(statSync(file).isSocket());
      const listener = await transport.listen(address, 8);
      listener.stop();
      writeFileSync(file, "precious");
      assert.match(
        await isRefused(transport.listen(address, 8)),
        /a file that is no socket is there/,
      );
      assert.equal(statSync(file).size, 8);
    });

    it("leaves a socket file alone that a successor has taken over", async () => {
      const file = path.join(folder, "s");
      const first = await transport.listen(parseBindAddress(`unix:${file}`), 8);
      rmSync(file);
      const second = await transport.listen(parseBindAddress(`unix:${file}`), 8);
      first.stop();
      await soon(first.stopped, "the listener's end");
      assert.ok(statSync(file).isSocket());
      second.stop();
      assert.deepEqual(readdirSync(folder), []);
    });

    it("says in one line what cannot be listened on, and what to do", async () => {
      const listener = await transport.listen(ANY_PORT, 8);
      const taken = `127.0.0.1:${portOf(listener)}`;
      const used = await isRefused(transport.listen(parseBindAddress(taken), 8));
      assert.ok(
        used.startsWith(`cannot listen on ${taken}: another socket is there already`),
        used,
      );
      const foreign = await isRefused(transport.listen(parseBindAddress("192.0.2.1:0"), 8));
      assert.match(foreign, /^cannot listen on 192\.0\.2\.1:0: no interface of this machine/);
      const nameless = await isRefused(
        transport.listen(parseBindAddress("no-such-host.invalid:1"), 8),
      );
      assert.match(
        nameless,
        /^cannot listen on no-such-host\.invalid:1: the name .* has no address/,
      );
      const lost = await isRefused(transport.listen(parseBindAddress(`unix:${folder}/no/s`), 8));
      assert.match(lost, /there is no folder .*\/no; make it/);
    });

    it("accepts what waits in the kernel's queue before it stops", async () => {
      const listener = await transport.listen(ANY_PORT, 64);
      const accepted: ByteStream[] = [];
      listener.start((stream) => accepted.push(stream));
      const group = Array.from({ length: 12 }, () => connect(listener));
      await Promise.all(group.map((client) => soon(once(client, "connect"), "connect")));
      listener.stop();
      await soon(listener.stopped, "the listener's end");
      assert.equal(accepted.length, 12);
      const late = net.connect({ host: "127.0.0.1", port: portOf(listener) });
      const [error] = (await soon(once(late, "error"), "a refusal")) as [NodeJS.ErrnoException];
      assert.equal(error.code, "ECONNREFUSED");
    });

    it("says how many connections the kernel lets wait", async () => {
      const small = await transport.listen(ANY_PORT, 7);
      assert.equal(small.effectiveBacklog, 7);
      const large = await transport.listen(ANY_PORT, 65_535);
      assert.ok(large.effectiveBacklog >= 1 && large.effectiveBacklog <= 65_535);
    });
  });
}

export function hasIPv6(): boolean {
  return Object.values(os.networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === "::1"),
  );
}
