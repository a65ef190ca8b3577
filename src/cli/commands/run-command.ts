/**
 * Carries a command for a running portico out: asks over the control socket, prints what is
 * answered, and says with which status to exit.
 */
import { setTimeout as pause } from "node:timers/promises";
import { EXIT_STATUS, type ExitStatus } from "../../base/errors.ts";
import { escapeAndCutForLog, escapeForLog } from "../../base/escape.ts";
import { detailLines } from "../../base/log.ts";
import { processFacts } from "../../os/process-facts.ts";
import { within } from "../../server/bounded-wait.ts";
import { isRunning, type Viewer } from "../../server/control/control-place.ts";
import { asciiJson, type ControlAnswer } from "../../server/control/control-protocol.ts";
import type { GatewayStatus } from "../../server/gateway-status.ts";
import type { CommandArguments } from "./command-arguments.ts";
import type { CommandOutput } from "./command-output.ts";
import type { CommandRecord } from "./command-records.ts";
import { type Conversation, converse } from "./control-client.ts";
import { nobodyThere } from "./conversation-end.ts";
import { findGateway, type MeantGateway } from "./gateway-search.ts";
import { runStack } from "./stack-command.ts";
import { duration, statusReport } from "./status-report.ts";

type Facts = Readonly<Record<string, unknown>>;

/** What was heard before the answer. */
interface Progress {
  /** null until one serves and is watched. */
  watchedGeneration: number | null;
}

/** What the first answer may take: a gateway that serves gives it at once. */
const FIRST_ANSWER_TIMEOUT_MS = 10_000;
/** Beyond what a gateway itself says that it may take. */
const GRACE_MS = 10_000;
/** A watch ends when the gateway says so, and this is longer than any. */
const WATCH_TIMEOUT_MS = 86_400_000;
/** From the end of the last connection to the end of the process. */
const GONE_TIMEOUT_MS = 2_000;
const GONE_INTERVAL_MS = 10;
const WHY_MAX_CHARS = 1_000;

/**
 * @throws {OperatorError} exit status 2 or 5: it is not clear which one is meant, or there is none
 */
export async function runCommand(
  record: CommandRecord,
  args: CommandArguments,
  viewer: Viewer,
  output: CommandOutput,
): Promise<ExitStatus> {
  const gateway = await findGateway(args, viewer);
  if (record.name === "stack") return runStack(gateway, args.workerPid, args.json, output);
  const request = { command: record.name, arguments: requestArguments(args) };
  const progress: Progress = { watchedGeneration: null };
  const conversation = converse(
    gateway.path,
    request,
    args.waitMs === null || args.waitMs === 0 ? FIRST_ANSWER_TIMEOUT_MS : args.waitMs,
    (result, patience) => {
      const { withinMs, serving, generation } = Object(result) as Facts;
      if (serving === true) {
        progress.watchedGeneration = Number(generation);
        if (!args.json) output.out(`${watchedText(progress.watchedGeneration)}\n`);
      }
      if (args.waitMs !== null) return;
      patience.set(typeof withinMs === "number" ? withinMs + GRACE_MS : WATCH_TIMEOUT_MS);
    },
  );
  try {
    const status = await conclude(conversation, gateway, args, output, progress);
    return status === EXIT_STATUS.unknown && record.unknown === null ? EXIT_STATUS.failure : status;
  } finally {
    conversation.close();
  }
}

function watchedText(generation: number): string {
  return `generation ${generation} serves, and is being watched`;
}

function requestArguments({ name, watch, range }: CommandArguments): Facts {
  if (name === "reload") return { watch };
  return range === null ? {} : { min: range.min, max: range.max };
}

async function conclude(
  conversation: Conversation,
  gateway: MeantGateway,
  args: CommandArguments,
  output: CommandOutput,
  { watchedGeneration }: Progress,
): Promise<ExitStatus> {
  const end = await conversation.end;
  const soFar = watchedGeneration === null ? "" : `; ${watchedText(watchedGeneration)}`;
  const where = escapeForLog(gateway.name);
  switch (end.kind) {
    case "nobody":
      output.complain(nobodyThere(gateway));
      return EXIT_STATUS.notRunning;
    case "broken":
      output.complain(`portico: ${args.name}: ${where}: ${end.why}${soFar}\n`);
      return EXIT_STATUS.unknown;
    case "too-late":
      output.complain(`portico: ${args.name}: ${where} did not answer in time${soFar}\n`);
      return EXIT_STATUS.unknown;
    case "answered":
      if (end.answer.kind === "done" && args.name === "stop") {
        return waitForEnd(conversation, Object(end.answer.result) as Facts, args, output);
      }
      return report(end.answer, args, output);
    default:
      return end satisfies never;
  }
}

