/**
 * `portico load`: finds the server, has the load carried out, listens to Ctrl-C, and prints.
 */
import { EXIT_STATUS, OperatorError, SystemCallError } from "../../base/errors.ts";
import { escapeForLog } from "../../base/escape.ts";
import { ForkedParty } from "../../load/forked-party.ts";
import type { LoadParty } from "../../load/load-party.ts";
import { arrivalsAtRate, type LoadPlan } from "../../load/load-plan.ts";
import { loadReport } from "../../load/load-report.ts";
import { LocalParty } from "../../load/local-party.ts";
import { FAILURE_KINDS, type FailureKind, failureKind } from "../../load/request-failure.ts";
import { openConnector } from "../../net/open-connector.ts";
import { reachableAddress } from "../../net/reachable-address.ts";
import { connectionsLeft } from "../../os/descriptors.ts";
import { formatAddress, type SocketAddress } from "../../os/socket-address.ts";
import type { Viewer } from "../../server/control/control-place.ts";
import { asciiJson } from "../../server/control/control-protocol.ts";
import { type LoadArguments, parseLoadArguments } from "./load-arguments.ts";
import { loadHelp } from "./load-help.ts";
import { formatPlace, loadTarget, type LoadTarget } from "./load-target.ts";
import { loadText, progressText } from "./load-text.ts";
import { findServer, lookAgain, type ServerMoment, serverSide } from "./server-side.ts";

/** Where text goes, and who can be asked about the servers of this machine. */
export interface LoadSurroundings {
  readonly version: string;
  readonly viewer: Viewer;
  out(text: string): void;
  /** Shows a line in the place of the one before; null where nobody looks on. */
  readonly showProgress: ((line: string) => void) | null;
  /** Calls back for each SIGINT and SIGTERM, until what is returned is called. */
  onInterrupt(callback: () => void): () => void;
  /** Ends the process. */
  exit(status: number): void;
}

const PROGRESS_INTERVAL_MS = 200;
/** 128 and the number of SIGINT, as a shell has it. */
const INTERRUPTED_STATUS = 130;

/**
 * @param argv what follows `load`
 * @returns the exit status: 0, or 1 where requests got no whole answer
 * @throws {OperatorError} exit status 2: the command line is wrong; 1: the server cannot be reached
 */
export async function runLoad(
  argv: readonly string[],
  surroundings: LoadSurroundings,
): Promise<number> {
  const args = parseLoadArguments(argv);
  if (args.help) {
    surroundings.out(loadHelp());
    return EXIT_STATUS.clean;
  }
  checkDescriptors(args);
  const target = loadTarget(args, surroundings.version);
  const address = await addressOf(target, args.timeoutMs);
  const plan: LoadPlan = {
    address,
    method: target.method,
    request: target.request,
    connections: args.connections,
    durationMs: args.durationMs,
    requestsMax: args.requests,
    arrivals: args.rate === null ? null : arrivalsAtRate(args.rate),
    keepAlive: !args.noKeepAlive,
    timeoutMs: args.timeoutMs,
  };
  const before = await findServer(address, surroundings.viewer);
  const party = args.forks > 1 ? new ForkedParty(plan, args.forks) : new LocalParty(plan);
  try {
    return await carryOut(party, args, target, address, before, surroundings);
  } finally {
    party.close();
  }
}

async function carryOut(
  party: LoadParty,
  args: LoadArguments,
  target: LoadTarget,
  address: SocketAddress,
  before: ServerMoment | null,
  surroundings: LoadSurroundings,
): Promise<number> {
  let interrupted = false;
  const stopListening = surroundings.onInterrupt(() => {
    if (interrupted) surroundings.exit(INTERRUPTED_STATUS);
    interrupted = true;
    party.stop();
  });
  const hide = showProgress(party, args, surroundings);
  try {
    const { opened, failure } = await party.open();
    if (opened === 0 && interrupted) throw cannotLoad(target.url, "ended before it was connected");
    if (opened === 0 && failure !== null) throw unreachable(target, failure);
    // An interrupt before the start ends it at once, and the report says so.
    const result = party.start();
    if (interrupted) party.stop();
    const ended = await result;
    hide();
    const after = before === null ? null : await lookAgain(before);
    const server = before === null || after === null ? null : serverSide(before, after);
    const report = loadReport(
      {
        url: target.url,
        address: formatAddress(address),
        method: target.method,
        connections: args.connections,
        processes: args.forks,
        ratePerSecond: args.rate,
        keepAlive: !args.noKeepAlive,
        interrupted,
      },
      ended,
      server,
    );
    surroundings.out(args.json ? `${asciiJson(report, 2)}\n` : loadText(report));
    const { answered, failed } = report.requests;
    const isClean = failed === 0 && answered > 0 && ended.lostProcesses === 0;
    return isClean ? EXIT_STATUS.clean : EXIT_STATUS.failure;
  } finally {
    hide();
    stopListening();
  }
}

/** @returns what takes the line away again; idempotent */
function showProgress(
  party: LoadParty,
  { durationMs }: LoadArguments,
  { showProgress: show }: LoadSurroundings,
): () => void {
  if (show === null) return () => {};
  const timer = setInterval(
    () => show(progressText(party.progress(), durationMs)),
    PROGRESS_INTERVAL_MS,
  );
  let isShown = true;
  return () => {
    if (isShown) show("");
    isShown = false;
    clearInterval(timer);
  };
}

function checkDescriptors({ connections, forks }: LoadArguments): void {
  const left = connectionsLeft();
  const each = Math.ceil(connections / forks);
  if (each <= left) return;
  throw new OperatorError(
    EXIT_STATUS.failure,
    `${each} connections are more than the ${left} descriptors that this process may still open; ` +
      "raise the limit (ulimit -n), or share them among --forks",
  );
}

async function addressOf({ place, url }: LoadTarget, timeoutMs: number): Promise<SocketAddress> {
  if (place.kind === "unix") return { family: "unix", path: place.path };
  const connector = openConnector();
  try {
    return await reachableAddress(connector, place.host, place.port, timeoutMs);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    const kind = error.systemCall === "getaddrinfo" ? null : failureKind(error);
    const why = kind === null ? `the name ${place.host} has no address` : FAILURE_KINDS[kind];
    throw cannotLoad(url, `${why} (${error.code})`);
  } finally {
    connector.close();
  }
}

function unreachable(
  { url, place }: LoadTarget,
  { kind, message }: { readonly kind: FailureKind; readonly message: string },
): OperatorError {
  const advice = kind === "refused" ? `; does a server listen at ${formatPlace(place)}?` : "";
  return cannotLoad(url, `${FAILURE_KINDS[kind]} (${message})${advice}`);
}

function cannotLoad(url: string, why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.failure, escapeForLog(`cannot load ${url}: ${why}`));
}
