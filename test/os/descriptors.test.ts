import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionDescriptorsEnd } from "../../src/os/descriptors.ts";
import type { Libc } from "../../src/os/libc.ts";

const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** A kernel with this soft limit; null: it does not tell. */
function kernelWithLimit(limit: bigint | null): Libc {
  const getrlimit = (_resource: number, into: Buffer): number => {
    if (limit === null) return -1;
    into.writeBigUInt64LE(limit, 0);
    into.writeBigUInt64LE(UNLIMITED, 8);
    return 0;
  };
  return { getrlimit } as unknown as Libc;
}

test("connections leave some descriptors alone, an eighth where there are few", () => {
  const ends = [64n, 256n, 512n, 1_024n, 1_048_576n].map((limit) =>
    connectionDescriptorsEnd(kernelWithLimit(limit)),
  );
  assert.deepEqual(ends, [56, 224, 448, 960, 1_048_512]);
});

test("where there is no limit, or none is told, nothing needs to be kept", () => {
  assert.equal(connectionDescriptorsEnd(kernelWithLimit(UNLIMITED)), Infinity);
  assert.equal(connectionDescriptorsEnd(kernelWithLimit(null)), Infinity);
});
