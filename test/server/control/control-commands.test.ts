import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { type CommandEnd, controlCommands } from "../../../src/server/control/control-commands.ts";
import { FakeGateway, GENERATION, STATUS } from "./fake-gateway.ts";

let gateway: FakeGateway;
let progress: unknown[];
let gone: AbortController;

beforeEach(() => {
  gateway = new FakeGateway();
  progress = [];
  gone = new AbortController();
});

async function run(name: string, args: Record<string, unknown> = {}): Promise<CommandEnd> {
  const command = controlCommands(gateway, gateway.settings).get(name);
  assert(command !== undefined);
  return command({
    arguments: args,
    signal: gone.signal,
    ended: gone.signal,
    progress: (result) => void progress.push(result),
    hasTakenAll: () => true,
  });
}

test("status is the gateway's own", async () => {
  assert.deepEqual(await run("status"), { answer: { kind: "done", result: STATUS } });
});

describe("reload", () => {
  test("answers when the new generation serves", async () => {
    const end = run("reload");
    assert.deepEqual(progress, [{ accepted: true, withinMs: 60_000 }]);
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    assert.deepEqual(await end, { answer: { kind: "done", result: { generation: 2 } } });
    assert.equal(gateway.reloads, 1);
  });

  test("says why it failed, with the traceback", async () => {
    gateway.reloaded.resolve({ kind: "failed", generation: 2, why: "no", details: "Traceback" });
    assert.deepEqual(await run("reload"), {
      answer: { kind: "failed", result: { generation: 2 }, why: "no", details: "Traceback" },
    });
  });

  test("fails where the gateway is being stopped", async () => {
    gateway.reloaded.resolve({ kind: "stopping" });
    assert.equal((await run("reload")).answer.kind, "failed");
  });

  test("watched: answers when the generation before is not kept any more", async () => {
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    const serving = { ...GENERATION, number: 2 };
    gateway.current = {
      ...STATUS,
      generations: [{ ...GENERATION, state: "resting" }, serving],
    };
    let isOver = false;
    const end = run("reload", { watch: true }).finally(() => (isOver = true));
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal(isOver, false);
    assert.deepEqual(progress[1], { generation: 2, serving: true });
    gateway.current = { ...STATUS, generations: [{ ...GENERATION, state: "draining" }, serving] };
    assert.deepEqual(await end, {
      answer: { kind: "done", result: { generation: 2, watched: true } },
    });
  });

  test("watched: fails when the generation is taken back", async () => {
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    const lastReload = {
      atMs: 0,
      generation: 2,
      outcome: "rolled-back",
      why: "5 of 5 requests failed",
      details: null,
    } as const;
    gateway.current = { ...STATUS, lastReload };
    assert.deepEqual(await run("reload", { watch: true }), {
      answer: {
        kind: "failed",
        result: { generation: 2, rolledBack: true },
        why: "5 of 5 requests failed",
        details: null,
      },
    });
  });

  test("watched: ends when nobody is left to tell", async () => {
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    gateway.current = { ...STATUS, generations: [{ ...GENERATION, state: "resting" }] };
    const end = run("reload", { watch: true });
    gone.abort();
    assert.deepEqual((await end).answer.kind, "done");
  });

  test("what watch may be", async () => {
    assert.equal((await run("reload", { watch: "yes" })).answer.kind, "refused");
    assert.equal(gateway.reloads, 0);
  });
});

describe("scale", () => {
  test("passes the range on", async () => {
    assert.equal((await run("scale", { min: 2, max: 8 })).answer.kind, "done");
    assert.deepEqual(gateway.ranges, [{ min: 2, max: 8 }]);
  });

  for (const [min, max] of [
    [0, 1],
    [2, 1],
    [1, 513],
    [1.5, 2],
    ["1", 2],
    [1, undefined],
    [-1, 1],
    [Number.NaN, 1],
    [1, Infinity],
  ]) {
    test(`${min} to ${max} is refused`, async () => {
      assert.equal((await run("scale", { min, max })).answer.kind, "refused");
      assert.deepEqual(gateway.ranges, []);
    });
  }
});

test("stop answers first, and stops afterwards", async () => {
  const { answer, afterwards } = await run("stop");
  assert.deepEqual(answer, { kind: "done", result: { pid: 4711, withinMs: 30_000 } });
  assert.equal(gateway.stops, 0);
  afterwards?.();
  assert.equal(gateway.stops, 1);
});
