import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { SlotTable } from "../../src/base/slot-table.ts";

interface Address {
  readonly slot: number;
  readonly generation: number;
}

function add(table: SlotTable<object>, value: object): Address {
  const slot = table.add(value);
  return { slot, generation: table.generation(slot) };
}

test("a slot that is used again has another generation, and the old address finds nothing", () => {
  const table = new SlotTable<object>();
  const [first, second] = [{ name: "first" }, { name: "second" }];
  const old = add(table, first);
  table.release(old.slot, old.generation);
  assert.equal(table.get(old.slot, old.generation), null);
  const now = add(table, second);
  assert.equal(now.slot, old.slot);
  assert.notEqual(now.generation, old.generation);
  assert.equal(table.get(old.slot, old.generation), null);
  assert.equal(table.get(now.slot, now.generation), second);
});

test("an address that is void frees nothing, however often it is freed", () => {
  const table = new SlotTable<object>();
  const old = add(table, {});
  table.release(old.slot, old.generation);
  table.release(old.slot, old.generation);
  const value = {};
  const now = add(table, value);
  table.release(old.slot, old.generation);
  assert.equal(table.get(now.slot, now.generation), value);
  assert.equal(table.size, 1);
});

test("a slot that never was has generation 0 and finds nothing", () => {
  const table = new SlotTable<object>();
  assert.equal(table.generation(7), 0);
  assert.equal(table.get(7, 0), null);
});

test("whatever is added and released, each live address finds its own value and no other", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 200 }), (steps) => {
      const table = new SlotTable<object>();
      const live = new Map<object, Address>();
      const dead: Address[] = [];
      for (const step of steps) {
        const [value, address] = [...live][step] ?? [];
        if (value === undefined || address === undefined) {
          const added = {};
          live.set(added, add(table, added));
        } else {
          live.delete(value);
          dead.push(address);
          table.release(address.slot, address.generation);
        }
        for (const [other, { slot, generation }] of live) {
          assert.equal(table.get(slot, generation), other);
        }
        for (const { slot, generation } of dead) assert.equal(table.get(slot, generation), null);
        assert.equal(table.size, live.size);
        assert.deepEqual(new Set(table.values()), new Set(live.keys()));
      }
    }),
  );
});
