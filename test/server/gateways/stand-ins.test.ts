/** Who accepts in the place of gateways that are gone. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { type StandIn, StandIns } from "../../../src/server/gateways/stand-ins.ts";

/** A gateway that notes whom it stands in for. */
class FakeGateway implements StandIn {
  isAccepting = true;
  readonly standsInFor = new Set<number>();

  readonly ask = async (command: string, args: unknown): Promise<null> => {
    const { owner } = args as { owner: number };
    if (command === "stand-in") this.standsInFor.add(owner);
    if (command === "stand-down")
      assert.ok(this.standsInFor.delete(owner), "nothing was stood in for");
    return null;
  };
}

let gateways: (FakeGateway | null)[];
let standIns: StandIns;

beforeEach(() => {
  gateways = [new FakeGateway(), new FakeGateway(), new FakeGateway()];
  standIns = new StandIns(gateways);
});

function leave(index: number): void {
  const gateway = gateways[index];
  if (gateway !== null && gateway !== undefined) gateway.isAccepting = false;
  gateways[index] = null;
  standIns.leave(index);
}

function comeBack(index: number): void {
  gateways[index] = new FakeGateway();
  standIns.comeBack(index);
}

/** For each that lives, whom it stands in for. */
function places(): (number[] | null)[] {
  return gateways.map((gateway) =>
    gateway === null ? null : [...gateway.standsInFor].toSorted((a, b) => a - b),
  );
}

test("the next one, in a ring, until there is another in its place", () => {
  leave(2);
  assert.deepEqual(places(), [[2], [], null]);
  comeBack(2);
  assert.deepEqual(places(), [[], [], []]);
});

test("a stand-in that goes itself leaves both places to somebody else", () => {
  leave(1);
  assert.deepEqual(places(), [[], null, [1]]);
  leave(2);
  assert.deepEqual(places(), [[1, 2], null, null]);
  comeBack(1);
  assert.deepEqual(places(), [[2], [], null]);
  comeBack(2);
  assert.deepEqual(places(), [[], [], []]);
});

test("one in its place that does not get to serve changes nothing", () => {
  leave(0);
  gateways[0] = Object.assign(new FakeGateway(), { isAccepting: false });
  leave(0);
  assert.deepEqual(places(), [null, [0], []]);
  comeBack(0);
  assert.deepEqual(places(), [[], [], []]);
});

test("where all are gone, the first that comes back stands in for the others", () => {
  for (const index of [0, 1, 2]) leave(index);
  comeBack(1);
  assert.deepEqual(places(), [null, [0, 2], null]);
  comeBack(0);
  comeBack(2);
  assert.deepEqual(places(), [[], [], []]);
});
