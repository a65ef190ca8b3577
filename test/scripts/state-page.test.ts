/** Holds the tables of states to what makes them tables of states, and the page to the tables. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import {
  eventsOf,
  isFinal,
  memberComments,
  STATE_MACHINES,
  statePage,
  type Transitions,
} from "../../scripts/state-page.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The states to which some chain of events leads from `from`, itself included. */
function reachable(transitions: Transitions, from: string): Set<string> {
  const found = new Set([from]);
  for (const state of found) {
    for (const next of Object.values(transitions[state] ?? {})) {
      if (next !== null) found.add(next);
    }
  }
  return found;
}

for (const { name, file, transitions } of STATE_MACHINES) {
  describe(`the states of a ${name.toLowerCase()}`, () => {
    const states = Object.keys(transitions);
    const source = readFileSync(join(ROOT, file), "utf8");

    test("the table is total: each state has an answer to each event", () => {
      assert.deepEqual(states, [...memberComments(source, `${name}State`).keys()]);
      const events = [...memberComments(source, `${name}Event`).keys()];
      for (const state of states) {
        assert.deepEqual(Object.keys(transitions[state] ?? {}), events, state);
        for (const next of Object.values(transitions[state] ?? {})) {
          assert.ok(next === null || states.includes(next), `${state} leads to ${next}`);
        }
      }
    });

    test("each state is reached from the first, and the last from each", () => {
      const [first = ""] = states;
      assert.deepEqual([...reachable(transitions, first)].toSorted(), states.toSorted());
      const last = states.filter((state) => isFinal(transitions, state));
      assert.deepEqual(last, states.slice(-1));
      for (const state of states) {
        assert.ok(reachable(transitions, state).has(last[0] ?? ""), `${state} leads nowhere`);
      }
    });

    test("each event can happen", () => {
      for (const event of eventsOf(transitions)) {
        assert.ok(
          Object.values(transitions).some((row) => (row[event] ?? null) !== null),
          event,
        );
      }
    });
  });
}

test("the page is what the tables say", () => {
  assert.equal(readFileSync(join(ROOT, "docs/states.md"), "utf8"), statePage());
  for (const { transitions } of STATE_MACHINES) {
    for (const name of [...Object.keys(transitions), ...eventsOf(transitions)]) {
      assert.match(statePage(), new RegExp(`^\\| ${name} \\| [A-Z\`].*\\. \\|$`, "m"));
    }
  }
});

test("comments of a type's members are read, and one that is missing is found", () => {
  const source =
    'export type ThingState =\n  /** Here; or\n   * there. */\n  | "a"\n  /** B. */\n  | "b";';
  assert.deepEqual(
    [...memberComments(source, "ThingState")],
    [
      ["a", "Here; or there."],
      ["b", "B."],
    ],
  );
  assert.throws(() => memberComments('export type A = "a";', "A"), /"a" of A has no comment/);
  assert.throws(() => memberComments(source, "OtherState"), /no type OtherState/);
});
