import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Reactor, type ReactorKind, type Registrant } from "../../src/net/reactor.ts";
import { EPOLLIN } from "../../src/os/epoll.ts";
import { EINTR } from "../../src/os/errno.ts";
import { TICK_CALLBACK } from "../../src/os/loop-wait.ts";
import { openSocketPair } from "../../src/os/sockets.ts";
import { TimerDescriptor } from "../../src/os/timer-descriptor.ts";
import { soon } from "./recording-handler.ts";
import { altered, availableLibraries, runNode } from "./system-under-test.ts";

const libraries = availableLibraries();
const { libc } = libraries;
const BYTE = Buffer.of(1);
const scratch = Buffer.alloc(16);
/** By then the test runner's own work, which lets promises run as well, is over. */
const EVENTS_BEFORE = 1000;
/** Far more than happen in the millisecond of the shortest timer. */
const EVENTS_IN_VAIN = 100_000;

function failOnFatal(error: unknown): void {
  throw error;
}

function nextImmediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

type Opener = (onFatal: (error: unknown) => void) => Reactor;

/** As a later Node.js may be, in which its queues cannot be run by others. */
const waitingWithoutTicks: Opener = (onFatal) => {
  const node = process as unknown as Record<string, unknown>;
  const runTicks = node[TICK_CALLBACK];
  node[TICK_CALLBACK] = undefined;
  try {
    return new Reactor(libraries, "waiting", onFatal);
  } finally {
    node[TICK_CALLBACK] = runTicks;
  }
};

const REACTORS: readonly (readonly [what: string, kind: ReactorKind, open: Opener])[] = [
  ["waiting", "waiting", (onFatal) => new Reactor(libraries, "waiting", onFatal)],
  ["waiting, where Node's queues cannot be run", "waiting", waitingWithoutTicks],
  ["hosted", "hosted", (onFatal) => new Reactor(libraries, "hosted", onFatal)],
];

