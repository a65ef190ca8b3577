import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { SystemCallError } from "../../src/base/errors.ts";
import { sendDescriptors } from "../../src/os/descriptor-passing.ts";
import {
  countDescriptors,
  descriptorLimit,
  raiseDescriptorLimit,
} from "../../src/os/descriptors.ts";
import { Epoll, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../src/os/epoll.ts";
import { errnoName } from "../../src/os/errno.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";
import {
  duplicate,
  localAddressOf,
  MSG_NOSIGNAL,
  openListeningSocket,
  openSocketPair,
  probeUnixSocket,
  sharesPort,
  SHUT_WR,
  takeSocketError,
} from "../../src/os/sockets.ts";
import { availableLibraries } from "../net/system-under-test.ts";

const { libc } = availableLibraries();
const SETTINGS = { backlog: 8, ipv6Only: false };
const LOOPBACK: SocketAddress = { family: "inet", host: "127.0.0.1", port: 0 };
const scratch = Buffer.alloc(65_536);

function failureOf(call: () => unknown): SystemCallError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof SystemCallError, String(error));
    return error;
  }
  return assert.fail("it did not fail");
}

describe("errnoName", () => {
  it("prefers the better known name", () => {
    assert.equal(errnoName(os.constants.errno.EAGAIN), "EAGAIN");
    assert.equal(errnoName(os.constants.errno.EPIPE), "EPIPE");
    assert.equal(errnoName(4095), "errno 4095");
  });
});

describe("system calls", () => {
  it("set errno, read right after the call", () => {
    assert.equal(libc.close(-1), -1);
    assert.equal(errnoName(libc.errno()), "EBADF");
    assert.equal(libc.recv(-1, scratch, 1, 0), -1);
    assert.equal(errnoName(libc.errno()), "EBADF");
  });

  it("listen where the kernel chooses a port, and refuse the same port twice", () => {
    const fd = openListeningSocket(libc, LOOPBACK, SETTINGS);
    const address = localAddressOf(libc, fd);
    assert.ok(address.family === "inet" && address.port > 0);
    const error = failureOf(() => openListeningSocket(libc, address, SETTINGS));
    assert.equal(error.code, "EADDRINUSE");
    assert.equal(error.systemCall, "bind");
    assert.equal(error.message, `bind: EADDRINUSE while binding 127.0.0.1:${address.port}`);
    libc.close(fd);
    libc.close(openListeningSocket(libc, address, SETTINGS));
  });

  it("share a port among sockets of ours, and with nobody else", () => {
    const first = openListeningSocket(libc, LOOPBACK, { ...SETTINGS, portSharing: "first" });
    const address = localAddressOf(libc, first);
    const further = [1, 2].map(() =>
      openListeningSocket(libc, address, { ...SETTINGS, portSharing: "further" }),
    );
    assert.deepEqual(
      [first, ...further].map((fd) => sharesPort(libc, fd)),
      [true, true, true],
    );
    for (const portSharing of ["none", "first"] as const) {
      const error = failureOf(() =>
        openListeningSocket(libc, address, { ...SETTINGS, portSharing }),
      );
      assert.equal(error.code, "EADDRINUSE");
    }
    for (const fd of [first, ...further]) libc.close(fd);
    const alone = openListeningSocket(libc, LOOPBACK, SETTINGS);
    assert.equal(sharesPort(libc, alone), false);
    const place = localAddressOf(libc, alone);
    const portSharing = "further";
    const error = failureOf(() => openListeningSocket(libc, place, { ...SETTINGS, portSharing }));
    assert.equal(error.code, "EADDRINUSE");
    libc.close(alone);
  });

  it("leave no descriptor behind when they fail", () => {
    const before = countDescriptors();
    const foreign: SocketAddress = { family: "inet", host: "192.0.2.1", port: 0 };
    assert.equal(
      failureOf(() => openListeningSocket(libc, foreign, SETTINGS)).code,
      "EADDRNOTAVAIL",
    );
    const lost: SocketAddress = { family: "unix", path: "/no/such/folder/s" };
    assert.equal(failureOf(() => openListeningSocket(libc, lost, SETTINGS)).code, "ENOENT");
    assert.equal(countDescriptors(), before);
  });

  it("tell a Unix socket that is served from one that is left over", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "portico-test-"));
    const file = path.join(folder, "s");
    assert.equal(errnoName(probeUnixSocket(libc, file)), "ENOENT");
    const fd = openListeningSocket(libc, { family: "unix", path: file }, SETTINGS);
    assert.equal(probeUnixSocket(libc, file), 0);
    libc.close(fd);
    assert.equal(errnoName(probeUnixSocket(libc, file)), "ECONNREFUSED");
    rmSync(folder, { recursive: true });
  });

  it("send and receive, and say EAGAIN, end of file and EPIPE", () => {
    const [ours, theirs] = openSocketPair(libc, 1_048_576);
    assert.equal(libc.recv(ours, scratch, 10, 0), -1);
    assert.equal(errnoName(libc.errno()), "EAGAIN");
    assert.equal(libc.send(theirs, Buffer.from("abc"), 3, MSG_NOSIGNAL), 3);
    assert.equal(libc.recv(ours, scratch, 10, 0), 3);
    assert.equal(scratch.toString("latin1", 0, 3), "abc");
    libc.shutdown(theirs, SHUT_WR);
    assert.equal(libc.recv(ours, scratch, 10, 0), 0);
    while (libc.send(ours, scratch, scratch.length, MSG_NOSIGNAL) > 0);
    assert.equal(errnoName(libc.errno()), "EAGAIN");
    libc.close(theirs);
    assert.equal(libc.send(ours, scratch, 1, MSG_NOSIGNAL), -1);
    assert.match(errnoName(libc.errno()), /^(EPIPE|ECONNRESET)$/);
    takeSocketError(libc, ours);
    assert.equal(takeSocketError(libc, ours), 0);
    libc.close(ours);
  });

  it("make a second descriptor of the same file", () => {
    const [ours, theirs] = openSocketPair(libc, null);
    const again = duplicate(libc, ours);
    libc.close(ours);
    libc.send(again, Buffer.from("x"), 1, MSG_NOSIGNAL);
    assert.equal(libc.recv(theirs, scratch, 10, 0), 1);
    libc.close(again);
    assert.equal(libc.recv(theirs, scratch, 10, 0), 0);
    libc.close(theirs);
    assert.equal(failureOf(() => duplicate(libc, 1_000_000)).code, "EBADF");
  });

  it("count the descriptors that travel", () => {
    const [ours, theirs] = openSocketPair(libc, null);
    const many = Array.from({ length: 17 }, () => ours);
    assert.throws(() => sendDescriptors(libc, ours, Buffer.of(1), many), /1 to 16 descriptors/);
    assert.throws(() => sendDescriptors(libc, ours, Buffer.alloc(0), [ours]), /one byte/);
    assert.equal(sendDescriptors(libc, ours, Buffer.from("ab"), [ours, theirs]), 2);
    assert.equal(sendDescriptors(libc, ours, Buffer.of(1), [1_000_000]), -1);
    assert.equal(errnoName(libc.errno()), "EBADF");
    for (const fd of [ours, theirs]) libc.close(fd);
  });
});

