/**
 * From a list of processes to a tree that is drawn line by line. Pure.
 */
import type { ProcessSnapshot } from "../../observation/snapshot.ts";

/** What is drawn in a column to the left of a name. */
export type Guide = "pass" | "blank" | "fork" | "last";

export interface TreeNode {
  readonly process: ProcessSnapshot;
  readonly guides: readonly Guide[];
}

/** Deeper than this is no tree of ours. */
const DEPTH_MAX = 8;

/** @returns parents before their children; who has no parent in the list is a root */
export function processTree(processes: readonly ProcessSnapshot[]): TreeNode[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  const children = Map.groupBy(processes, ({ ppid, pid }) =>
    ppid !== null && ppid !== pid && pids.has(ppid) ? ppid : null,
  );
  const nodes: TreeNode[] = [];
  const visit = (process: ProcessSnapshot, above: readonly Guide[], own: Guide | null): void => {
    nodes.push({ process, guides: own === null ? above : [...above, own] });
    if (above.length >= DEPTH_MAX) return;
    const passes: Guide[] = own === null ? [] : [own === "last" ? "blank" : "pass"];
    const below = children.get(process.pid) ?? [];
    below.forEach((child, index) => {
      visit(child, [...above, ...passes], index === below.length - 1 ? "last" : "fork");
    });
  };
  for (const root of children.get(null) ?? []) visit(root, [], null);
  return nodes;
}
