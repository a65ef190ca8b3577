import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { arrivalsAtRate, type LoadPlan } from "../../src/load/load-plan.ts";
import { type LoadResult, LoadRun, type Opening } from "../../src/load/load-run.ts";
import { OK, type ServerProgram, SimulatedServer, steadyServer } from "./simulated-server.ts";

const PLAN: LoadPlan = {
  address: { family: "inet", host: "192.0.2.1", port: 80 },
  method: "GET",
  request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  connections: 1,
  durationMs: 1_000,
  requestsMax: null,
  arrivals: null,
  keepAlive: true,
  timeoutMs: 5_000,
};

interface Outcome extends LoadResult {
  readonly opening: Opening;
  readonly server: SimulatedServer;
}

/** Runs a load to its end, or to `stopAfterMs` from its start. */
async function outcomeOf(
  changes: Partial<LoadPlan>,
  program: ServerProgram,
  stopAfterMs: number | null = null,
): Promise<Outcome> {
  const server = new SimulatedServer(program);
  const run = new LoadRun({ ...PLAN, ...changes }, server, () => server.nowMs);
  const opening = run.open();
  // Up to the moment at which all are open; sweeps go on without an end.
  server.run(server.nowMs + PLAN.timeoutMs);
  const opened = await opening;
  const result = run.start();
  if (stopAfterMs !== null) server.after(stopAfterMs, () => run.stop());
  server.run();
  return { ...(await result), opening: opened, server };
}

function failuresOf({ measurements }: LoadResult): Record<string, number> {
  return Object.fromEntries(Object.entries(measurements.failures).filter(([, count]) => count > 0));
}

describe("a closed loop", () => {
  it("sends as soon as the answer is there, on each connection", async () => {
    const { measurements, windowMs } = await outcomeOf({ connections: 4 }, steadyServer(10));
    const { counters, statuses, latency } = measurements;
    assert.equal(windowMs, 1_000);
    assert.equal(counters.answered, 400);
    assert.equal(counters.answeredInWindow, 400);
    assert.equal(counters.begun, 400);
    assert.equal(counters.connected, 4);
    assert.equal(counters.contentBytes, 800);
    assert.equal(counters.receivedBytes, 400 * OK.length);
    assert.deepEqual([...statuses], [[200, 400]]);
    assert.equal(latency.summary()?.maxUs, 10_000);
  });

  it("waits for the answers that are under way, and does not count them in the rate", async () => {
    const { measurements, windowMs } = await outcomeOf({ connections: 2 }, steadyServer(600));
    assert.equal(measurements.counters.answered, 4);
    assert.equal(measurements.counters.answeredInWindow, 2);
    assert.equal(windowMs, 1_000);
  });

  it("sends as many as it was told to, and its time ends with the last answer", async () => {
    const plan = { durationMs: null, requestsMax: 25, connections: 10 };
    const { measurements, windowMs } = await outcomeOf(plan, steadyServer(10));
    assert.equal(measurements.counters.answered, 25);
    assert.equal(windowMs, 30);
  });

  it("connects for each request where connections are not kept", async () => {
    const program = { ...steadyServer(10), connect: () => ({ afterMs: 5, code: null }) };
    const plan = { keepAlive: false, durationMs: null, requestsMax: 20 };
    const { measurements, server } = await outcomeOf(plan, program);
    assert.equal(measurements.counters.answered, 20);
    assert.equal(server.connections, 20);
    // The first connection was open before the start.
    assert.equal(measurements.serviceTime.summary()?.minUs, 10_000);
    assert.ok((measurements.serviceTime.summary()?.percentilesUs["50"] ?? 0) >= 15_000);
    assert.ok(
      [...server.streams].every(({ closed }) => closed),
      "nothing is left open",
    );
  });

  it("connects again where the server closes", async () => {
    const bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    const program: ServerProgram = {
      ...steadyServer(1),
      answer: () => ({ afterMs: 1, bytes, followedBy: "end" }),
    };
    const outcome = await outcomeOf({ durationMs: null, requestsMax: 5 }, program);
    assert.equal(outcome.measurements.counters.answered, 5);
    assert.equal(outcome.server.connections, 5);
    assert.deepEqual(failuresOf(outcome), {});
  });
});

