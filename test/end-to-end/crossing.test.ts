/**
 * No answer reaches another client: connections are closed and opened again, so that their
 * descriptors are used again, while slow answers to the old ones are under way.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { get, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient } from "./raw-client.ts";

const ROUNDS = 40;
const CONNECTIONS = 8;

for (const transport of TRANSPORTS) {
  describe(`crossing, by ${transport}`, () => {
    test("late answers find nobody", async () => {
      await using exercise = await startExercise(transport, ["--workers", "2"]);
      let answered = 0;
      for (let round = 0; round < ROUNDS; round++) {
        // These leave while their answers are being made.
        const leaving = await Promise.all(
          Array.from({ length: CONNECTIONS }, () => RawClient.connect(exercise.port)),
        );
        leaving.forEach((client, index) => {
          client.write(get(`/slow?s=0.005&leaving=${round}.${index}`));
          client.close();
        });
        // These take their descriptors, and must get their own answers only.
        await Promise.all(
          Array.from({ length: CONNECTIONS }, async (_, index) => {
            using client = await RawClient.connect(exercise.port);
            for (const turn of [0, 1]) {
              const response = await client.exchange(
                get(`/slow?s=0.001&mine=${round}.${index}.${turn}`),
              );
              assert.equal(response.status, 200);
              assert.ok(response.text.includes(`mine=${round}.${index}.${turn} by`), response.text);
              answered++;
            }
          }),
        );
      }
      assert.equal(answered, ROUNDS * CONNECTIONS * 2);
    });
  });
}
