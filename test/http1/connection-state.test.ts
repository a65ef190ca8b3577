import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EVENT,
  EVENT_COUNT,
  isPossible,
  nextState,
  STATE,
  STATE_COUNT,
  type Event,
  type State,
} from "../../src/http1/connection-state.ts";

const states = Object.values(STATE);
const events = Object.values(EVENT);

/** All states that can be reached from one. */
function reachableFrom(first: State): Set<State> {
  const reached = new Set<State>([first]);
  for (const state of reached) {
    for (const event of events) {
      if (isPossible(state, event)) reached.add(nextState(state, event));
    }
  }
  return reached;
}

test("the table is total: each event leads to a state, or throws", () => {
  assert.equal(states.length, STATE_COUNT);
  assert.equal(events.length, EVENT_COUNT);
  for (const state of states) {
    for (const event of events) {
      if (isPossible(state, event)) assert.ok(states.includes(nextState(state, event)));
      else assert.throws(() => nextState(state, event), /invariant broken/);
    }
  }
});

test("what is neither a state nor an event throws", () => {
  assert.throws(() => nextState(STATE_COUNT as State, EVENT.bytes), /invariant broken/);
  assert.throws(() => nextState(STATE.closed, EVENT_COUNT as Event), /invariant broken/);
});

test("every state is reached, and the end can be reached from every state", () => {
  assert.equal(reachableFrom(STATE.idle).size, STATE_COUNT);
  for (const state of states) assert.ok(reachableFrom(state).has(STATE.closed));
});

test("RFC 9112 section 9.6: nothing is received after the last request", () => {
  assert.deepEqual([...reachableFrom(STATE.closing)], [STATE.closing, STATE.closed]);
});
