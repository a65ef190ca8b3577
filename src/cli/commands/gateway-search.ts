/**
 * Which running portico a command is for: the one that was named, or the only one that there is.
 */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../../base/errors.ts";
import { escapeAndCutForLog } from "../../base/escape.ts";
import { quote, usageError } from "../../options/given-values.ts";
import {
  type FoundSocket,
  isRunning,
  searchedFolders,
  socketsIn,
  type Viewer,
} from "../../server/control/control-place.ts";
import type { CommandArguments } from "./command-arguments.ts";
import { askOnce } from "./control-client.ts";

/** What each of several gets to say what it is. */
const INTRODUCTION_TIMEOUT_MS = 2_000;
/** Sockets that are looked at; nobody has more gateways on one machine. */
const SOCKETS_MAX = 100;
/** Of an application's name and its addresses, in the list of several. */
const TEXT_MAX_CHARS = 60;
const PID = /^\s*([1-9]\d{0,9})\s*$/;

/** The path of the control socket that is meant, and what to call its gateway. */
export interface MeantGateway {
  readonly path: string;
  readonly name: string;
}

interface Introduced extends MeantGateway {
  /** Whether somebody has asked it to stop, so that it is hardly meant. */
  readonly isLeaving: boolean;
}

/**
 * @throws {OperatorError} exit status 5: there is none; 2: there are several, or the file given
 *   holds no PID
 */
export async function findGateway(args: CommandArguments, viewer: Viewer): Promise<MeantGateway> {
  const named = args.controlSocket ?? socketNamedBy(viewer);
  if (args.pid !== null) return gatewayOfPid(args.pid, viewer);
  if (args.pidFile !== null) return gatewayOfPid(readPidFile(args.pidFile), viewer);
  if (named === null) return onlyGateway(searchedFolders(viewer));
  const isFolder = statSync(named, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? onlyGateway([named]) : { path: named, name: named };
}

/**
 * The variable means what it means to the gateway, but that there may be another after all.
 *
 * @returns a socket, or a folder of sockets
 */
export function socketNamedBy({ env }: Viewer): string | null {
  const value = env["PORTICO_CONTROL_SOCKET"] ?? "";
  return value === "" || /^(?:auto|off)$/i.test(value) ? null : value;
}

function gatewayOfPid(pid: number, viewer: Viewer): MeantGateway {
  const folders = searchedFolders(viewer);
  for (const folder of folders) {
    const found = socketsIn(folder).find((socket) => socket.pid === pid);
    if (found !== undefined) return { path: found.path, name: `PID ${pid}` };
  }
  const hint = isRunning(pid)
    ? "; the process runs, so --control-socket may have to say where its socket is"
    : "";
  throw notRunning(`no control socket of PID ${pid} is in ${listed(folders)}${hint}`);
}

function readPidFile(file: string): number {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw notRunning(`there is no file ${file}`);
    throw usageError(`--pid-file: ${quote(file)} cannot be read (${code})`);
  }
  const pid = PID.exec(text)?.[1];
  if (pid === undefined) throw usageError(`--pid-file: ${quote(file)} holds no PID`);
  return Number(pid);
}

async function onlyGateway(folders: readonly string[]): Promise<MeantGateway> {
  const sockets = folders.flatMap((folder) => socketsIn(folder)).slice(0, SOCKETS_MAX);
  const introductions = await Promise.all(sockets.map((socket) => introduce(socket)));
  const alive = introductions.filter((found) => found !== null);
  const [first] = alive;
  if (first === undefined) throw notRunning(`no control socket is in ${listed(folders)}`);
  if (alive.length === 1) return first;
  const staying = alive.filter(({ isLeaving }) => !isLeaving);
  if (staying.length === 1 && staying[0] !== undefined) return staying[0];
  const lines = alive.map(({ name }) => name).join("; ");
  throw usageError(`${alive.length} are running, so --pid has to say which: ${lines}`);
}

/** @returns null where nobody answers there any more */
async function introduce(socket: FoundSocket): Promise<Introduced | null> {
  const request = { command: "status", arguments: {} };
  const end = await askOnce(socket.path, request, INTRODUCTION_TIMEOUT_MS);
  if (end.kind === "nobody") return null;
  const name = `PID ${socket.pid}`;
  if (end.kind !== "answered" || end.answer.kind !== "done") {
    return { path: socket.path, name: `${name} (does not answer)`, isLeaving: false };
  }
  const status = Object(end.answer.result) as Readonly<Record<string, unknown>>;
  const { application, addresses, state } = status;
  const at = Array.isArray(addresses) ? ` at ${shown(addresses.join(", "))}` : "";
  return {
    path: socket.path,
    name: `${name}, ${shown(application)}${at}`,
    isLeaving: state !== "starting" && state !== "serving",
  };
}

function shown(text: unknown): string {
  return escapeAndCutForLog(String(text), TEXT_MAX_CHARS);
}

function listed(folders: readonly string[]): string {
  return folders.length === 0
    ? "any runtime folder"
    : folders.map((it) => path.resolve(it)).join(", ");
}

function notRunning(why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.notRunning, `no portico is running there: ${why}`);
}
