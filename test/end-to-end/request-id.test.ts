/** What a request is called, the same in answer, environ and log; and where its time went. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Exercise, get, startExercise, TRANSPORTS } from "./exercise.ts";
import { rawRequest } from "./raw-client.ts";

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `traceparent: 00-${TRACE_ID}-00f067aa0ba902b7-01\r\n`;
const NAMED = ["--workers", "1", "--request-id", "--access-log-format", "json"];

interface Seen {
  readonly answer: string;
  readonly environ: string | undefined;
}

async function ask({ port }: Exercise, fields = ""): Promise<Seen> {
  const answer = await rawRequest(port, get("/environ", fields));
  const environ = JSON.parse(answer.text) as { strings: Record<string, string> };
  return {
    answer: answer.field("x-request-id") ?? "",
    environ: environ.strings["HTTP_X_REQUEST_ID"],
  };
}

async function untilLogged({ server }: Exercise, id: string): Promise<void> {
  await server.until(`${id} in the log`, () => server.stdout.includes(`"request_id":"${id}"`));
}

for (const transport of TRANSPORTS) {
  describe(`request ids, by ${transport}`, () => {
    test("one that nobody has named gets a name, and each its own", async () => {
      await using exercise = await startExercise(transport, NAMED);
      const seen = new Set<string>();
      for (let count = 0; count < 3; count++) {
        const { answer, environ } = await ask(exercise);
        assert.match(answer, UUID);
        assert.equal(environ, answer);
        await untilLogged(exercise, answer);
        seen.add(answer);
      }
      assert.equal(seen.size, 3);
    });

    test("a trusted peer's name, or its trace, is the name; nobody else's is", async () => {
      await using trusting = await startExercise(transport, NAMED);
      const cases = [
        ["X-Request-ID: abc-1\r\n", "abc-1"],
        [TRACEPARENT, TRACE_ID],
        [`${TRACEPARENT}X-Request-ID: abc-2\r\n`, "abc-2"],
      ] as const;
      for (const [fields, id] of cases) {
        assert.deepEqual(await ask(trusting, fields), { answer: id, environ: id });
        await untilLogged(trusting, id);
      }
      const args = [...NAMED, "--forwarded-allow-ips", "none"];
      await using careful = await startExercise(transport, args);
      const { answer, environ } = await ask(careful, `${TRACEPARENT}X-Request-ID: invented\r\n`);
      assert.match(answer, UUID);
      assert.equal(environ, answer, "what the client has invented is nowhere");
    });

    test("every answer has one, whoever gives it", async () => {
      const args = [...NAMED, "--livez", "/livez"];
      await using exercise = await startExercise(transport, args);
      const requests = [
        [get("/hello"), 200],
        [get("/raises"), 500],
        [get("/livez"), 200],
        ["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501],
        ["GARBAGE\r\n\r\n", 400],
      ] as const;
      for (const [request, status] of requests) {
        const answer = await rawRequest(exercise.port, request);
        assert.equal(answer.status, status);
        assert.match(answer.field("x-request-id") ?? "", UUID);
      }
    });

    test("--server-timing says where the time went", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1", "--server-timing"]);
      const answer = await rawRequest(exercise.port, get("/slow?s=0.2"));
      const timing = /^queue;dur=([\d.]+), app;dur=([\d.]+)$/.exec(
        answer.field("server-timing") ?? "",
      );
      assert.ok(timing !== null, answer.field("server-timing") ?? "none");
      assert.ok(Number(timing[2]) >= 200 && Number(timing[2]) < 30_000);
      assert.equal(answer.field("x-request-id"), null);
      const streamed = await rawRequest(exercise.port, get("/stream"));
      assert.match(streamed.field("server-timing") ?? "", /^queue;dur=.*, app;dur=/);
    });
  });
}
