/**
 * The few lines that a person reads when the program starts. Pure: what they say is given.
 */
import type { PythonInterpreter } from "../workers/python-interpreter.ts";
import type { WorkerRange } from "../workers/worker-scaling.ts";
import type { LoadedApplication } from "../workers/zygote.ts";
import type { WorkerClass } from "../workers/zygote-start.ts";

export interface StartUpFacts {
  readonly version: string;
  /** As it was given. */
  readonly reference: string;
  /** null where it does not load yet, and `--reload` waits until it does. */
  readonly application: LoadedApplication | null;
  /** Each as a URL or `unix:/path`. */
  readonly addresses: readonly string[];
  /** Where figures are for Prometheus; null where there are none. */
  readonly metrics: string | null;
  /** Where the live page is; null where there is none, or not yet. */
  readonly dashboard: string | null;
  /** Of the one that leads, where there are several. */
  readonly gatewayPid: number;
  /** 1 where it is not given. */
  readonly gateways?: number;
  readonly transport: string;
  readonly workers: WorkerRange;
  readonly workerClass: WorkerClass;
  readonly threads: number;
  readonly workersReason: string;
  /** What was asked for, and what the kernel grants. */
  readonly backlog: number;
  readonly effectiveBacklog: number;
  readonly interpreter: PythonInterpreter;
}

/** @returns whole lines, the last one with its line end */
export function startUpReport(facts: StartUpFacts): string {
  const { application, interpreter } = facts;
  const backlog =
    facts.effectiveBacklog < facts.backlog
      ? `${facts.effectiveBacklog}, cut from ${facts.backlog} by the kernel (net.core.somaxconn)`
      : String(facts.backlog);
  const version = application === null ? "" : `${application.python}, `;
  const rows: [label: string, value: string][] = [
    ...facts.addresses.map((address): [string, string] => ["listening", address]),
    ["backlog", backlog],
    ...place("metrics", facts.metrics),
    ...place("dashboard", facts.dashboard),
    describeGateways(facts),
    ["workers", `${describeWorkers(facts)} (${facts.workersReason})`],
    ["python", `${version}${interpreter.command} (${interpreter.origin})`],
  ];
  const title = `portico ${facts.version} serves ${describeApplication(facts)}`;
  const lines = rows.map(([label, value]) => `  ${label.padEnd(10)} ${value}`);
  return `${[title, ...lines].join("\n")}\n`;
}

function place(label: string, url: string | null): [label: string, value: string][] {
  return url === null ? [] : [[label, url]];
}

function describeGateways(facts: StartUpFacts): [label: string, value: string] {
  const { gateways = 1, gatewayPid, transport } = facts;
  if (gateways === 1) return ["gateway", `PID ${gatewayPid}, sockets by ${transport}`];
  return ["gateways", `${gateways}, led by PID ${gatewayPid}, sockets by ${transport}`];
}

function describeApplication({ application, reference }: StartUpFacts): string {
  if (application === null) return `${reference} as soon as it loads`;
  const kind = application.kind === "WSGI" ? "a WSGI application" : `${application.kind}, WSGI`;
  return `${application.reference} (${kind})`;
}

function describeWorkers({ workers: { min, max }, workerClass, threads }: StartUpFacts): string {
  const count = min === max ? String(min) : `${min} to ${max}`;
  if (workerClass === "thread") return `${count}, ${threads} threads each`;
  return workerClass === "request" ? `${count} at most, each for one request` : count;
}
