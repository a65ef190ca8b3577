import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { AddressCount, type AddressPlace } from "../../src/server/address-count.ts";

/** What as many connections from these addresses get, in order; none of them ends. */
function enterAll(max: number, hosts: readonly string[]): string[] {
  const count = new AddressCount(max);
  return hosts.map((host) => {
    const place = count.enter(host);
    if (place === null) return "closed";
    return place.isOneTooMany ? "turned away" : "served";
  });
}

test("an address is served up to the limit, told so up to it again, and then no more", () => {
  const hosts = Array.from({ length: 5 }, () => "192.0.2.7");
  assert.deepEqual(enterAll(2, hosts), [
    "served",
    "served",
    "turned away",
    "turned away",
    "closed",
  ]);
});

test("addresses do not count for each other", () => {
  assert.deepEqual(enterAll(1, ["192.0.2.7", "192.0.2.8", "2001:db8::7"]), [
    "served",
    "served",
    "served",
  ]);
});

test("one client mostly has a /64 of IPv6; another /64 is another's", () => {
  assert.deepEqual(enterAll(1, ["2001:db8:0:1::7", "2001:db8:0:1:ffff::8", "2001:db8:0:2::7"]), [
    "served",
    "turned away",
    "served",
  ]);
});

test("the hosts of a link share their /64 and are told apart, by zone as well", () => {
  assert.deepEqual(enterAll(1, ["fe80::1%2", "fe80::2%2", "fe80::1%3", "fe80::1%2"]), [
    "served",
    "served",
    "served",
    "turned away",
  ]);
});

test("an IPv4 address is the same however it is written", () => {
  assert.deepEqual(enterAll(2, ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"]), [
    "served",
    "served",
    "turned away",
  ]);
});

test("a place is free again when its connection ends, each kind by itself", () => {
  const count = new AddressCount(1);
  const served = count.enter("192.0.2.7");
  const turnedAway = count.enter("192.0.2.7");
  assert.ok(served !== null && turnedAway !== null);
  count.leave(turnedAway);
  assert.equal(count.enter("192.0.2.7")?.isOneTooMany, true);
  count.leave(served);
  assert.equal(count.enter("192.0.2.7")?.isOneTooMany, false);
});

test("whatever comes and goes, the counts are right at each moment and zero at the end", () => {
  const hosts = ["192.0.2.7", "192.0.2.8", "2001:db8::1", "2001:db8::2", "fe80::1"];
  const step = fc.record({ host: fc.constantFrom(...hosts), opens: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (max, steps) => {
      const count = new AddressCount(max);
      const open: AddressPlace[] = [];
      for (const { host, opens, which } of steps) {
        if (opens) {
          const place = count.enter(host);
          if (place !== null) open.push(place);
          else assert.ok(count.size > 0, "nobody is closed who is the first of the address");
        } else {
          const [place] = open.splice(which % Math.max(1, open.length), 1);
          if (place !== undefined) count.leave(place);
        }
        const keys = new Set(open.map(({ key }) => key));
        assert.equal(count.size, keys.size);
        for (const key of keys) {
          const places = open.filter((place) => place.key === key);
          const tooMany = places.filter(({ isOneTooMany }) => isOneTooMany).length;
          assert.ok(tooMany <= max && places.length - tooMany <= max);
        }
      }
      for (const place of open) count.leave(place);
      assert.equal(count.size, 0);
    }),
  );
});
