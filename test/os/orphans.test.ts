import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openOrphanReaper, OrphanReaper } from "../../src/os/orphans.ts";

/** Looks are a second apart. */
const LOOK_MS = 1_000;

describe("orphans", () => {
  it("are reaped at the second look, and what Node reaps in between is left to it", () => {
    const zombies = new Map([
      [10, "a"],
      [11, "b"],
    ]);
    const reaped: number[] = [];
    const reaper = new OrphanReaper({
      children: () => [9, ...zombies.keys()],
      zombieMark: (pid) => zombies.get(pid) ?? null,
      reap: (pid) => {
        reaped.push(pid);
        zombies.delete(pid);
      },
    });
    reaper.sweep(0);
    reaper.sweep(LOOK_MS / 2);
    assert.deepEqual(reaped, []);
    // Node has reaped one of them, and the number is another process's by now, which has ended too.
    zombies.set(11, "c");
    reaper.sweep(LOOK_MS);
    assert.deepEqual(reaped, [10]);
    reaper.sweep(2 * LOOK_MS);
    assert.deepEqual(reaped, [10, 11]);
    reaper.sweep(3 * LOOK_MS);
    assert.deepEqual(reaped, [10, 11]);
  });

  it("do not come to a process like this one", () => {
    assert.notEqual(process.pid, 1);
    assert.equal(openOrphanReaper(), null);
  });
});
