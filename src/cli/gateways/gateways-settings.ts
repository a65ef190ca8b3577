/**
 * What `--gateways` means beside the other options: what cannot be had with it, and what part of a
 * bound each gateway keeps.
 */
import { EXIT_STATUS, OperatorError } from "../../base/errors.ts";
import type { Options } from "../../options/registry.ts";
import type { Transport } from "../../net/transport.ts";
import { boundShare } from "../../server/gateways/shares.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { Run } from "../gateway-settings.ts";

/** @throws {OperatorError} exit status 2: an option that one gateway alone understands */
export function refuseWithSeveral(options: Options): void {
  const { gateways } = options;
  const refuse = (what: string, why: string): never => {
    throw new OperatorError(
      EXIT_STATUS.usage,
      `${what}: not with --gateways ${gateways}, since ${why}; leave one of the two out`,
    );
  };
  if (options.reload) refuse("--reload", "there is one developer, and one page that shows errors");
  if (options.transport === "node") {
    refuse("--transport node", "several gateways need sockets of our own (epoll)");
  }
  if (options.metrics?.startsWith("/") === true) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      `--metrics ${options.metrics}: not with --gateways ${gateways}, since the process that ` +
        "adds the figures up serves no site; give them an address of their own, such as " +
        "--metrics 127.0.0.1:9100",
    );
  }
}

/** @throws {OperatorError} exit status 1: this system has no such sockets */
export function requireOwnSockets({ name }: Transport, { gateways }: Options): void {
  if (name === "epoll") return;
  throw new OperatorError(
    EXIT_STATUS.failure,
    `--gateways ${gateways} is not available here, since it needs sockets of our own (epoll); ` +
      "use --gateways 1",
  );
}

/**
 * Workers of all gateways together. Each gateway needs one: a number that was asked for is refused
 * where it is too small, and one that was chosen here is raised.
 *
 * @throws {OperatorError} exit status 2
 */
export function workersOfAll({ options, workers }: Run): Run["workers"] {
  const { gateways } = options;
  const { range } = workers;
  if (range.min >= gateways) return workers;
  if (options.workers === "auto") {
    return { range: { min: gateways, max: gateways }, reason: "one for each gateway" };
  }
  throw new OperatorError(
    EXIT_STATUS.usage,
    `--workers ${options.workers}: --gateways ${gateways} needs at least ${gateways} workers, ` +
      `one for each; ${describeRemedy(range)}`,
  );
}

/** The options of one gateway: bounds on what it holds are divided. */
export function optionsOfOne(options: Options): Options {
  const { gateways } = options;
  return {
    ...options,
    queueLengthMax: boundShare(options.queueLengthMax, gateways),
    connectionsMax: boundShare(options.connectionsMax, gateways),
    responseBufferTotalBytes: boundShare(options.responseBufferTotalBytes, gateways),
  };
}

function describeRemedy({ min }: WorkerRange): string {
  return min === 1 ? "leave --gateways out" : `ask for --gateways ${min}, or for more workers`;
}
