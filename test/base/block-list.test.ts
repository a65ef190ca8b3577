import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { BlockList } from "../../src/base/block-list.ts";
import { BLOCK_BYTES, BlockPool } from "../../src/base/block-pool.ts";

/** Spoils what is given back, so that whoever looks at it afterwards is found out. */
class SpoilingPool extends BlockPool {
  taken = 0;

  override take(): Buffer {
    this.taken++;
    return super.take();
  }

  override give(block: Buffer): void {
    this.taken--;
    block.fill(0x21);
    super.give(block);
  }
}

test("what was appended comes off in order, whatever the pieces", () => {
  const step = fc.record({
    appended: fc.integer({ min: 0, max: 3 * BLOCK_BYTES }),
    dropped: fc.integer({ min: 0, max: 3 * BLOCK_BYTES }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const pool = new SpoilingPool();
      const list = new BlockList(pool);
      let expected = Buffer.alloc(0);
      for (const [place, { appended, dropped }] of steps.entries()) {
        const bytes = Buffer.alloc(appended + 2, 0x41 + place);
        list.append(bytes, 1, 1 + appended);
        expected = Buffer.concat([expected, bytes.subarray(1, 1 + appended)]);
        assert.equal(list.length, expected.length);
        assert.ok(Buffer.concat(list.first(100)).equals(expected));
        const count = Math.min(dropped, expected.length);
        list.drop(count);
        expected = expected.subarray(count);
      }
      list.clear();
      assert.equal(list.length, 0);
      assert.ok(pool.taken <= 1, "what is empty goes back");
    }),
    { numRuns: 60 },
  );
});

test("a block has one owner at a time", () => {
  const pool = new BlockPool();
  const [one, other] = [pool.take(), pool.take()];
  assert.notEqual(one.buffer, other.buffer);
  pool.give(one);
  assert.equal(pool.take().buffer, one.buffer);
  assert.throws(() => pool.give(Buffer.alloc(10)), /invariant broken/);
});
