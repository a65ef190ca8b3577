/**
 * Python's stacks of a worker, as they are now: empties the file in memory that the worker writes
 * them to, has it sent the signal, and reads what comes (docs/worker-protocol.md, Stacks).
 *
 * What is written has no end that could be told from its middle: it is over when a line has ended
 * and nothing more has come for a moment. The worker goes on meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { MemoryFile } from "../os/memory-file.ts";
import { catchesSignal } from "../os/process-facts.ts";

/** Where a worker writes its stacks when it is asked. */
export interface StackPlace {
  readonly signal: number;
  /** The same number in every worker of a zygote. */
  readonly descriptor: number;
}

export type StackAnswer =
  | { readonly kind: "stack"; readonly text: string }
  /** `why` is a sentence without a full stop. */
  | { readonly kind: "refused"; readonly why: string };

/** As python/portico_worker/stack_dump.py names it. */
const FILE_NAME = "portico-stacks";
/** What the worker gets to come to it: the signal waits while the kernel has it in a call. */
const WAIT_MAX_MS = 2_000;
const LOOK_INTERVAL_MS = 20;
/** Looks in a row that find nothing new: on a busy machine it may be kept waiting in between. */
const SETTLED_LOOKS = 10;
const TEXT_MAX_BYTES = 65_536;
const LINE_FEED = 0x0a;
/** Workers that are asked at a time. */
const ASKED_MAX = 16;

/** Of the present process: who is being asked, by PID. */
const asked = new Map<number, Promise<StackAnswer>>();

/**
 * Whoever asks while the same worker is being asked gets the same answer.
 *
 * @param sendSignal has the worker's parent send it
 * @bound 2 s, 64 KiB, 16 workers at a time
 */
export function askStack(
  pid: number,
  place: StackPlace,
  sendSignal: (signal: number) => void,
): Promise<StackAnswer> {
  const known = asked.get(pid);
  if (known !== undefined) return known;
  if (asked.size >= ASKED_MAX) {
    return Promise.resolve(refused(`${ASKED_MAX} workers are being asked for theirs already`));
  }
  const answer = ask(pid, place, sendSignal).finally(() => asked.delete(pid));
  asked.set(pid, answer);
  return answer;
}

async function ask(
  pid: number,
  { signal, descriptor }: StackPlace,
  sendSignal: (signal: number) => void,
): Promise<StackAnswer> {
  // To be looked at must end nobody: without a handler that is what such a signal does.
  if (catchesSignal(pid, signal) === false) {
    return refused(
      `the application has left worker PID ${pid} without a handler for signal ${signal}`,
    );
  }
  let file: MemoryFile;
  try {
    file = MemoryFile.open(pid, descriptor, FILE_NAME);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    return refused(`where worker PID ${pid} writes its stacks cannot be opened (${code})`);
  }
  try {
    file.empty();
    sendSignal(signal);
    await settle(file);
    const length = file.lengthBytes;
    if (length === 0) {
      return refused(
        `worker PID ${pid} did not come to it within ${WAIT_MAX_MS / 1000} s: it is stopped, or ` +
          "in a system call that cannot be interrupted",
      );
    }
    // A path may be anything; what is cut off at the bound is one character at most.
    const text = file.read(TEXT_MAX_BYTES).toString("utf8");
    return { kind: "stack", text: length > TEXT_MAX_BYTES ? `${text}\n...\n` : text };
  } finally {
    file.close();
  }
}

/** Waits until something has come, and nothing more does; or the time is over. */
async function settle(file: MemoryFile): Promise<void> {
  let before = 0;
  let same = 0;
  for (let waitedMs = 0; waitedMs < WAIT_MAX_MS; waitedMs += LOOK_INTERVAL_MS) {
    await pause(LOOK_INTERVAL_MS);
    const length = file.lengthBytes;
    same = length === before && length > 0 ? same + 1 : 0;
    if (same >= SETTLED_LOOKS && file.endsWith(LINE_FEED)) return;
    before = length;
  }
}

function refused(why: string): StackAnswer {
  return { kind: "refused", why };
}
