import assert from "node:assert/strict";
import { test } from "node:test";

import { RESPAWN_PAUSE_MAX_MS, RespawnPause } from "../../src/workers/respawn-pause.ts";

test("the first that dies is replaced at once, then the pause doubles up to its bound", () => {
  const pause = new RespawnPause();
  const pauses = Array.from({ length: 10 }, () => pause.afterDeath(10));
  assert.deepEqual(pauses, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  assert.equal(RESPAWN_PAUSE_MAX_MS, 5000);
});

test("the bound holds after any number of deaths", () => {
  const pause = new RespawnPause();
  let last = 0;
  for (let deaths = 0; deaths < 5_000; deaths++) last = pause.afterDeath(0);
  assert.equal(last, RESPAWN_PAUSE_MAX_MS);
});

test("one that lived for a while is replaced at once, and the pause begins anew", () => {
  const pause = new RespawnPause();
  for (let deaths = 0; deaths < 4; deaths++) pause.afterDeath(1_999);
  assert.equal(pause.afterDeath(2_000), 0);
  assert.deepEqual([pause.afterDeath(0), pause.afterDeath(0)], [0, 100]);
});
