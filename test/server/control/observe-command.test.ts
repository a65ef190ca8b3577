import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { type CommandEnd, controlCommands } from "../../../src/server/control/control-commands.ts";
import { ANSWER_MAX_BYTES, encodeAnswer } from "../../../src/server/control/control-protocol.ts";
import type { ObservedMoment } from "../../../src/server/control/observe-command.ts";
import { FakeGateway, POINT } from "./fake-gateway.ts";

let gateway: FakeGateway;
let commands: ReturnType<typeof controlCommands>;

beforeEach(() => {
  gateway = new FakeGateway();
  commands = controlCommands(gateway, gateway.settings);
});

/** One who looks on, until so many answers have come. */
class Observer {
  readonly moments: ObservedMoment[] = [];
  hasTakenAll = true;
  readonly end: Promise<CommandEnd>;
  readonly #gone = new AbortController();
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(args: Readonly<Record<string, unknown>>) {
    const run = commands.get("observe");
    assert(run !== undefined);
    this.end = Promise.resolve(
      run({
        arguments: args,
        signal: this.#gone.signal,
        ended: this.#gone.signal,
        progress: (result) => this.#take(result as ObservedMoment),
        hasTakenAll: () => this.hasTakenAll,
      }),
    );
  }

  until(count: number): Promise<void> {
    if (this.moments.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  async leave(): Promise<void> {
    this.#gone.abort();
    await this.end;
  }

  #take(moment: ObservedMoment): void {
    this.moments.push(moment);
    for (const { count, resolve } of this.#waiting) if (this.moments.length >= count) resolve();
  }
}

describe("observe", () => {
  test("the first answer has the history, later ones what is new of it", async () => {
    const observer = new Observer({ intervalMs: 200, shown: 7 });
    await observer.until(1);
    const later = { ...POINT, atMs: POINT.atMs + 1_000 };
    gateway.observation.points = [POINT, later];
    await observer.until(3);
    await observer.leave();
    assert.deepEqual(
      observer.moments.slice(0, 3).map(({ history }) => history),
      [[POINT], [later], []],
    );
    assert.deepEqual(observer.moments[0]?.snapshot, gateway.observation.current);
    assert.deepEqual(gateway.observation.asked.slice(0, 3), [7, 7, 7]);
  });

  test("who does not take what was sent gets no more until he has", async () => {
    const observer = new Observer({ intervalMs: 200 });
    await observer.until(1);
    observer.hasTakenAll = false;
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(observer.moments.length, 1);
    observer.hasTakenAll = true;
    await observer.until(2);
    await observer.leave();
  });

  for (const args of [
    { intervalMs: 199 },
    { intervalMs: 60_001 },
    { intervalMs: "1" },
    { intervalMs: 1_000.5 },
    { shown: -1 },
    { shown: 201 },
    { shown: null },
  ]) {
    test(`${JSON.stringify(args)} is refused`, async () => {
      const { answer } = await new Observer(args).end;
      assert.equal(answer.kind, "refused");
    });
  }

  test("so many may look on, and the next one may when one of them has left", async () => {
    const observers = Array.from({ length: 8 }, () => new Observer({}));
    assert.deepEqual((await new Observer({}).end).answer, {
      kind: "refused",
      why: "8 look on already, which is as many as may",
    });
    await observers[0]?.leave();
    const next = new Observer({});
    await next.until(1);
    await Promise.all([...observers.slice(1), next].map((observer) => observer.leave()));
  });

  test("a snapshot of the largest server fits into an answer", () => {
    const text = `${"\u00ff".repeat(300)}...`;
    const busy = { request: text, requestId: text, ageMs: 1 };
    const worker = {
      pid: 2 ** 22,
      name: text.slice(0, 15),
      ppid: 2 ** 22,
      kind: "worker" as const,
      generation: 1,
      number: 1,
      state: "starting",
      systemState: "S",
      ageMs: 1e9,
      cpuMs: 1e9,
      cpuShare: 1 / 3,
      rssBytes: 1e12,
      requests: 1e12,
    };
    const connection = {
      local: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
      remote: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
      descriptor: 1e6,
      phase: "lingering",
      ageMs: 1e9,
      requests: 1e9,
      receivedBytes: 1e12,
      sentBytes: 1e12,
      unsentBytes: 1e12,
      request: text,
    };
    const snapshot = {
      ...gateway.observation.current,
      // 512 workers, and the bounds of process-tree.ts for others and requests.
      processes: Array.from({ length: 512 + 256 }, (_, index) => ({
        ...worker,
        busy: index < 350 ? [busy, busy] : [],
      })),
      connections: { open: 1, byPhase: {}, shown: Array.from({ length: 200 }, () => connection) },
    };
    const history = Array.from({ length: 600 }, () => POINT);
    const line = encodeAnswer({ kind: "progress", result: { snapshot, history } });
    assert.match(line.slice(0, 50), /"progress"/);
    assert.ok(line.length < ANSWER_MAX_BYTES);
  });
});

describe("stack", () => {
  async function ask(args: Readonly<Record<string, unknown>>): Promise<CommandEnd> {
    const run = commands.get("stack");
    assert(run !== undefined);
    const { signal } = new AbortController();
    return run({
      arguments: args,
      signal,
      ended: signal,
      progress: () => {},
      hasTakenAll: () => true,
    });
  }

  test("is the worker's", async () => {
    assert.deepEqual((await ask({ pid: 4_713 })).answer, {
      kind: "done",
      result: { pid: 4_713, text: "Current thread\n" },
    });
    assert.deepEqual(gateway.observation.asked, [4_713]);
  });

  test("fails where there is none, with the reason", async () => {
    gateway.observation.stacks = { kind: "refused", why: "1 is the PID of no worker here" };
    assert.deepEqual((await ask({ pid: 1 })).answer, {
      kind: "failed",
      result: { pid: 1 },
      why: "1 is the PID of no worker here",
      details: null,
    });
  });

  test("is refused for what is no PID", async () => {
    for (const pid of [0, -1, 1.5, "1", null, 2 ** 31]) {
      assert.equal((await ask({ pid })).answer.kind, "refused");
    }
    assert.deepEqual(gateway.observation.asked, []);
  });
});
