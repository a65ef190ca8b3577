/**
 * What a gateway holds of the system, by proc(5): descriptors, memory, temporary files, and the
 * time of the processor. For tests that see to it that a fault leaves none of it behind.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { FaultSite } from "./fault-site.ts";

export const MEBIBYTE = 1_048_576;
/** Linux counts in hundredths of a second, whatever its own clock does (USER_HZ). */
const TICKS_PER_SECOND = 100;
const RETURN_TIMEOUT_MS = 8_000;
/** What the allocator of C and the collector keep for the next time. */
const MEMORY_SLACK_BYTES = 96 * MEBIBYTE;
/** The steady client's connections may be new ones; nobody else's are left. */
const DESCRIPTORS_SLACK = 2;

export interface HeldResources {
  readonly descriptors: number;
  readonly memoryBytes: number;
  /** Open files of temporary folders, most of them without a name. */
  readonly files: readonly string[];
}

export function heldResources(site: FaultSite): HeldResources {
  const folder = `/proc/${site.pid}/fd`;
  const links = readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      // It was closed between the two looks.
      return [];
    }
  });
  const files = links.filter((link) => /\/portico-[^/]+( \(deleted\))?$/.test(link));
  return { descriptors: links.length, memoryBytes: site.memoryBytes(), files };
}

/**
 * Waits until the gateway holds no more than `before`.
 *
 * @throws {AssertionError} with what it still holds
 */
export async function assertReturns(site: FaultSite, before: HeldResources): Promise<void> {
  let now = heldResources(site);
  const isBack = (): boolean => {
    now = heldResources(site);
    return (
      now.descriptors <= before.descriptors + DESCRIPTORS_SLACK &&
      now.memoryBytes <= before.memoryBytes + MEMORY_SLACK_BYTES &&
      now.files.length <= before.files.length
    );
  };
  try {
    await site.server.until("what it held before", isBack, RETURN_TIMEOUT_MS);
  } catch {
    const { descriptors, memoryBytes, files } = now;
    assert.fail(
      `held before: ${JSON.stringify(before)}\nand now: ` +
        `${JSON.stringify({ descriptors, memoryBytes, files })}\n${site.server.output}`,
    );
  }
}

/** Time that the gateway's process has had of the processor since it was started. */
export function processorMs(site: FaultSite): number {
  const fields = readFileSync(`/proc/${site.pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks * 1000) / TICKS_PER_SECOND;
}