for (const [what, kind, open] of REACTORS) {
  describe(`Reactor, ${what}`, () => {
    it("does not hand an event of a closed descriptor to whoever got its number", async () => {
      const reactor = open(failOnFatal);
      const pairs = [openSocketPair(libc, null), openSocketPair(libc, null)];
      const strangerEvents: number[] = [];
      const stranger: Registrant = { onEvents: (events) => strangerEvents.push(events) };
      const done = Promise.withResolvers<{ closed: number; reused: number }>();
      let first = true;
      const registrations = pairs.map(([fd], index) =>
        reactor.add(fd, EPOLLIN, {
          // Whichever comes first closes the other, whose event is in the same batch.
          onEvents: () => {
            libc.recv(fd, scratch, scratch.length, 0);
            if (!first) return;
            first = false;
            const other = registrations[1 - index];
            assert.ok(other !== undefined);
            reactor.remove(other, false);
            libc.close(other.fd);
            const [reused, peer] = openSocketPair(libc, null);
            reactor.add(reused, EPOLLIN, stranger);
            pairs.push([reused, peer]);
            done.resolve({ closed: other.fd, reused });
          },
        }),
      );
      for (const [, peer] of pairs) libc.send(peer, BYTE, 1, 0);
      const { closed, reused } = await soon(done.promise, "the first event");
      await nextImmediate();
      assert.equal(reused, closed, "the test needs the number to be used again");
      assert.deepEqual(strangerEvents, []);
      reactor.close();
      for (const pair of pairs) for (const fd of pair) if (fd !== closed) libc.close(fd);
      libc.close(reused);
    });

    const deferrals: Readonly<Record<string, (done: () => void) => void>> = {
      await: (done) => {
        void (async () => {
          await Promise.resolve();
          done();
        })();
      },
      nextTick: (done) => process.nextTick(done),
      queueMicrotask: (done) => queueMicrotask(done),
      setImmediate: (done) => setImmediate(done),
      setTimeout: (done) => setTimeout(done, 1),
    };
    for (const [name, defer] of Object.entries(deferrals)) {
      // One at a time: any of them that Node runs by itself would carry the others along.
      it(`lets ${name} run while one event follows the other`, async () => {
        const reactor = open(failOnFatal);
        const [fd, peer] = openSocketPair(libc, null);
        // Never read: each turn of the loop finds it ready again.
        libc.send(peer, BYTE, 1, 0);
        let events = 0;
        const ranAfter = new Promise<number>((resolve) => {
          const registration = reactor.add(fd, EPOLLIN, {
            onEvents: () => {
              if (++events === EVENTS_BEFORE) defer(() => resolve(events - EVENTS_BEFORE));
              if (events === EVENTS_IN_VAIN) resolve(events);
              if (events >= EVENTS_IN_VAIN) reactor.remove(registration, false);
            },
          });
        });
        const ran = await soon(ranAfter, name);
        // A timer is due after a millisecond, everything else in the same turn of Node's loop.
        const eventsMax = name === "setTimeout" ? EVENTS_IN_VAIN / 2 : 1;
        assert.ok(ran <= eventsMax, `ran ${ran} events later`);
        reactor.close();
        for (const end of [fd, peer]) libc.close(end);
      });
    }

    it("lets Node do everything of its own while nothing else happens", async () => {
      const reactor = open(failOnFatal);
      const [fd, peer] = openSocketPair(libc, null);
      reactor.add(fd, EPOLLIN, { onEvents: () => assert.fail("nobody has sent anything") });
      await nextImmediate();
      const startedAtMs = performance.now();
      await soon(pause(30), "a timer");
      const tookMs = performance.now() - startedAtMs;
      assert.ok(tookMs > 28 && tookMs < 1_000, `a timer of 30 ms took ${tookMs} ms`);
      await soon(readFile(import.meta.filename), "a file, read by a thread");
      const server = createServer((socket) => socket.end("from node:net")).listen(0, "127.0.0.1");
      await soon(once(server, "listening"), "a listening socket");
      const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
      assert.equal(String(await soon(once(client, "data"), "a connection")), "from node:net");
      client.destroy();
      server.close();
      const signalled = once(process, "SIGWINCH");
      process.kill(process.pid, "SIGWINCH");
      await soon(signalled, "a signal");
      const child = spawn("true");
      assert.deepEqual(await soon(once(child, "exit"), "a child's end"), [0, null]);
      reactor.close();
      for (const end of [fd, peer]) libc.close(end);
    });

    it("lets another reactor of the process live beside it", async () => {
      const reactor = open(failOnFatal);
      const other = new Reactor(libraries, "hosted", failOnFatal);
      const pairs = [openSocketPair(libc, null), openSocketPair(libc, null)];
      const turns: string[] = [];
      const done = Promise.withResolvers<void>();
      const answering = (name: string, index: number): Registrant => ({
        onEvents: () => {
          libc.recv(pairs[index]?.[0] ?? -1, scratch, scratch.length, 0);
          turns.push(name);
          if (turns.length === 20) done.resolve();
          else libc.send(pairs[1 - index]?.[1] ?? -1, BYTE, 1, 0);
        },
      });
      reactor.add(pairs[0]?.[0] ?? -1, EPOLLIN, answering("first", 0));
      other.add(pairs[1]?.[0] ?? -1, EPOLLIN, answering("other", 1));
      libc.send(pairs[0]?.[1] ?? -1, BYTE, 1, 0);
      await soon(done.promise, "twenty turns");
      assert.deepEqual(turns, Array.from({ length: 10 }, () => ["first", "other"]).flat());
      reactor.close();
      other.close();
      for (const end of pairs.flat()) libc.close(end);
    });

    it("has timers count from when they are set, however long nothing happened", async () => {
      const reactor = open(failOnFatal);
      const rang = Promise.withResolvers<number>();
      const timer = new TimerDescriptor(libc);
      reactor.add(timer.descriptor, EPOLLIN, {
        onEvents: () => {
          timer.clear();
          const setAtMs = performance.now();
          setTimeout(() => rang.resolve(performance.now() - setAtMs), 30);
        },
      });
      timer.set(100);
      const tookMs = await soon(rang.promise, "the timer");
      assert.ok(tookMs > 28, `a timer of 30 ms rang after ${tookMs} ms`);
      reactor.close();
      timer.close();
    });

    it("goes on after a handler has thrown, and hands the error over", async () => {
      const fatal: unknown[] = [];
      const reactor = open((error) => fatal.push(error));
      const [fd, peer] = openSocketPair(libc, null);
      const firstHandled = Promise.withResolvers<void>();
      const handled = Promise.withResolvers<void>();
      let events = 0;
      const registration = reactor.add(fd, EPOLLIN, {
        onEvents: () => {
          libc.recv(fd, scratch, scratch.length, 0);
          if (++events === 1) {
            firstHandled.resolve();
            throw new Error("first");
          }
          reactor.atTurnEnd(() => {
            throw new Error("task");
          });
          reactor.atTurnEnd(handled.resolve);
        },
      });
      libc.send(peer, BYTE, 1, 0);
      await soon(firstHandled.promise, "the first event");
      libc.send(peer, BYTE, 1, 0);
      await soon(handled.promise, "the second event");
      assert.deepEqual(
        fatal.map((error) => (error as Error).message),
        ["first", "task"],
      );
      reactor.remove(registration, false);
      reactor.close();
      for (const end of [fd, peer]) libc.close(end);
    });

    it("can be closed from within an event", async () => {
      const reactor = open(failOnFatal);
      const [fd, peer] = openSocketPair(libc, null);
      const closed = new Promise<void>((resolve) => {
        const registration = reactor.add(fd, EPOLLIN, {
          onEvents: () => {
            reactor.remove(registration, false);
            reactor.atTurnEnd(resolve);
            reactor.close();
            reactor.close();
          },
        });
      });
      libc.send(peer, BYTE, 1, 0);
      await soon(closed, "the task of the last turn");
      for (const end of [fd, peer]) libc.close(end);
    });

    it("keeps the process alive only while a descriptor is watched", async () => {
      const idle = await runNode(`
      const { openTransport } = await import(SOURCE + "net/open-transport.ts");
      const { NULL_LOG } = await import(SOURCE + "base/log.ts");
      globalThis.transport = openTransport("epoll", NULL_LOG, "${kind}");
    `);
      assert.deepEqual(idle, { status: 0, stdout: "", stderr: "" });
      const used = await runNode(`
      import net from "node:net";
      const { openTransport } = await import(SOURCE + "net/open-transport.ts");
      const { NULL_LOG } = await import(SOURCE + "base/log.ts");
      const transport = openTransport("epoll", NULL_LOG, "${kind}");
      const listener = await transport.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, 8);
      listener.start((stream) => {
        stream.handler = {
          onBytes() { stream.write(Buffer.from("bye"), 0, 3); stream.end(); },
          onEnd() {}, onDrain() {},
          onClose() { console.log("closed"); transport.close(); },
        };
      });
      net.connect(listener.address.port, "127.0.0.1").on("data", () => {}).write("hello");
    `);
      assert.deepEqual(used, { status: 0, stdout: "closed\n", stderr: "" });
    });

    it("turns what a handler throws into an uncaught exception", async () => {
      const { status, stderr } = await runNode(`
      import net from "node:net";
      const { openTransport } = await import(SOURCE + "net/open-transport.ts");
      const { NULL_LOG } = await import(SOURCE + "base/log.ts");
      const transport = openTransport("epoll", NULL_LOG, "${kind}");
      const listener = await transport.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, 8);
      listener.start((stream) => {
        stream.handler.onBytes = () => { throw new Error("our own mistake"); };
      });
      net.connect(listener.address.port, "127.0.0.1").write("hello");
    `);
      assert.equal(status, 1);
      assert.match(stderr, /our own mistake/);
    });
  });
}

it("waits for nobody else who waits in place of Node's loop", () => {
  const reactor = new Reactor(libraries, "waiting", failOnFatal);
  assert.throws(() => new Reactor(libraries, "waiting", failOnFatal), /one in a process/);
  reactor.close();
  new Reactor(libraries, "waiting", failOnFatal).close();
});

it("keeps its time however often it is interrupted, as by a profiler", async () => {
  const interrupted = altered((real, fail) => ({
    epoll_wait: (epoll, events, eventsMax, timeoutMs) => {
      if (timeoutMs === 0) return real.epoll_wait(epoll, events, eventsMax, 0);
      return real.epoll_wait(epoll, events, eventsMax, 1) || fail(EINTR);
    },
  }));
  const reactor = new Reactor(interrupted, "waiting", failOnFatal);
  const [fd, peer] = openSocketPair(libc, null);
  reactor.add(fd, EPOLLIN, { onEvents: () => assert.fail("nobody has sent anything") });
  const startedAtMs = performance.now();
  await soon(pause(30), "a timer");
  assert.ok(performance.now() - startedAtMs < 1_000);
  reactor.close();
  for (const end of [fd, peer]) libc.close(end);
});