/** Prints the last answer. */
function report(answer: ControlAnswer, args: CommandArguments, output: CommandOutput): ExitStatus {
  const { name, json } = args;
  if (answer.kind === "refused") {
    output.complain(`portico: ${name}: ${escapeAndCutForLog(answer.why, WHY_MAX_CHARS)}\n`);
    return EXIT_STATUS.usage;
  }
  const succeeded = answer.kind === "done";
  if (json) {
    const { result } = answer;
    const { kind, ...facts } = answer;
    const printed = name === "status" && succeeded ? result : { outcome: kind, ...facts };
    output.out(`${asciiJson(printed, 2)}\n`);
  } else if (succeeded) {
    output.out(describe(name, answer.result));
  } else if (answer.kind === "failed") {
    const why = escapeAndCutForLog(answer.why, WHY_MAX_CHARS);
    const details = answer.details === null ? [] : detailLines(answer.details);
    output.complain(
      [`portico: ${failure(name, answer.result)}: ${why}`, ...details, ""].join("\n"),
    );
  }
  return succeeded ? EXIT_STATUS.clean : EXIT_STATUS.failure;
}

function describe(name: CommandArguments["name"], result: unknown): string {
  if (name === "status") return statusReport(result as GatewayStatus, Date.now());
  const { generation, watched, min, max } = Object(result) as Facts;
  if (name === "scale") {
    const range = min === max ? `${Number(min)}` : `${Number(min)} to ${Number(max)}`;
    return `workers: ${range}\n`;
  }
  const after = watched === true ? ", and the watch is over" : "";
  return `generation ${Number(generation)} serves${after}\n`;
}

function failure(name: CommandArguments["name"], result: unknown): string {
  if (name !== "reload") return `${name} failed`;
  const { rolledBack } = Object(result) as Facts;
  return rolledBack === true
    ? "the new code was taken back, and the old code serves again"
    : "the reload failed, and the old code goes on";
}

/**
 * The gateway keeps the connection of whoever has asked it to stop: the kernel closes it when the
 * process ends. That holds where the PID means nothing, too, as from another container.
 */
async function waitForEnd(
  conversation: Conversation,
  { pid, withinMs }: Facts,
  args: CommandArguments,
  output: CommandOutput,
): Promise<ExitStatus> {
  const boundMs = args.waitMs ?? Number(withinMs) + GRACE_MS;
  const closed = conversation.closed.then(() => true);
  const ended = (await within(closed, boundMs)) !== null;
  if (ended) await waitUntilGone(Number(pid));
  const isStopped = ended || args.waitMs === 0;
  if (args.json) {
    const outcome = ended ? "done" : isStopped ? "stopping" : "failed";
    output.out(`${asciiJson({ outcome, result: { pid } }, 2)}\n`);
  } else if (ended) {
    output.out(`stopped (PID ${Number(pid)})\n`);
  } else if (isStopped) {
    output.out(`is stopping (PID ${Number(pid)})\n`);
  } else {
    const after = duration(boundMs);
    output.complain(`portico: stop: still running after ${after} (PID ${Number(pid)})\n`);
  }
  return isStopped ? EXIT_STATUS.clean : EXIT_STATUS.failure;
}

async function waitUntilGone(pid: number): Promise<void> {
  const rounds = GONE_TIMEOUT_MS / GONE_INTERVAL_MS;
  for (let round = 0; round < rounds && isRunning(pid) && !isZombie(pid); round++) {
    await pause(GONE_INTERVAL_MS);
  }
}

/** Ended, and not yet taken note of by its parent. */
function isZombie(pid: number): boolean {
  return processFacts(pid)?.state === "Z";
}