describe("Epoll", () => {
  it("reports slot and generation, not the descriptor", () => {
    const epoll = new Epoll(libc);
    const [ours, theirs] = openSocketPair(libc, null);
    assert.equal(epoll.poll(0), 0);
    epoll.add(ours, EPOLLIN | EPOLLOUT, 123_456, 0x7fff_ffff);
    assert.equal(epoll.poll(0), 1);
    assert.equal(epoll.eventsAt(0), EPOLLOUT);
    assert.equal(epoll.slotAt(0), 123_456);
    assert.equal(epoll.generationAt(0), 0x7fff_ffff);
    epoll.modify(ours, EPOLLIN, 7, 8);
    assert.equal(epoll.poll(0), 0);
    libc.close(theirs);
    assert.equal(epoll.poll(0), 1);
    assert.equal(epoll.eventsAt(0), EPOLLIN | EPOLLHUP);
    assert.deepEqual([epoll.slotAt(0), epoll.generationAt(0)], [7, 8]);
    epoll.remove(ours);
    assert.equal(epoll.poll(0), 0);
    assert.equal(failureOf(() => epoll.remove(ours)).code, "ENOENT");
    libc.close(ours);
    epoll.close();
    assert.equal(failureOf(() => epoll.poll(0)).code, "EBADF");
  });

  it("keeps several events of one batch apart", () => {
    const epoll = new Epoll(libc);
    const pairs = Array.from({ length: 20 }, () => openSocketPair(libc, null));
    pairs.forEach(([fd], index) => epoll.add(fd, EPOLLOUT, index, 1000 + index));
    const count = epoll.poll(0);
    const seen = Array.from({ length: count }, (_, index) => [
      epoll.slotAt(index),
      epoll.generationAt(index),
    ]);
    seen.sort(([a = 0], [b = 0]) => a - b);
    assert.deepEqual(
      seen,
      pairs.map((_, index) => [index, 1000 + index]),
    );
    for (const fd of pairs.flat()) libc.close(fd);
    epoll.close();
  });
});

describe("descriptor limit", () => {
  it("is raised as far as it goes", () => {
    const limit = descriptorLimit(libc);
    assert.ok(limit !== null && limit.soft > 0);
    assert.equal(raiseDescriptorLimit(NULL_LOG), limit.hard);
    assert.equal(descriptorLimit(libc)?.soft, limit.hard);
  });
});
