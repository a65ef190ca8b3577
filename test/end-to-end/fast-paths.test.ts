/**
 * What makes a server fast must not be seen. The same requests go the slow way, each over a
 * connection of its own, where nothing is known of it: its head is parsed, its environ encoded, its
 * worker asked for it alone. And they go the quick ways: repeated over one connection (the head
 * that is known by its bytes, the environ by its number, the answer's head that is remembered),
 * pipelined in one piece (gathered answers), and from many clients together (batches for the
 * worker). The application sees the same, and so do the clients.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Exercise, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient, type RawResponse } from "./raw-client.ts";

const REQUESTS = 40;
/** Often enough for everything that is only kept for who comes again. */
const REPEATED = 4;
const CLIENTS = 12;
/** Below what a client may send ahead. */
const PIPELINED = 10;

interface Exchange {
  readonly bytes: Buffer;
  readonly method: string;
}

const fieldLines = fc.uniqueArray(
  fc.constantFrom(
    "Accept: text/html, */*;q=0.1",
    "Accept-Language: de",
    "Cookie: session=1; theme=dark",
    "Cookie: session=2",
    "User-Agent: fast/1.0",
    "X-Forwarded-For: 203.0.113.9",
    "X-Umlaut: \xe4\xf6",
    'If-None-Match: "a"',
    "Content-Type: application/x-www-form-urlencoded",
  ),
);

const exchange: fc.Arbitrary<Exchange> = fc
  .record({
    method: fc.constantFrom("GET", "GET", "HEAD", "POST", "PUT", "DELETE"),
    target: fc.constantFrom("/environ", "/environ?a=1&b=%20", "/environ?", "/hello", "/cookies"),
    lines: fieldLines,
    content: fc.option(fc.string({ maxLength: 200, unit: "binary-ascii" })),
    isChunked: fc.boolean(),
    version: fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0"),
  })
  .map(({ method, target, lines, content, isChunked, version }) => {
    const isOld = version === "HTTP/1.0";
    const head = [`${method} ${target} ${version}`, "Host: test", ...lines];
    if (isOld) head.push("Connection: keep-alive");
    let sent = "";
    if (content !== null && (method === "POST" || method === "PUT")) {
      const asChunk = isChunked && !isOld;
      head.push(asChunk ? "Transfer-Encoding: chunked" : `Content-Length: ${content.length}`);
      const chunk = content === "" ? "" : `${content.length.toString(16)}\r\n${content}\r\n`;
      sent = asChunk ? `${chunk}0\r\n\r\n` : content;
    }
    return { method, bytes: Buffer.from(`${head.join("\r\n")}\r\n\r\n${sent}`, "latin1") };
  });

/** The same cases each time; the quick ways differ by what came before, not by luck. */
const EXCHANGES = fc.sample(exchange, { numRuns: REQUESTS, seed: 6 });

/** All of an answer but what belongs to its moment or its connection. */
function seen(response: RawResponse): unknown {
  const { status, reason, version, fields, text } = response;
  // The environ has the client's port in it, of four digits or five; the reader has counted.
  const isEnviron = response.field("Content-Type") === "application/json";
  const passing = isEnviron ? ["Date", "Content-Length"] : ["Date"];
  const lasting = fields.filter(([name]) => !passing.includes(name));
  return { status, reason, version, fields: lasting, content: withoutConnection(text) };
}

function withoutConnection(text: string): unknown {
  if (!text.startsWith("{")) return text;
  const { strings, others } = JSON.parse(text) as Record<string, Record<string, string>>;
  const plain = Object.entries(others ?? {}).filter(([, value]) => !value.startsWith("<"));
  return { strings: { ...strings, REMOTE_PORT: "" }, others: Object.fromEntries(plain) };
}

async function askAlone({ port }: Exercise, { bytes, method }: Exchange): Promise<unknown> {
  using client = await RawClient.connect(port);
  client.write(bytes);
  return seen(await client.readResponse(method));
}

for (const transport of TRANSPORTS) {
  describe(`what is quick is not seen, by ${transport}`, () => {
    test("requests repeated over one connection, pipelined, and of many at once", async () => {
      await using exercise = await startExercise(transport, ["--workers", "1"]);
      const expected: unknown[] = [];
      for (const one of EXCHANGES) expected.push(await askAlone(exercise, one));

      using repeating = await RawClient.connect(exercise.port);
      for (const [index, { bytes, method }] of EXCHANGES.entries()) {
        for (let time = 0; time < REPEATED; time++) {
          repeating.write(bytes);
          const response = seen(await repeating.readResponse(method));
          assert.deepEqual(response, expected[index], `repeated: ${bytes.toString("latin1")}`);
        }
      }

      using pipelining = await RawClient.connect(exercise.port);
      for (let from = 0; from < REQUESTS; from += PIPELINED) {
        const together = EXCHANGES.slice(from, from + PIPELINED);
        pipelining.write(Buffer.concat(together.map(({ bytes }) => bytes)));
        for (const [index, { bytes, method }] of together.entries()) {
          const response = seen(await pipelining.readResponse(method));
          assert.deepEqual(response, expected[from + index], `piped: ${bytes.toString("latin1")}`);
        }
      }

      await Promise.all(
        Array.from({ length: CLIENTS }, async (_, number) => {
          using client = await RawClient.connect(exercise.port);
          for (let turn = 0; turn < REQUESTS; turn++) {
            const index = (number * 7 + turn) % REQUESTS;
            const { bytes, method } = EXCHANGES[index] as Exchange;
            client.write(bytes);
            const response = seen(await client.readResponse(method));
            assert.deepEqual(response, expected[index], `at once: ${bytes.toString("latin1")}`);
          }
        }),
      );
    });
  });
}
