import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { after, test } from "node:test";
import { catchesSignal, childrenOf, parseStat, processFacts } from "../../src/os/process-facts.ts";

test("this process is one that runs, and a child of its parent", () => {
  const facts = processFacts(process.pid);
  assert.ok(facts !== null);
  assert.equal(facts.ppid, process.ppid);
  assert.equal(facts.state, "R");
  assert.ok(facts.rssBytes > 1_000_000);
  assert.ok(facts.cpuMs > 0 && facts.cpuMs < 600_000);
});

test("a child is its parent's, younger, and listed there", async () => {
  const child = spawn("sleep", ["60"]);
  after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  assert.ok(childrenOf(process.pid).includes(pid));
  const [own, its] = [processFacts(process.pid), processFacts(pid)];
  assert.ok(own !== null && its !== null);
  assert.equal(its.ppid, process.pid);
  assert.ok(its.startedMs >= own.startedMs);
});

test("which signals a process handles is told", async () => {
  const { SIGTERM, SIGWINCH } = constants.signals;
  const child = spawn("sleep", ["60"]);
  after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  assert.equal(catchesSignal(child.pid ?? 0, SIGTERM), false);
  const handler = (): void => {};
  process.on("SIGWINCH", handler);
  assert.equal(catchesSignal(process.pid, SIGWINCH), true);
  process.off("SIGWINCH", handler);
});

test("of what is no process nothing is told", () => {
  assert.equal(catchesSignal(2 ** 22 + 1, 15), null);
  assert.equal(processFacts(2 ** 22 + 1), null);
  assert.deepEqual(childrenOf(2 ** 22 + 1), []);
});

test("a name may hold what else divides the line", () => {
  const rest = "Z 7 1 1 0 -1 4194560 5677 57437 0 0 12 3 52 13 20 0 1 0 4445697 5259264 969 1";
  const facts = parseStat(`31781 (a) S 1 (b) ${rest}\n`);
  assert.deepEqual(facts, {
    name: "a) S 1 (b",
    state: "Z",
    ppid: 7,
    cpuMs: 150,
    childrenCpuMs: 650,
    startedMs: 44_456_970,
    rssBytes: 969 * 4_096,
  });
  assert.equal(parseStat(""), null);
  assert.equal(parseStat("12 (cut) R 1"), null);
});
