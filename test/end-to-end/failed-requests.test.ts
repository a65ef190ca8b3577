/** A request that fails has an id, in its answer and in the log: the one leads to the other. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { get, startExercise, TRANSPORTS } from "./exercise.ts";
import { rawRequest, type RawResponse } from "./raw-client.ts";
import type { ServerProcess } from "./server-process.ts";

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** The id of an answer, which the page has as well, and the log in one line. */
async function idOf(answer: RawResponse, server: ServerProcess, line: RegExp): Promise<string> {
  const id = answer.field("x-request-id") ?? "";
  assert.ok(answer.text.includes(id), answer.text);
  // The line and the answer come by different ways.
  await server.until(`${line} for ${id}`, () =>
    server.stderr.split("\n").some((text) => text.includes(`requestId=${id} `) && line.test(text)),
  );
  return id;
}

for (const transport of TRANSPORTS) {
  describe(`requests that fail, by ${transport}`, () => {
    test("each has its own id, and the log its request line", async () => {
      const args = ["--workers", "1", "--timeout", "600ms", "--error-format", "json"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      const cases: readonly (readonly [request: string, status: number, line: RegExp])[] = [
        [get("/raises?q=1"), 500, /request="GET \/raises\?q=1" status=500 .*application-error/],
        [get("/die").replace("GET", "POST"), 502, /request="POST \/die" status=502 .*exited/],
        [get("/slow?s=9"), 504, /request="GET \/slow\?s=9" status=504 .*timed-out/],
      ];
      const ids = new Set<string>();
      for (const [request, status, line] of cases) {
        const answer = await rawRequest(port, request);
        assert.equal(answer.status, status);
        const id = await idOf(answer, server, line);
        assert.match(id, UUID);
        const problem: unknown = JSON.parse(answer.text);
        assert.equal((problem as { requestId: unknown }).requestId, id);
        ids.add(id);
      }
      assert.equal(ids.size, cases.length);
      const [, before = ""] = /([^\n]*)\n {4}Traceback/.exec(server.stderr) ?? [];
      assert.match(before, /GET \/raises\?q=1/, "the traceback names the same request line");
    });

    test("as JSON, the traceback is in a record as well", async () => {
      const args = ["--workers", "1", "--log-format", "json"];
      await using exercise = await startExercise(transport, args);
      const { server, port } = exercise;
      assert.equal((await rawRequest(port, get("/raises"))).status, 500);
      await server.untilLogged(/"failure":"application-error"/);
      const records = server.stderr
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { message: string; details?: string });
      const record = records.find(({ message }) => message.includes("error in application: GET"));
      assert.match(record?.details ?? "", /^Traceback [^]*ValueError: /);
    });

    test("one that succeeds has none", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1"]);
      const { status, fields } = await rawRequest(exercise.port, get("/hello"));
      assert.equal(status, 200);
      assert.ok(!fields.some(([name]) => name.toLowerCase() === "x-request-id"));
    });

    test("what a trusted proxy calls it is its id, if it is a plain one", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1"]);
      const { server, port } = exercise;
      const given = "from-the-proxy.42";
      const answer = await rawRequest(port, get("/raises", `X-Request-ID: ${given}\r\n`));
      assert.equal(await idOf(answer, server, /status=500/), given);
      for (const bad of ["a b", '"quoted"', "x".repeat(129), "<script>"]) {
        const other = await rawRequest(port, get("/raises", `X-Request-ID: ${bad}\r\n`));
        assert.match(await idOf(other, server, /status=500/), UUID);
      }
    });

    test("nobody else names it", async () => {
      const args = ["--workers", "1", "--forwarded-allow-ips", "none"];
      await using exercise = await startExercise(transport, args);
      const answer = await rawRequest(exercise.port, get("/raises", "X-Request-ID: invented\r\n"));
      assert.match(await idOf(answer, exercise.server, /status=500/), UUID);
    });
  });
}
