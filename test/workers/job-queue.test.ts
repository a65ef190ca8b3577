import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Job, JobTable } from "../../src/workers/job.ts";
import { JobQueue } from "../../src/workers/job-queue.ts";
import { RecordingSink } from "./recording-sink.ts";
import { makeRequest } from "./request.ts";

function makeJob(jobs: JobTable): Job {
  return new Job(jobs, makeRequest("/"), new RecordingSink(), 0);
}

type Step =
  | { readonly kind: "push"; readonly count: number }
  | { readonly kind: "take"; readonly count: number }
  | { readonly kind: "put-back"; readonly count: number };

test("it behaves as an array does, whatever is pushed, taken and put back", () => {
  // Counts go well beyond the number of taken places at which the queue compacts itself.
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom("push", "take", "put-back"),
    count: fc.oneof(fc.nat({ max: 3 }), fc.constant(700)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
      const jobs = new JobTable();
      const queue = new JobQueue();
      const model: Job[] = [];
      for (const { kind, count } of steps) {
        if (kind === "put-back") {
          const again = Array.from({ length: count }, () => makeJob(jobs));
          queue.putBack(again);
          model.unshift(...again);
          continue;
        }
        for (let place = 0; place < count; place++) {
          if (kind === "push") {
            const job = makeJob(jobs);
            queue.push(job);
            model.push(job);
          } else {
            assert.ok(queue.take() === (model.shift() ?? null));
          }
        }
        assert.ok(queue.peek() === (model[0] ?? null));
        assert.equal(queue.length, model.length);
      }
      while (model.length > 0) assert.ok(queue.take() === model.shift());
      assert.equal(queue.take(), null);
    }),
    { numRuns: 50 },
  );
});
