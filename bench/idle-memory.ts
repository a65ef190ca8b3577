/**
 * Measures what an idle connection costs in memory: the gateway with so many keep-alive connections
 * against the same gateway before, from outside.
 *
 *     node bench/idle-memory.ts                  # 10,000 connections, or as many as there may be
 *     node bench/idle-memory.ts --connections 2000 --transport epoll
 *
 * A connection is silent (nothing was sent yet), or has had one request of 4 or of 12 fields and
 * its answer. "resident" is the growth of the process (proc(5)) as it stands, "collected" the same
 * after the garbage collection that would have come later; heap and external are V8's own figures
 * then. "kernel" is what the growth of the socket slabs and socket buffers comes to; it counts
 * both ends, because the clients are on this machine too, and is left out where /proc/slabinfo
 * cannot be read.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type net from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openableConnections, openConnections, residentBytes } from "./idle-connections.ts";
import { INSPECTED, Inspector, inspectorUrl, type MemoryUsage } from "./inspector.ts";
import { fieldsOf, headOf } from "./request-heads.ts";
import { APPLICATIONS_FOLDER, PROJECT_FOLDER } from "./servers.ts";

/** Connections that come and go before the first look, so that the process is warm. */
const WARM_UP_CONNECTIONS = 500;
const SETTLE_MS = 1_500;
const START_TIMEOUT_MS = 20_000;
const POLL_INTERVAL_MS = 50;
const OUTPUT_KEPT_MAX_CHARS = 10_000;

/** A state of the gateway; bytes. */
interface Look {
  readonly residentBytes: number;
  readonly collectedBytes: number;
  readonly usage: MemoryUsage;
  readonly kernelBytes: number | null;
}

/** What the clients send; null for nothing. */
const KINDS: readonly (readonly [name: string, request: Buffer | null])[] = [
  ["silent", null],
  ["4 fields", headOf(fieldsOf(4), "")],
  ["12 fields", headOf(fieldsOf(12), "")],
];

/** Memory of all TCP sockets of the machine: their objects (slabinfo(5)) and their buffers. */
function kernelBytes(): number | null {
  try {
    const slabs = readFileSync("/proc/slabinfo", "latin1");
    const ofSocket = /^(?:TCP|sock_inode_cache|filp|dentry|eventpoll_\w+) +(\d+) +\d+ +(\d+) /gm;
    const objects = [...slabs.matchAll(ofSocket)].reduce(
      (sum, [, count, size]) => sum + Number(count) * Number(size),
      0,
    );
    const pages = /^TCP: .* mem (\d+)$/m.exec(readFileSync("/proc/net/sockstat", "latin1"))?.[1];
    return objects + Number(pages) * 4096;
  } catch {
    return null;
  }
}

async function look(pid: number, inspector: Inspector): Promise<Look> {
  await pause(SETTLE_MS);
  const resident = residentBytes(pid);
  await inspector.collectGarbage();
  await pause(SETTLE_MS);
  return {
    residentBytes: resident,
    collectedBytes: residentBytes(pid),
    usage: await inspector.memoryUsage(),
    kernelBytes: kernelBytes(),
  };
}

interface Gateway {
  readonly child: ChildProcess;
  readonly port: number;
  readonly inspector: Inspector;
}

async function start(transport: string): Promise<Gateway> {
  const child = spawn(
    path.join(PROJECT_FOLDER, "bin", "portico"),
    [
      `--transport=${transport}`,
      "--workers=1",
      "--access-log=off",
      "--keep-alive=30m",
      "--header-timeout=30m",
      "--bind=127.0.0.1:0",
      "hello:app",
    ],
    {
      cwd: APPLICATIONS_FOLDER,
      env: { ...process.env, NODE_OPTIONS: INSPECTED },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT_MAX_CHARS);
    });
  }
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    const url = inspectorUrl(output);
    if (port !== undefined && url !== null) {
      return { child, port: Number(port), inspector: await Inspector.connect(url) };
    }
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`the gateway does not start; its output:\n${output}`);
    }
    await pause(POLL_INTERVAL_MS);
  }
}

/** One gateway of its own for each kind: memory that another left behind would be in the figure. */
async function measure(
  transport: string,
  count: number,
  request: Buffer | null,
): Promise<Record<string, number | string>> {
  const { child, port, inspector } = await start(transport);
  const ended = once(child, "exit");
  let sockets: net.Socket[] = [];
  try {
    const pid = child.pid ?? 0;
    for (const socket of await openConnections(port, WARM_UP_CONNECTIONS, KINDS[1]?.[1] ?? null)) {
      socket.destroy();
    }
    const before = await look(pid, inspector);
    sockets = await openConnections(port, count, request);
    const after = await look(pid, inspector);
    const each = (read: (look: Look) => number): number =>
      Math.round((read(after) - read(before)) / count);
    const { kernelBytes: kernelBefore } = before;
    const { kernelBytes: kernelAfter } = after;
    const kernel =
      kernelBefore === null || kernelAfter === null ? "-" : (kernelAfter - kernelBefore) / count;
    return {
      resident: each((taken) => taken.residentBytes),
      collected: each((taken) => taken.collectedBytes),
      heap: each(({ usage }) => usage.heapUsed),
      external: each(({ usage }) => usage.external),
      kernel: typeof kernel === "number" ? Math.round(kernel) : kernel,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    inspector[Symbol.dispose]();
    child.kill("SIGTERM");
    await ended;
  }
}

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "10000" },
    transport: { type: "string", multiple: true, default: ["epoll", "node"] },
  },
});
const count = openableConnections(Number(values.connections));
const rows: Record<string, number | string>[] = [];
for (const transport of values.transport) {
  for (const [kind, request] of KINDS) {
    rows.push({ transport, connection: kind, ...(await measure(transport, count, request)) });
  }
}
console.log(`Node.js ${process.version}, ${count} connections, bytes a connection`);
console.table(rows);