describe("an open loop", () => {
  it("sends at its rate, whatever the answers take", async () => {
    const plan = { connections: 50, arrivals: arrivalsAtRate(100) };
    const { measurements, windowMs } = await outcomeOf(plan, steadyServer(300));
    assert.equal(measurements.counters.begun, 100);
    assert.equal(measurements.counters.answered, 100);
    assert.equal(measurements.counters.notBegun, 0);
    assert.equal(windowMs, 1_000);
    const summary = measurements.latency.summary();
    assert.ok(summary !== null && summary.minUs >= 300_000 && summary.maxUs < 301_000);
  });

  it("counts latency from the time at which a request was due", async () => {
    // One connection, and a server that stands still from 200 ms to 700 ms.
    const program: ServerProgram = {
      ...steadyServer(0),
      answer: (_, nowMs) => {
        const sinceMs = nowMs - startMs;
        const isStill = sinceMs >= 200 && sinceMs < 700;
        return { afterMs: isStill ? 700 - sinceMs : 0, bytes: OK, followedBy: "keep" };
      },
    };
    const startMs = 1_000 + PLAN.timeoutMs;
    const plan = { arrivals: arrivalsAtRate(100) };
    const { measurements } = await outcomeOf(plan, program);
    assert.equal(measurements.counters.answered, 100);
    const { latency, serviceTime } = measurements;
    // By its service time only one request was slow.
    assert.ok((serviceTime.summary()?.percentilesUs["95"] ?? Infinity) < 1_000);
    // But 50 were due while the server stood still, and waited between 10 ms and 500 ms.
    const bars = latency.bars();
    const waited = bars.filter(({ untilUs }) => untilUs > 5_000);
    assert.equal(
      waited.reduce((sum, { count }) => sum + count, 0),
      50,
    );
    assert.ok(Math.abs((latency.summary()?.percentilesUs["75"] ?? 0) - 250_000) < 15_000);
  });

  it("says how many were due and never sent", async () => {
    const plan = { connections: 2, arrivals: arrivalsAtRate(100) };
    const { measurements } = await outcomeOf(plan, steadyServer(100));
    const { begun, notBegun, answered } = measurements.counters;
    assert.equal(begun + notBegun, 100);
    assert.equal(answered, begun);
    assert.equal(begun, 20);
  });

  it("uses all of its connections in turn", async () => {
    const used = new Set<number>();
    const program = steadyServer(0);
    const plan = { connections: 10, arrivals: arrivalsAtRate(10), durationMs: 1_000 };
    const { server } = await outcomeOf(plan, program);
    for (const [index, stream] of [...server.streams].entries()) {
      if (stream.writes.length > 0) used.add(index);
    }
    assert.equal(used.size, 10);
  });
});

describe("what goes wrong", () => {
  const fates = {
    closed: { afterMs: 1, bytes: "", followedBy: "end" },
    reset: { afterMs: 1, bytes: "", followedBy: "reset" },
    truncated: { afterMs: 1, bytes: OK.slice(0, -1), followedBy: "end" },
    badResponse: { afterMs: 1, bytes: "SSH-2.0\r\n", followedBy: "keep" },
    timeout: { afterMs: 1, bytes: OK.slice(0, -1), followedBy: "silence" },
  } as const;

  for (const [kind, fate] of Object.entries(fates)) {
    it(`is told: ${kind}`, async () => {
      // Every second one is answered.
      const program: ServerProgram = {
        ...steadyServer(1),
        answer: (number) =>
          number % 2 === 0 ? fate : { afterMs: 1, bytes: OK, followedBy: "keep" },
      };
      const plan = { durationMs: null, requestsMax: 20, timeoutMs: 100 };
      const outcome = await outcomeOf(plan, program);
      assert.deepEqual(failuresOf(outcome), { [kind]: 10 });
      assert.equal(outcome.measurements.counters.answered, 10);
      assert.ok([...outcome.server.streams].every(({ closed }) => closed));
    });
  }

  it("lets a server rest that refuses, and goes on when it is back", async () => {
    let isUp = true;
    let refused = 0;
    const program: ServerProgram = {
      connect: () => {
        if (!isUp) refused++;
        return { afterMs: 0, code: isUp ? null : "ECONNREFUSED" };
      },
      answer: (number) => {
        if (number === 10) isUp = false;
        return { afterMs: 1, bytes: OK, followedBy: isUp ? "keep" : "reset" };
      },
    };
    const server = new SimulatedServer(program);
    const run = new LoadRun({ ...PLAN, durationMs: 2_000 }, server, () => server.nowMs);
    void run.open();
    server.run(server.nowMs + 10);
    const result = run.start();
    server.after(1_000, () => void (isUp = true));
    server.run();
    const outcome = await result;
    const { refused: counted, reset } = outcome.measurements.failures;
    assert.equal(reset, 1, "the request behind the last answer");
    assert.equal(counted, refused);
    assert.ok(refused >= 5 && refused <= 11, `${refused} attempts in a second`);
    assert.ok(outcome.measurements.counters.answered > 500);
  });

  it("says that nothing could be opened, and why", async () => {
    const program: ServerProgram = {
      ...steadyServer(1),
      connect: () => ({ afterMs: 0, code: "ECONNREFUSED" }),
    };
    const server = new SimulatedServer(program);
    const run = new LoadRun({ ...PLAN, connections: 3 }, server, () => server.nowMs);
    const opening = run.open();
    server.run(server.nowMs + 10);
    const { opened, failure } = await opening;
    assert.equal(opened, 0);
    assert.equal(failure?.kind, "refused");
    run.close();
  });

  it("does not wait for ever for a connection", async () => {
    const program = { ...steadyServer(1), connect: () => ({ afterMs: 1e9, code: null }) };
    const server = new SimulatedServer(program);
    const run = new LoadRun(PLAN, server, () => server.nowMs);
    const opening = run.open();
    server.run(server.nowMs + PLAN.timeoutMs + 100);
    assert.equal((await opening).failure?.kind, "timeout");
    run.close();
  });

  it("is no failure where nothing was asked: a connection that the server closes", async () => {
    const program = steadyServer(0);
    const server = new SimulatedServer(program);
    const plan = { ...PLAN, arrivals: arrivalsAtRate(2), durationMs: 2_000 };
    const run = new LoadRun(plan, server, () => server.nowMs);
    void run.open();
    server.run(server.nowMs + 10);
    const result = run.start();
    const each =
      (happen: (stream: typeof server.streams extends Set<infer S> ? S : never) => void) =>
      (): void =>
        server.streams.forEach(happen);
    server.after(
      250,
      each((stream) => stream.deliverEnd()),
    );
    server.after(
      750,
      each((stream) => stream.deliver("HTTP/1.1 408 Request Timeout\r\n\r\n")),
    );
    server.run();
    const outcome = await result;
    assert.deepEqual(failuresOf(outcome), {});
    assert.equal(outcome.measurements.counters.answered, 4);
    assert.equal(outcome.measurements.counters.closedIdle, 1);
    assert.equal(outcome.measurements.counters.unsolicited, 1);
    assert.equal(outcome.measurements.counters.connected, 3);
  });

  it("ends at once when it is stopped", async () => {
    const { measurements, windowMs } = await outcomeOf({ connections: 3 }, steadyServer(50), 120);
    assert.equal(windowMs, 120);
    assert.equal(measurements.counters.answered, 6);
    assert.equal(measurements.counters.cutOff, 3);
  });
});

