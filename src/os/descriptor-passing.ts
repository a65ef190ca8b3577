/**
 * Sending descriptors over a Unix socket: sendmsg(2) with SCM_RIGHTS, unix(7).
 *
 * Owns the layout of `msghdr` and `cmsghdr` on 64-bit little-endian Linux. musl declares some of
 * the lengths as 32 bits and a gap; with the upper half zero both libraries read the same.
 */
import { invariant } from "../base/errors.ts";
import type { Libc } from "./libc.ts";
import { MSG_NOSIGNAL } from "./sockets.ts";

/** Bound of one message; the kernel's own is 253 (SCM_MAX_FD). */
export const DESCRIPTORS_PER_SEND_MAX = 16;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const CMSGHDR_BYTES = 16;

const message = Buffer.alloc(56);
const vector = Buffer.alloc(16);
const control = Buffer.alloc(CMSGHDR_BYTES + DESCRIPTORS_PER_SEND_MAX * 4);
/** What is the same in every message has been written. */
let isPrepared = false;

/**
 * Sends `bytes` with the descriptors attached to the first of them.
 *
 * @param bytes at least one, or the kernel would send nothing
 * @returns how many bytes the kernel took, and with the first of them all descriptors; or negative,
 *   see `libc.errno`
 */
export function sendDescriptors(
  libc: Libc,
  fd: number,
  bytes: Uint8Array,
  descriptors: readonly number[],
): number {
  const count = descriptors.length;
  invariant(bytes.length > 0, "descriptors travel with at least one byte");
  invariant(count > 0 && count <= DESCRIPTORS_PER_SEND_MAX, "a message holds 1 to 16 descriptors");
  if (!isPrepared) prepare(libc);
  const controlLength = CMSGHDR_BYTES + count * 4;
  control.writeUInt32LE(controlLength, 0);
  for (let index = 0; index < count; index++) {
    control.writeInt32LE(descriptors[index] as number, CMSGHDR_BYTES + index * 4);
  }
  vector.writeBigUInt64LE(libc.addressOf(bytes), 0);
  vector.writeUInt32LE(bytes.length, 8);
  message.writeUInt32LE(controlLength, 40);
  return libc.sendmsg(fd, message, MSG_NOSIGNAL);
}

/** msg_name, msg_namelen and msg_flags stay zero, and so does the upper half of each length. */
function prepare(libc: Libc): void {
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  message.writeBigUInt64LE(libc.addressOf(vector), 16);
  message.writeUInt32LE(1, 24);
  message.writeBigUInt64LE(libc.addressOf(control), 32);
  isPrepared = true;
}
