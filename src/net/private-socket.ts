/**
 * A Unix socket that its owner alone may connect to, for `node:net` and `node:http`.
 *
 * Owns how its file comes to be. Must not know what is said over it.
 */
import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import type { Server } from "node:net";
import { dirname } from "node:path";
import { UNIX_PATH_MAX_BYTES } from "../os/socket-address.ts";

/** Only the owner may connect: that needs the right to write, unix(7). */
const SOCKET_MODE = 0o600;

/**
 * The file is its owner's alone from its first moment on. It is made under another name and then
 * moved: Node removes the name that it has bound when it closes, whoever has it by then.
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  // Where the folder is missing, Node itself says EACCES.
  statSync(dirname(path));
  const own = `${path}.${process.pid}`;
  const bound = Buffer.byteLength(own) > UNIX_PATH_MAX_BYTES ? path : own;
  // Somebody of the same number may have died between the two steps, long ago; and where there is
  // no room for another name, what is there has been found to be stale.
  rmSync(bound, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const mask = process.umask(0o777 & ~SOCKET_MODE);
    try {
      // Node binds within this call.
      server.listen(bound, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
  try {
    chmodSync(bound, SOCKET_MODE);
    if (bound !== path) renameSync(bound, path);
  } catch (error) {
    server.close();
    throw error;
  }
}
