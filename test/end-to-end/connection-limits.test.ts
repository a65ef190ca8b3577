/**
 * The limits on connections, as clients meet them that keep just within one: none of them is turned
 * away because the end of its last connection has not been seen yet.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { get, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient, rawRequest } from "./raw-client.ts";

const ROUNDS = 200;
const LIMITS = ["--connections-max", "--connections-per-address-max"];

for (const transport of TRANSPORTS) {
  describe(`limits on connections, by ${transport}`, () => {
    for (const limit of LIMITS) {
      test(`${limit}: who closes a connection and opens another one is served`, async () => {
        await using exercise = await startExercise(transport, ["--workers", "1", limit, "2"]);
        using held = await RawClient.connect(exercise.port);
        assert.equal((await held.exchange(get("/hello"))).status, 200);
        const statuses = new Map<number, number>();
        for (let round = 0; round < ROUNDS; round++) {
          const client = await RawClient.connect(exercise.port);
          const { status } = await client.exchange(get("/hello"));
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          client.close();
        }
        assert.deepEqual([...statuses], [[200, ROUNDS]]);
      });

      test(`${limit}: one connection too many is told so, and none is left`, async () => {
        await using exercise = await startExercise(transport, ["--workers", "1", limit, "1"]);
        using held = await RawClient.connect(exercise.port);
        assert.equal((await held.exchange(get("/hello"))).status, 200);
        using other = await RawClient.connect(exercise.port);
        assert.equal((await other.exchange(get("/hello"))).status, 503);
        using gone = await RawClient.connect(exercise.port);
        gone.socket.resetAndDestroy();
        await once(gone.socket, "close");
        held.close();
        other.close();
        await exercise.server.until("room again", async () => {
          // As long as another one is told that it is too many, this one may be closed unheard.
          const next = await rawRequest(exercise.port, get("/hello")).catch(() => null);
          return next?.status === 200;
        });
      });
    }
  });
}
