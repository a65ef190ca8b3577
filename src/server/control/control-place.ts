/**
 * Where control sockets lie: in a runtime folder that is the user's alone, one file for each
 * gateway, named by its PID. For the gateway that makes one, and for the command that looks for it.
 *
 * Owns which folders these are, when one is not to be trusted, and what is removed from them. Must
 * not know what is said over the socket.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync, type Stats } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { UNIX_PATH_MAX_BYTES } from "../../os/socket-address.ts";

/** Who looks, and with which environment. */
export interface Viewer {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The effective user. */
  readonly uid: number;
}

/** A path at which a control socket can be made, or why there is none. */
export type ControlPlace =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "none"; readonly why: string };

export interface FoundSocket {
  readonly pid: number;
  readonly path: string;
}

const FOLDER_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o022;
const SYSTEM_FOLDER = "/run/portico";
const SOCKET_NAME = /^portico-([1-9]\d{0,9})\.sock$/;
/** What a gateway leaves that is killed while it makes its socket. */
const LEFT_NAME = /^portico-[1-9]\d{0,9}\.sock\.([1-9]\d{0,9})$/;
const FOLDER_OF_USER = /^portico-(\d{1,10})$/;
/** Entries of a runtime folder that are looked at, so that a full one holds nobody up. */
const ENTRIES_MAX = 1_000;
/** A kernel that does not answer a connection to a socket of this machine is out of order. */
const PROBE_TIMEOUT_MS = 1_000;

/**
 * The folders in which a gateway of this user may have its socket, the first choice first:
 * $RUNTIME_DIRECTORY (systemd.exec(5)), $XDG_RUNTIME_DIR/portico, /run/portico for root, and one in
 * the folder for temporary files.
 */
export function runtimeFolders({ env, uid }: Viewer): string[] {
  const ofService = env["RUNTIME_DIRECTORY"]?.split(":", 1)[0] ?? "";
  const ofSession = env["XDG_RUNTIME_DIR"] ?? "";
  return [
    ...(path.isAbsolute(ofService) ? [ofService] : []),
    ...(path.isAbsolute(ofSession) ? [path.join(ofSession, "portico")] : []),
    ...(uid === 0 ? [SYSTEM_FOLDER] : []),
    path.join(tmpdir(), `portico-${uid}`),
  ];
}

/**
 * Those of {@link runtimeFolders} that can be believed, and for root those of all users as well: a
 * gateway that was started as root and has become somebody else has its socket there.
 */
export function searchedFolders(viewer: Viewer): string[] {
  const own = runtimeFolders(viewer).filter((folder) => distrust(folder, viewer.uid) === null);
  if (viewer.uid !== 0) return own;
  const others = entriesOf(tmpdir()).flatMap((name) => {
    const uid = FOLDER_OF_USER.exec(name)?.[1];
    const folder = path.join(tmpdir(), name);
    return uid !== undefined && distrust(folder, Number(uid)) === null ? [folder] : [];
  });
  return [...new Set([...own, ...others])];
}

/**
 * Finds or makes the folder for this gateway's socket, and removes from it what dead ones left.
 */
export async function placeInRuntimeFolder(viewer: Viewer, pid: number): Promise<ControlPlace> {
  const reasons: string[] = [];
  for (const folder of runtimeFolders(viewer)) {
    const why = makeFolder(folder, viewer.uid);
    if (why === null) {
      await removeStaleSockets(folder);
      const place = await placeAt(path.join(folder, socketName(pid)));
      if (place.kind === "path") return place;
      reasons.push(place.why);
    } else {
      reasons.push(why);
    }
  }
  return { kind: "none", why: reasons.join("; ") };
}

/**
 * Whether a control socket can take a path: nothing is there, or a socket that nobody answers.
 *
 * @param replaces also one that somebody does answer: who does, makes way
 */
export async function placeAt(file: string, replaces = false): Promise<ControlPlace> {
  if (Buffer.byteLength(file) > UNIX_PATH_MAX_BYTES) {
    return none(`${file} is longer than the ${UNIX_PATH_MAX_BYTES} bytes of a socket's path`);
  }
  const found = look(file);
  if (typeof found === "string") return none(`${file} cannot be looked at (${found})`);
  if (found === null) return { kind: "path", path: file };
  if (!found.isSocket()) return none(`${file} is there already, and is no socket`);
  if (!replaces && (await isAnswered(file))) return none(`somebody answers at ${file} already`);
  return { kind: "path", path: file };
}

/** The control sockets in a folder, whether somebody answers there or not; by PID. */
export function socketsIn(folder: string): FoundSocket[] {
  return entriesOf(folder)
    .flatMap((name) => {
      const pid = SOCKET_NAME.exec(name)?.[1];
      return pid === undefined ? [] : [{ pid: Number(pid), path: path.join(folder, name) }];
    })
    .toSorted((one, other) => one.pid - other.pid);
}

/** Why what lies in a folder cannot be a user's own doing; null where it must be. */
export function distrust(folder: string, uid: number): string | null {
  const found = look(folder);
  if (found === null) return `there is no folder ${folder}`;
  if (typeof found === "string") return `${folder} cannot be looked at (${found})`;
  if (!found.isDirectory()) return `${folder} is no folder`;
  if (found.uid !== uid) return `${folder} belongs to another user`;
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) return `others may write to ${folder}`;
  return null;
}

/** `portico-4711.sock` */
export function socketName(pid: number): string {
  return `portico-${pid}.sock`;
}

/** @returns null where it is there and ours alone to write to; else why not */
function makeFolder(folder: string, uid: number): string | null {
  try {
    // Only the last part: what is above it belongs to the system.
    mkdirSync(folder, { mode: FOLDER_MODE });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") return `${folder} cannot be made (${code})`;
  }
  return distrust(folder, uid);
}

/** A socket is stale when nobody answers there and the process that it is named after is gone. */
async function removeStaleSockets(folder: string): Promise<void> {
  for (const { pid, path: file } of socketsIn(folder)) {
    if (!isRunning(pid) && !(await isAnswered(file))) remove(file);
  }
  for (const name of entriesOf(folder)) {
    const pid = LEFT_NAME.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) remove(path.join(folder, name));
  }
}

function remove(file: string): void {
  try {
    rmSync(file);
  } catch {
    // Somebody else has removed it, or we may not; then it stays.
  }
}

/** Whether there is a process of that number, whoever it is. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether somebody listens at a socket; where that cannot be told, somebody does. */
function isAnswered(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    const answered = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => answered(true));
    socket.once("connect", () => answered(true));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      answered(code !== "ECONNREFUSED" && code !== "ENOENT");
    });
  });
}

/** What a name stands for, itself and not what it points to: null for nothing, or an errno. */
function look(file: string): Stats | string | null {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).slice(0, ENTRIES_MAX);
  } catch {
    return [];
  }
}

function none(why: string): ControlPlace {
  return { kind: "none", why };
}
