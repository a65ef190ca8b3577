/** What comes late is counted with how late it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventLoopDelay } from "../../../src/server/observation/event-loop-delay.ts";

test("a timer that comes when it is due has no delay, one that is late has the rest", () => {
  let nowMs = 1_000;
  const delay = new EventLoopDelay(() => nowMs);
  delay.start();
  nowMs += 50;
  delay.onTimer();
  nowMs += 49.5;
  delay.onTimer();
  nowMs += 80.25;
  delay.onTimer();
  delay.stop();
  const { count, sumSeconds } = delay.series();
  assert.equal(count, 3);
  assert.equal(sumSeconds, 0.03025);
});
