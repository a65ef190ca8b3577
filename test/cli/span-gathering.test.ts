import assert from "node:assert/strict";
import { test } from "node:test";
import { OperatorError } from "../../src/base/errors.ts";
import { spanGathering } from "../../src/cli/span-gathering.ts";
import { USUAL_GATHERING } from "../../src/server/traces/span-queue.ts";

test("without the variables, or with empty ones, it is as usual", () => {
  assert.deepEqual(spanGathering({}), USUAL_GATHERING);
  const empty = { OTEL_BSP_SCHEDULE_DELAY: "", OTEL_BSP_MAX_QUEUE_SIZE: " " };
  assert.deepEqual(spanGathering(empty), USUAL_GATHERING);
});

test("each variable says what the standard has it say", () => {
  const env = {
    OTEL_BSP_SCHEDULE_DELAY: "0",
    OTEL_BSP_EXPORT_TIMEOUT: "30000",
    OTEL_BSP_MAX_QUEUE_SIZE: "4096",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: " 512 ",
  };
  assert.deepEqual(spanGathering(env), {
    gatheringMaxMs: 0,
    exportMaxMs: 30_000,
    waitingMax: 4_096,
    batchMax: 512,
  });
});

test("messages are no larger than what waits, also where only that is said", () => {
  const { waitingMax, batchMax } = spanGathering({ OTEL_BSP_MAX_QUEUE_SIZE: "100" });
  assert.deepEqual([waitingMax, batchMax], [100, 100]);
});

test("what cannot be meant is refused in one line with the name, the value and the range", () => {
  const cases: readonly (readonly [name: string, value: string, why: RegExp])[] = [
    ["OTEL_BSP_SCHEDULE_DELAY", "5s", /=5s: expected a whole number of milliseconds from 0 to 36/],
    ["OTEL_BSP_SCHEDULE_DELAY", "-1", /=-1: expected a whole number of milliseconds/],
    ["OTEL_BSP_SCHEDULE_DELAY", "1e3", /=1e3: expected/],
    ["OTEL_BSP_EXPORT_TIMEOUT", "0", /=0: expected a whole number of milliseconds from 1 to/],
    ["OTEL_BSP_EXPORT_TIMEOUT", "99999999", /=99999999: expected/],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "0", /=0: expected a whole number of spans from 1 to 1000000/],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", /=many: expected a whole number of spans/],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049", /=2049: .*OTEL_BSP_MAX_QUEUE_SIZE, which is 2048/],
  ];
  for (const [name, value, why] of cases) {
    assert.throws(
      () => spanGathering({ [name]: value }),
      (error) => {
        assert.ok(error instanceof OperatorError);
        assert.equal(error.exitStatus, 2);
        assert.ok(error.message.startsWith(`${name}=`), error.message);
        assert.match(error.message, why);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  }
});
