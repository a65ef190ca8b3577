/** Why a worker was replaced is told apart by how it ended. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  causeOfEnd,
  CLOSED_CHANNEL_REASON,
  describeEnd,
  endFields,
  noRestarts,
  type RestartCause,
} from "../../src/workers/worker-end.ts";
import { WorkerHandle } from "../../src/workers/worker-handle.ts";

const SIGKILL = 9;
const SIGSEGV = 11;

function handle(values: Partial<WorkerHandle> = {}): WorkerHandle {
  return Object.assign(new WorkerHandle(1, [], 0, null), { pid: 4_711 }, values);
}

test("a status, a signal, or a kill of ours that nobody else accounts for", () => {
  const cases: readonly (readonly [WorkerHandle, number | null, number | null, RestartCause])[] = [
    [handle(), 1, null, "exit"],
    [handle(), 0, null, "exit"],
    [handle(), null, SIGSEGV, "signal"],
    [handle(), null, SIGKILL, "signal"],
    [handle({ killedAtMs: 5 }), null, SIGKILL, "channel"],
  ];
  for (const [worker, status, signal, cause] of cases) {
    assert.equal(causeOfEnd(worker, { status, signal }), cause);
    assert.equal(noRestarts()[cause], 0, "there is a count for it");
  }
});

test("what the log says of it", () => {
  assert.equal(describeEnd({ status: 3, signal: null }), "with status 3");
  assert.equal(describeEnd({ status: null, signal: SIGSEGV }), "by SIGSEGV");
  assert.deepEqual(endFields(handle(), { status: 3, signal: null }), { pid: 4_711, status: 3 });
  const killed = { status: null, signal: SIGKILL };
  assert.deepEqual(endFields(handle(), killed), {
    pid: 4_711,
    signal: "SIGKILL",
    hint: "the kernel does that where memory runs out",
  });
  // Its channel was closed by that, which was read first; it was to be killed later.
  const closed = handle({ killAtMs: 5, reason: CLOSED_CHANNEL_REASON });
  assert.deepEqual(endFields(closed, killed), endFields(handle(), killed));
  assert.deepEqual(endFields(closed, { status: 3, signal: null }), { pid: 4_711, status: 3 });
  const wentOn = handle({ killAtMs: 5, killedAtMs: 4, reason: CLOSED_CHANNEL_REASON });
  assert.deepEqual(endFields(wentOn, killed), {
    pid: 4_711,
    signal: "SIGKILL",
    reason: "closed its channel",
  });
  const ours = handle({ killAtMs: 5, killedAtMs: 4, reason: "did not answer in time" });
  assert.deepEqual(endFields(ours, killed), {
    pid: 4_711,
    signal: "SIGKILL",
    reason: "did not answer in time",
  });
});
