/** Listening sockets that somebody else has opened, by both transports. */
import assert from "node:assert/strict";
import { existsSync, mkdtempDisposableSync, openSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { OperatorError } from "../../src/base/errors.ts";
import { parseBindAddress } from "../../src/net/bind-address.ts";
import { openTransport } from "../../src/net/open-transport.ts";
import type { Listener, Transport } from "../../src/net/transport.ts";
import { identifyFile } from "../../src/net/unix-socket-file.ts";
import { AF_INET, type SocketAddress } from "../../src/os/socket-address.ts";
import { duplicate, openListeningSocket, SOCK_DGRAM, SOCK_STREAM } from "../../src/os/sockets.ts";
import { RecordingHandler, soon } from "./recording-handler.ts";
import { availableLibraries } from "./system-under-test.ts";

const { libc } = availableLibraries();
const SETTINGS = { backlog: 8, ipv6Only: false };
const LOOPBACK: SocketAddress = { family: "inet", host: "127.0.0.1", port: 0 };
const F_SETFL = 4;
const O_RDWR = 2;
const F_GETFD = 1;

for (const name of ["epoll", "node"] as const) {
  describe(`adopting, by ${name}`, () => {
    /** A client's bytes as the listener's stream gets them. */
    async function greeting(listener: Listener, client: net.Socket): Promise<string> {
      const accepted = new Promise<RecordingHandler>((resolve) =>
        listener.start((stream) => resolve(new RecordingHandler(stream))),
      );
      client.on("error", () => {});
      client.end("hello");
      const handler = await soon(accepted, "a connection");
      await handler.untilText("hello");
      return handler.text;
    }

    async function using(run: (transport: Transport) => Promise<void>): Promise<void> {
      const transport = openTransport(name, NULL_LOG);
      try {
        await run(transport);
      } finally {
        transport.close();
      }
    }

    it("accepts from fd://N, whatever its mode was, also what came before", () =>
      using(async (transport) => {
        const fd = openListeningSocket(libc, LOOPBACK, SETTINGS);
        // As systemd passes it: blocking, and for every program to inherit.
        libc.fcntl(fd, F_SETFL, O_RDWR);
        libc.fcntl(fd, 2, 0);
        const listener = await transport.listen(parseBindAddress(`fd://${fd}`), 64);
        assert.equal(listener.descriptor, fd);
        assert.equal(listener.file, null);
        assert.equal(libc.fcntl(fd, F_GETFD, 0), 1);
        assert.ok(listener.address.family === "inet" && listener.address.port > 0);
        const client = net.connect(listener.address.port, "127.0.0.1");
        assert.equal(await greeting(listener, client), "hello");
        listener.stop();
        await listener.stopped;
        assert.equal(listener.descriptor, null);
      }));

    it("leaves a socket's file alone that is not its own", () =>
      using(async (transport) => {
        using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-adopt-"));
        const file = path.join(folder.path, "socket");
        const fd = openListeningSocket(libc, { family: "unix", path: file }, SETTINGS);
        const listener = await transport.adopt(fd, 64, null);
        assert.deepEqual(listener.address, { family: "unix", path: file });
        assert.equal(await greeting(listener, net.connect(file)), "hello");
        listener.stop();
        await listener.stopped;
        assert.ok(existsSync(file));
      }));

    it("removes the file that it was given, but not while the socket is shared", () =>
      using(async (transport) => {
        using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-adopt-"));
        const file = path.join(folder.path, "socket");
        const fd = openListeningSocket(libc, { family: "unix", path: file }, SETTINGS);
        const other = duplicate(libc, fd);
        const identity = identifyFile(file);
        const first = await transport.adopt(fd, 64, identity);
        first.shared = true;
        first.start(() => assert.fail("it took what was another's"));
        first.stop();
        const client = net.connect(file);
        await first.stopped;
        assert.ok(existsSync(file));
        const second = await transport.adopt(other, 64, identity);
        assert.equal(await greeting(second, client), "hello");
        second.stop();
        await second.stopped;
        assert.equal(existsSync(file), false);
      }));

    it("leaves the queue to whoever shares the socket until it is started", () =>
      using(async (transport) => {
        const fd = openListeningSocket(libc, LOOPBACK, SETTINGS);
        const other = await transport.adopt(duplicate(libc, fd), 64, null);
        const listener = await transport.adopt(fd, 64, null);
        listener.shared = true;
        assert.ok(other.address.family === "inet");
        const client = net.connect(other.address.port, "127.0.0.1");
        await soon(new Promise((resolve) => client.once("connect", resolve)), "a connection");
        listener.stop();
        assert.equal(await greeting(other, client), "hello");
        other.stop();
        await other.stopped;
      }));

    it("refuses in one line what is no listening stream socket", () =>
      using(async (transport) => {
        for (const [fd, why] of [
          [999, /descriptor 999 is not open; /],
          [openSync(import.meta.filename, "r"), /is no socket/],
          [libc.socket(AF_INET, SOCK_DGRAM, 0), /is no stream socket/],
          [libc.socket(AF_INET, SOCK_STREAM, 0), /is a socket that does not listen/],
          [libc.socket(16, 3, 0), /is neither an IP nor a Unix socket/],
        ] as const) {
          await assert.rejects(transport.adopt(fd, 64, null), (error) => {
            assert.ok(error instanceof OperatorError, String(error));
            assert.equal(error.exitStatus, 1);
            assert.match(error.message, why);
            assert.match(error.message, new RegExp(`^cannot listen on fd://${fd}: `));
            return true;
          });
          libc.close(fd);
        }
      }));
  });
}
