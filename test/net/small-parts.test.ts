import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { DeadlineSweep } from "../../src/net/deadlines.ts";
import { SendQueue } from "../../src/net/send-queue.ts";
import { TurnEndTasks } from "../../src/net/turn-end-tasks.ts";
import { runNode } from "./system-under-test.ts";

describe("SendQueue", () => {
  it("gives the bytes back in order, however they are taken", () => {
    for (const step of [1, 7, 4096, 100_000]) {
      const queue = new SendQueue(() => assert.fail("there are no descriptors"));
      const given = Buffer.from(Array.from({ length: 60_000 }, (_, index) => index % 251));
      for (let at = 0; at < given.length; at += 999) {
        queue.append(given, at, Math.min(at + 999, given.length));
      }
      assert.equal(queue.length, given.length);
      const taken: Buffer[] = [];
      for (let piece = queue.first(); piece !== null; piece = queue.first()) {
        const count = Math.min(step, piece.bytes.length);
        taken.push(Buffer.from(piece.bytes.subarray(0, count)));
        queue.sent(count);
      }
      assert.ok(Buffer.concat(taken).equals(given));
      assert.equal(queue.length, 0);
    }
  });

  it("attaches descriptors to the first byte after what was queued before, and closes them", () => {
    const closed: number[] = [];
    const queue = new SendQueue((fd) => closed.push(fd));
    queue.append(Buffer.from("ab"), 0, 2);
    queue.appendWithDescriptors(Buffer.from("cd"), [5, 6]);
    queue.append(Buffer.from("ef"), 0, 2);
    assert.deepEqual(queue.first()?.descriptors, null);
    queue.sent(2);
    assert.deepEqual(queue.first()?.descriptors, [5, 6]);
    queue.sent(0);
    assert.deepEqual(queue.first()?.descriptors, [5, 6]);
    assert.deepEqual(closed, []);
    queue.sent(1);
    assert.deepEqual(closed, [5, 6]);
    assert.deepEqual(queue.first()?.descriptors, null);
    queue.clear();
    assert.deepEqual(closed, [5, 6]);
    queue.appendWithDescriptors(Buffer.from("x"), [7]);
    queue.clear();
    assert.deepEqual(closed, [5, 6, 7]);
    assert.equal(queue.first(), null);
    assert.throws(() => queue.sent(1), /what was sent was queued/);
  });
});

describe("TurnEndTasks", () => {
  it("runs each task once, those that tasks add as well, and all although one throws", () => {
    const tasks = new TurnEndTasks();
    const ran: string[] = [];
    const errors: unknown[] = [];
    tasks.add(() => {
      ran.push("a");
      tasks.add(() => ran.push("c"));
      throw new Error("a's");
    });
    tasks.add(() => ran.push("b"));
    tasks.run((error) => errors.push(error));
    assert.deepEqual(ran, ["a", "b", "c"]);
    assert.equal(errors.length, 1);
    tasks.run(() => assert.fail("nothing is left"));
    assert.equal(ran.length, 3);
  });

  it("leaves the rest for later when a task adds itself again and again", () => {
    const tasks = new TurnEndTasks();
    let runs = 0;
    const again = (): void => {
      runs++;
      tasks.add(again);
    };
    tasks.add(again);
    tasks.run(() => {});
    assert.equal(runs, 8);
    assert.equal(tasks.empty, false);
  });
});

describe("DeadlineSweep", () => {
  it("sweeps at its interval from start to stop", () => {
    mock.timers.enable({ apis: ["setInterval"] });
    let sweeps = 0;
    const sweep = new DeadlineSweep(250, () => sweeps++);
    mock.timers.tick(1000);
    assert.equal(sweeps, 0);
    sweep.start();
    sweep.start();
    mock.timers.tick(1000);
    assert.equal(sweeps, 4);
    sweep.stop();
    sweep.stop();
    mock.timers.tick(1000);
    assert.equal(sweeps, 4);
    mock.timers.reset();
  });

  it("does not keep the process alive", async () => {
    const end = await runNode(`
      const { DeadlineSweep } = await import(SOURCE + "net/deadlines.ts");
      new DeadlineSweep(10, () => {}).start();
    `);
    assert.deepEqual(end, { status: 0, stdout: "", stderr: "" });
  });
});
