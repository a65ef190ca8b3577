/** WINCH, which a terminal sends to everybody in it when its window changes, means nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { get, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient } from "./raw-client.ts";

for (const transport of TRANSPORTS) {
  test(`SIGWINCH ends nothing, by ${transport}`, async () => {
    await using exercise = await startExercise(transport, ["--workers", "2"]);
    using client = await RawClient.connect(exercise.port);
    client.write(get("/slow?s=0.5"));
    const before = exercise.server.processes();
    for (let count = 0; count < 5; count++) {
      for (const pid of before) process.kill(pid, "SIGWINCH");
    }
    assert.equal((await client.readResponse()).status, 200);
    assert.equal((await client.exchange(get("/hello"))).status, 200);
    assert.deepEqual(exercise.server.processes(), before);
  });
}
