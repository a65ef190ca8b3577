import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { type ConnectionPlace, ConnectionPlaces } from "../../src/server/connection-places.ts";

function ofAddress(max: number): ConnectionPlaces {
  return new ConnectionPlaces({ connectionsMax: null, connectionsPerAddressMax: max });
}

/** What as many connections from these addresses get, in order; none of them ends. */
function enterAll(max: number, hosts: readonly string[]): string[] {
  const places = ofAddress(max);
  return hosts.map((host) => places.enter(host, false)?.standing ?? "closed");
}

test("an address is served up to the limit, told so up to it again, and then no more", () => {
  const hosts = Array.from({ length: 5 }, () => "192.0.2.7");
  assert.deepEqual(enterAll(2, hosts), ["served", "served", "turnedAway", "turnedAway", "closed"]);
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
    "turnedAway",
    "served",
  ]);
});

test("the hosts of a link share their /64 and are told apart, by zone as well", () => {
  assert.deepEqual(enterAll(1, ["fe80::1%2", "fe80::2%2", "fe80::1%3", "fe80::1%2"]), [
    "served",
    "served",
    "served",
    "turnedAway",
  ]);
});

test("an IPv4 address is the same however it is written", () => {
  assert.deepEqual(enterAll(2, ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"]), [
    "served",
    "served",
    "turnedAway",
  ]);
});

test("a place is free again when its connection ends, each kind by itself", () => {
  const places = ofAddress(1);
  const [served, waiting, turnedAway] = [false, true, false].map((mayWait) =>
    places.enter("192.0.2.7", mayWait),
  );
  assert.ok(served && waiting && turnedAway);
  places.leave(turnedAway);
  assert.equal(places.enter("192.0.2.7", true)?.standing, "turnedAway");
  places.leave(waiting);
  assert.equal(places.enter("192.0.2.7", true)?.standing, "waiting");
  assert.equal(places.wouldServe("192.0.2.7"), false);
  places.leave(served);
  assert.ok(places.wouldServe("192.0.2.7"));
  assert.equal(places.enter("192.0.2.7", true)?.standing, "served");
});

test("whoever may wait does, up to the limit; the others are turned away at once", () => {
  const places = new ConnectionPlaces({ connectionsMax: 2, connectionsPerAddressMax: null });
  const got = Array.from({ length: 7 }, () => places.enter(null, true)?.standing ?? "closed");
  const each = ["served", "waiting", "turnedAway"].flatMap((standing) => [standing, standing]);
  assert.deepEqual(got, [...each, "closed"]);
});

test("both limits hold, and an address that is full keeps nobody else out", () => {
  const places = new ConnectionPlaces({ connectionsMax: 3, connectionsPerAddressMax: 2 });
  const hosts = ["192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.9", null];
  assert.deepEqual(
    hosts.map((host) => places.enter(host, false)?.standing),
    ["served", "served", "turnedAway", "served", "turnedAway", "turnedAway"],
  );
});

test("whatever comes and goes, the counts are right at each moment and zero at the end", () => {
  const hosts = ["192.0.2.7", "192.0.2.8", "2001:db8::1", "2001:db8::2", "fe80::1"];
  const step = fc.record({
    host: fc.constantFrom(...hosts),
    opens: fc.boolean(),
    mayWait: fc.boolean(),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (max, steps) => {
      const places = ofAddress(max);
      const open: ConnectionPlace[] = [];
      for (const { host, opens, mayWait, which } of steps) {
        if (opens) {
          const place = places.enter(host, mayWait);
          if (place !== null) open.push(place);
          else assert.ok(places.addressCount > 0, "the first of an address is never closed");
        } else {
          const [place] = open.splice(which % Math.max(1, open.length), 1);
          if (place !== undefined) places.leave(place);
        }
        const keys = new Set(open.map(({ key }) => key));
        assert.equal(places.addressCount, keys.size);
        for (const key of keys) {
          for (const kind of ["served", "waiting", "turnedAway"]) {
            const same = open.filter((place) => place.key === key && place.standing === kind);
            assert.ok(same.length <= max);
          }
        }
      }
      for (const place of open) places.leave(place);
      assert.equal(places.addressCount, 0);
    }),
  );
});
