/**
 * What a request may cost at most, in figures that do not depend on how fast or busy the machine
 * is. Above them something was added to the way of every request: take it out, or raise the figure
 * and say why in docs/performance.md.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { APPLICATIONS, get } from "../end-to-end/exercise.ts";
import { childrenOf } from "../end-to-end/process-tree.ts";
import { RawClient } from "../end-to-end/raw-client.ts";
import { runToEnd, startPortico, startServer } from "../end-to-end/server-process.ts";
import { requireProgram } from "../system-programs.ts";

/** Bytes of V8's heap for a request whose header section the client repeats. */
const ALLOCATED_MAX_BYTES = 1_200;
/**
 * System calls of one request alone on a connection that is kept. The gateway: recv, send to the
 * worker, recv from it, send, and two waits for what is ready. The worker: recv and send.
 */
const GATEWAY_CALLS_MAX = 7;
const WORKER_CALLS_MAX = 2.1;
const REQUESTS = 400;

test("a request allocates little in the gateway", async () => {
  const program = path.join(import.meta.dirname, "allocated-bytes.ts");
  const flags = ["--expose-gc", "--min-semi-space-size=128", "--max-semi-space-size=128"];
  const end = await runToEnd(process.execPath, [...flags, program]);
  const bytes = Number(end.stdout);
  assert.ok(bytes > 100 && bytes <= ALLOCATED_MAX_BYTES, `${end.stdout} ${end.stderr}`);
});

if (requireProgram("strace") !== null) {
  test("a request costs few system calls", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "portico-calls-"));
    try {
      await using server = await startPortico(
        ["--chdir", APPLICATIONS, "--workers", "1", "--access-log", "off", "exercise:app"],
        {},
      );
      const [zygote = 0] = childrenOf(server.pid);
      const worker = childrenOf(zygote).at(-1) ?? 0;
      const gatewayCalls = await callsOf(server.pid, server.port, path.join(folder, "gateway"));
      const workerCalls = await callsOf(worker, server.port, path.join(folder, "worker"));
      assert.ok(gatewayCalls >= 4 && gatewayCalls <= GATEWAY_CALLS_MAX, `${gatewayCalls} calls`);
      assert.ok(workerCalls > 1.9 && workerCalls <= WORKER_CALLS_MAX, `${workerCalls} calls`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

/** System calls of one process for each of many requests, one after the other. */
async function callsOf(pid: number, port: number, file: string): Promise<number> {
  using client = await RawClient.connect(port);
  assert.equal((await client.exchange(get("/hello"))).status, 200);
  await using tracer = await startServer("strace", ["-c", "-o", file, "-p", String(pid)], {
    ready: null,
  });
  await tracer.until("attached", () => /attached/.test(tracer.stderr));
  for (let count = 0; count < REQUESTS; count++) {
    assert.equal((await client.exchange(get("/hello"))).status, 200);
  }
  tracer.signal("SIGINT");
  await tracer.ended;
  const total = /^ *100\.00 +\S+ +\S* +(\d+)/m.exec(readFileSync(file, "utf8"));
  assert.ok(total !== null, readFileSync(file, "utf8"));
  return Number(total[1]) / REQUESTS;
}
