/** A played worker: a process with a file in memory, to which it writes when it is told. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { askStack } from "../../src/workers/worker-stack.ts";

const PLAYED = `
import fcntl, os, signal, sys
signal.signal(61, lambda *_: None)
files = [os.memfd_create(name) for name in ("portico-stacks", "another")]
for file in files:
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
print(*files, flush=True)
for line in sys.stdin:
    times, text = line.split()
    for _ in range(int(times)):
        os.write(files[0], text.encode() + b"\\n")
`;
const SIGNAL = 61;

let worker: ChildProcess;
let pid: number;
let own: number;
let other: number;

before(async () => {
  worker = spawn("python3", ["-c", PLAYED], { stdio: ["pipe", "pipe", "inherit"] });
  pid = worker.pid ?? 0;
  assert.ok(worker.stdout !== null);
  const { value } = await createInterface({ input: worker.stdout })[Symbol.asyncIterator]().next();
  [own = 0, other = 0] = String(value).split(" ").map(Number);
});

after(() => worker.kill("SIGKILL"));

/** Has the worker write a line so many times, when it is sent the signal. */
function writing(times: number, text: string): (signal: number) => void {
  return (signal) => {
    assert.equal(signal, SIGNAL);
    worker.stdin?.write(`${times} ${text}\n`);
  };
}

test("what it writes upon the signal is the answer, each time anew", async () => {
  for (const text of ["one", "two"]) {
    const answer = await askStack(pid, { signal: SIGNAL, descriptor: own }, writing(3, text));
    assert.deepEqual(answer, { kind: "stack", text: `${text}\n`.repeat(3) });
  }
});

test("who asks meanwhile gets the same, and it is asked once", async () => {
  let signals = 0;
  const place = { signal: SIGNAL, descriptor: own };
  const send = (signal: number): void => {
    signals++;
    writing(1, "same")(signal);
  };
  const [one, another] = await Promise.all([
    askStack(pid, place, send),
    askStack(pid, place, send),
  ]);
  assert.deepEqual(one, { kind: "stack", text: "same\n" });
  assert.equal(another, one);
  assert.equal(signals, 1);
});

test("very much of it is cut", async () => {
  const place = { signal: SIGNAL, descriptor: own };
  const answer = await askStack(pid, place, writing(10_000, "a".repeat(99)));
  assert.ok(answer.kind === "stack");
  assert.equal(answer.text.length, 65_536 + "\n...\n".length);
});

test("where nothing comes, it says so", async () => {
  const answer = await askStack(pid, { signal: SIGNAL, descriptor: own }, () => {});
  assert.ok(answer.kind === "refused");
  assert.match(answer.why, /^worker PID \d+ did not come to it within 2 s/);
});

test("one that has no handler for the signal is not sent it", async () => {
  const unused = SIGNAL - 1;
  const place = { signal: unused, descriptor: own };
  const answer = await askStack(pid, place, () => assert.fail("sent"));
  assert.deepEqual(answer, {
    kind: "refused",
    why: `the application has left worker PID ${pid} without a handler for signal ${unused}`,
  });
});

test("another file, and none, is not read, and nobody is sent a signal", async () => {
  for (const [of, descriptor, code] of [
    [pid, other, "ENXIO"],
    [pid, 999, "ENOENT"],
    [2 ** 22 + 1, own, "ENOENT"],
  ] as const) {
    const answer = await askStack(of, { signal: SIGNAL, descriptor }, () => assert.fail("sent"));
    assert.deepEqual(answer, {
      kind: "refused",
      why: `where worker PID ${of} writes its stacks cannot be opened (${code})`,
    });
  }
});
