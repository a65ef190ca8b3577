/**
 * `portico stack`: what a worker's Python is doing now, or what all of them are.
 */
import { EXIT_STATUS, type ExitStatus } from "../../base/errors.ts";
import { escapeAndCutForLog } from "../../base/escape.ts";
import { detailLines } from "../../base/log.ts";
import { asciiJson } from "../../server/control/control-protocol.ts";
import type { GatewayStatus } from "../../server/gateway-status.ts";
import type { WorkerStatus } from "../../workers/supervisor-status.ts";
import type { CommandOutput } from "./command-output.ts";
import { askOnce } from "./control-client.ts";
import { conversationEndText, nobodyThere } from "./conversation-end.ts";
import type { MeantGateway } from "./gateway-search.ts";
import { duration } from "./status-report.ts";

export interface AskedStack {
  readonly pid: number;
  /** As Python writes it; null where there is none, and then `why` says why. */
  readonly text: string | null;
  readonly why: string | null;
}

/** The gateway's own bound is 2 s. */
const ANSWER_MAX_MS = 10_000;
/** Workers that are asked at a time, so that others find room at the control socket. */
const ASKED_MAX = 4;
const REQUEST_MAX_CHARS = 72;
const WHY_MAX_CHARS = 1_000;

/** Of one worker. Never rejects: who cannot be asked has a reason. */
export async function stackOf(gateway: MeantGateway, pid: number): Promise<AskedStack> {
  const request = { command: "stack", arguments: { pid } };
  const end = await askOnce(gateway.path, request, ANSWER_MAX_MS);
  if (end.kind !== "answered") return { pid, text: null, why: conversationEndText(end) };
  const { answer } = end;
  if (answer.kind === "failed" || answer.kind === "refused") {
    return { pid, text: null, why: answer.why };
  }
  const { text } = Object(answer.result) as Readonly<Record<string, unknown>>;
  if (typeof text === "string") return { pid, text, why: null };
  return { pid, text: null, why: "what it answers is not understood here" };
}

/** @param pid null for all workers */
export async function runStack(
  gateway: MeantGateway,
  pid: number | null,
  json: boolean,
  output: CommandOutput,
): Promise<ExitStatus> {
  const workers = await workersOf(gateway);
  if (workers === null) {
    output.complain(nobodyThere(gateway));
    return EXIT_STATUS.notRunning;
  }
  if (typeof workers === "string") {
    output.complain(`portico: stack: ${escapeAndCutForLog(workers, WHY_MAX_CHARS)}\n`);
    return EXIT_STATUS.failure;
  }
  const pids = pid === null ? workers.flatMap((worker) => worker.pid ?? []) : [pid];
  const stacks: AskedStack[] = [];
  for (let at = 0; at < pids.length; at += ASKED_MAX) {
    const some = pids.slice(at, at + ASKED_MAX);
    stacks.push(...(await Promise.all(some.map((one) => stackOf(gateway, one)))));
  }
  if (json) output.out(`${asciiJson({ stacks }, 2)}\n`);
  else for (const stack of stacks) print(stack, workers, output);
  return stacks.every(({ text }) => text !== null) ? EXIT_STATUS.clean : EXIT_STATUS.failure;
}

/** @returns why not, as text; null where nobody answers */
async function workersOf(gateway: MeantGateway): Promise<WorkerStatus[] | string | null> {
  const request = { command: "status", arguments: {} };
  const end = await askOnce(gateway.path, request, ANSWER_MAX_MS);
  if (end.kind === "nobody") return null;
  if (end.kind !== "answered") return `${gateway.name}: ${conversationEndText(end)}`;
  if (end.answer.kind !== "done") return `${gateway.name} does not say which workers it has`;
  const { generations } = end.answer.result as GatewayStatus;
  return generations.flatMap(({ workers }) => [...workers]);
}

function print(stack: AskedStack, workers: readonly WorkerStatus[], output: CommandOutput): void {
  const { pid, text, why } = stack;
  if (text === null) {
    output.complain(`portico: stack: ${escapeAndCutForLog(why ?? "", WHY_MAX_CHARS)}\n`);
    return;
  }
  const worker = workers.find((one) => one.pid === pid);
  const does = (worker?.busy ?? []).map(
    ({ request, ageMs }) =>
      `${escapeAndCutForLog(request, REQUEST_MAX_CHARS)} (${duration(ageMs)})`,
  );
  const title = `worker ${worker?.number ?? ""}, PID ${pid}: ${does.join(", ") || "idle"}`;
  output.out(`${[title, ...detailLines(text)].join("\n")}\n`);
}
