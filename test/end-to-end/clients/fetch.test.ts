/** Node's own fetch (undici): many requests at once, contents by stream, aborts either way. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Exercise, startExercise, TRANSPORTS } from "../exercise.ts";

const MEBIBYTE = 1_048_576;
const PARALLEL = 50;
const ABORT_AFTER_MS = 100;
const PIECE_PAUSE_MS = 5;

/** So many pieces of content, with a pause before each. */
function pieces(count: number, size: number): ReadableStream<Uint8Array> {
  let left = count;
  return new ReadableStream({
    async pull(controller): Promise<void> {
      await pause(PIECE_PAUSE_MS);
      if (left-- > 0) controller.enqueue(new Uint8Array(size));
      else controller.close();
    },
  });
}

for (const transport of TRANSPORTS) {
  describe(`fetch, by ${transport}`, () => {
    let exercise: Exercise;
    before(async () => {
      exercise = await startExercise(transport, ["--workers", "2", "--limit-request-body", "1m"]);
    });
    after(() => exercise[Symbol.asyncDispose]());

    const url = (target: string): string => `${exercise.server.origin}${target}`;

    test("many at once each get their own answer", async () => {
      const contents = Array.from({ length: PARALLEL }, (_, index) =>
        `${index} `.repeat(index * 90),
      );
      const answers = await Promise.all(
        contents.map(async (body) => (await fetch(url("/echo"), { method: "POST", body })).text()),
      );
      assert.deepEqual(answers, contents);
    });

    test("a content that is a stream comes whole", async () => {
      const response = await fetch(url("/echo"), {
        method: "POST",
        body: pieces(20, 5_000),
        duplex: "half",
      });
      assert.equal((await response.arrayBuffer()).byteLength, 100_000);
    });

    test("an aborted download is the application's end, and nobody else's", async () => {
      const abort = new AbortController();
      const response = await fetch(url("/endless"), { signal: abort.signal });
      const content = response.arrayBuffer();
      setTimeout(() => abort.abort(), ABORT_AFTER_MS);
      await assert.rejects(content, { name: "AbortError" });
      await exercise.server.until("its end", () => exercise.notes().includes("endless"));
      assert.equal((await fetch(url("/hello"))).status, 200);
    });

    test("an aborted upload never reaches the application", async () => {
      const upload = fetch(url("/die"), {
        method: "POST",
        body: pieces(1_000, 100),
        duplex: "half",
        signal: AbortSignal.timeout(ABORT_AFTER_MS),
      });
      await assert.rejects(upload, { name: "TimeoutError" });
      assert.equal((await fetch(url("/hello"))).status, 200);
      assert(!exercise.notes().includes("die POST"));
    });

    test("64 MiB where 1 MiB is allowed: 413 can be read", async () => {
      const body = new Uint8Array(64 * MEBIBYTE);
      const response = await fetch(url("/echo"), { method: "POST", body });
      assert.equal(response.status, 413);
      assert.match(await response.text(), /^413 /);
    });
  });
}
