/**
 * A worker's frame with an interim answer: 103 (Early Hints), which precedes the answer itself.
 * Whether it can be right, and whose it is.
 */
import type { Job } from "./job.ts";
import { FRAME_HEADER_BYTES, FRAME_OFFSET } from "./protocol.ts";

const EARLY_HINTS = 103;

/**
 * Hands an interim answer on. It is no part of the answer that is waited for: neither does it make
 * the request unrepeatable, nor does it give the application more time.
 *
 * @returns what is wrong with the frame, as in "the worker sent ..."; null where it can be right
 */
export function takeInterim(job: Job, bytes: Buffer, from: number, headEnd: number): string | null {
  if (job.answerBegan) return "an interim answer behind a head";
  const headStart = from + FRAME_HEADER_BYTES;
  const status = bytes.readUInt16LE(from + FRAME_OFFSET.status);
  if (status !== EARLY_HINTS) return "an interim answer of another status";
  if (bytes.readUInt32LE(from + FRAME_OFFSET.bodyLength) > 0)
    return "an interim answer with content";
  if (!job.countInterim(headEnd - headStart)) return "too many interim answers";
  job.sink?.onAnswerInterim(status, bytes, headStart, headEnd);
  return null;
}