describe("any load on any server", () => {
  const fate = fc.record({
    afterMs: fc.constantFrom(0, 1, 7, 40, 250),
    bytes: fc.constantFrom(
      OK,
      `HTTP/1.1 103 Early Hints\r\n\r\n${OK}`,
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nuntil the end",
      `${OK}HTTP/1.1 200 OK\r\n`,
      OK.slice(0, 20),
      "",
      "x",
    ),
    followedBy: fc.constantFrom("keep", "end", "reset", "silence"),
  }) as fc.Arbitrary<ReturnType<ServerProgram["answer"]>>;
  const plans = fc.record({
    connections: fc.integer({ min: 1, max: 5 }),
    requestsMax: fc.option(fc.integer({ min: 1, max: 60 })),
    arrivals: fc.option(fc.constantFrom(20, 200).map(arrivalsAtRate)),
    keepAlive: fc.boolean(),
    timeoutMs: fc.constantFrom(30, 100),
    durationMs: fc.constant(300),
  });

  it("accounts for each request once, and leaves nothing open", async () => {
    await fc.assert(
      fc.asyncProperty(
        plans,
        fc.array(fate, { minLength: 1, maxLength: 8 }),
        fc.array(fc.constantFrom(null, null, "ECONNREFUSED"), { minLength: 1, maxLength: 4 }),
        fc.option(fc.integer({ min: 0, max: 350 })),
        async (plan, answers, connects, stopAfterMs) => {
          let attempts = 0;
          const program: ServerProgram = {
            connect: () => ({ afterMs: 1, code: connects[attempts++ % connects.length] ?? null }),
            answer: (number) => answers[number % answers.length] ?? assert.fail("no answer"),
          };
          const outcome = await outcomeOf(plan, program, stopAfterMs);
          const { measurements, server } = outcome;
          const { begun, answered, cutOff } = measurements.counters;
          assert.equal(begun, answered + measurements.failed + cutOff);
          assert.equal(measurements.latency.count, answered);
          assert.equal(
            [...measurements.statuses.values()].reduce((sum, count) => sum + count, 0),
            answered,
          );
          if (plan.requestsMax !== null) assert.ok(begun <= plan.requestsMax);
          if (stopAfterMs === null) assert.equal(cutOff, 0);
          assert.ok([...server.streams].every(({ closed }) => closed));
        },
      ),
    );
  });
});
