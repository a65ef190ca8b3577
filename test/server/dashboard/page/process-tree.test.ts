/** The process tree, line by line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { processTree } from "../../../../src/server/dashboard/page/process-tree.ts";
import type { ProcessSnapshot } from "../../../../src/server/observation/snapshot.ts";
import { PlayedObserved } from "../played-observed.ts";

const SIGNS = { pass: "│ ", blank: "  ", fork: "├ ", last: "└ " };
const [EXAMPLE] = new PlayedObserved(0).snapshot(0).processes;

function drawn(...parents: (readonly [pid: number, ppid: number | null])[]): string[] {
  const processes = parents.map(([pid, ppid]) => ({ ...EXAMPLE, pid, ppid }) as ProcessSnapshot);
  return processTree(processes).map(({ process, guides }) => {
    return guides.map((guide) => SIGNS[guide]).join("") + String(process.pid);
  });
}

test("children stand below their parents, and lines lead to them", () => {
  const tree = drawn([1, 0], [2, 1], [5, 1], [3, 2], [4, 2], [6, 5]);
  assert.deepEqual(tree, ["1", "├ 2", "│ ├ 3", "│ └ 4", "└ 5", "  └ 6"]);
});

test("whoever has no parent here is a root", () => {
  assert.deepEqual(drawn([1, 0], [7, 99], [8, null], [2, 1]), ["1", "└ 2", "7", "8"]);
  assert.deepEqual(drawn([1, 1]), ["1"], "nobody is its own child");
});

test("a chain without an end is cut", () => {
  const chain = Array.from({ length: 40 }, (_, index) => [index + 1, index] as const);
  assert.equal(drawn(...chain).length, 10);
});
