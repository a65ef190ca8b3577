/**
 * The file that gives a Unix socket its name: what may be replaced, and what is still ours to
 * remove.
 */
import { lstatSync, statSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { OperatorError } from "../base/errors.ts";
import type { SocketAddress } from "../os/socket-address.ts";
import { cannotListen, listenError } from "./listen-error.ts";

/** How a connection attempt to an existing socket file ended. */
export type ProbeResult = "refused" | "alive" | "failed";

/** Which file a name stood for when it was ours. */
export interface FileIdentity {
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/**
 * What stands at `path` before it is bound: nothing, a socket that must be probed, or something
 * that is not ours to touch.
 *
 * @throws {OperatorError} exit status 1: it is a file that is no socket, or the folder cannot be
 *   looked into
 */
export function inspectSocketPath(path: string): "absent" | "socket" {
  const address = { family: "unix", path } as const;
  let found;
  try {
    // A missing folder is told apart here, since not every system call further on does.
    if (!statSync(dirname(path)).isDirectory()) throw listenError(address, "ENOTDIR");
    found = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw listenError(address, (error as NodeJS.ErrnoException).code ?? "EIO");
  }
  if (found === undefined) return "absent";
  if (!found.isSocket()) {
    throw cannotListen(
      address,
      "a file that is no socket is there; move it, or choose another path",
    );
  }
  return "socket";
}

/**
 * Removes a socket file that nobody listens on any more.
 *
 * @throws {OperatorError} exit status 1: somebody does, or it cannot be told or removed
 */
export function removeStaleSocket(path: string, probe: ProbeResult): void {
  const address = { family: "unix", path } as const;
  if (probe === "alive") throw listenError(address, "EADDRINUSE");
  if (probe === "failed") {
    throw cannotListen(address, "whether the socket there is in use cannot be told; remove it");
  }
  try {
    unlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw listenError(address, code ?? "EIO");
  }
}

/** Remembers which file the path stands for; null where it is gone already. */
export function identifyFile(path: string): FileIdentity | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : { path, device: found.dev, inode: found.ino };
}

/** The address that the file stands for: what the kernel knows may be the name that it once had. */
export function nameOf(file: FileIdentity | null): SocketAddress | null {
  return file === null ? null : { family: "unix", path: file.path };
}

/**
 * Removes the file, unless the path has come to stand for another: a successor may have taken it
 * over.
 */
export function removeIfSame(identity: FileIdentity): void {
  try {
    const found = lstatSync(identity.path, { throwIfNoEntry: false });
    if (found?.dev === identity.device && found.ino === identity.inode) unlinkSync(identity.path);
  } catch {
    // The folder is gone or closed to us; there is nothing left that we could remove.
  }
}
