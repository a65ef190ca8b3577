/**
 * Replays the vectors of `vectors/http1/` over live sockets of both kinds, down to the environ and
 * the content that the application sees.
 *
 * Left out are those vectors whose limits no option can set; `test/vectors.test.ts` has them all.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { CUTS, cutAt, LIMITS, type RequestRecord } from "../http1/cut-and-replay.ts";
import {
  acceptVectors,
  type AcceptVector,
  rejectVectors,
  type RejectVector,
} from "../http1/vectors.ts";
import { APPLICATIONS, TRANSPORTS } from "./exercise.ts";
import { optionsFor, runAll } from "./live-vectors.ts";
import { RawClient, type RawResponse } from "./raw-client.ts";
import { startPortico } from "./server-process.ts";

const FIRST = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n";

/** How each vector is sent; the core's own test has more ways. */
const WAYS: Readonly<Record<string, (bytes: Buffer) => Buffer[]>> = {
  whole: (bytes) => [bytes],
  "by line": (bytes) => CUTS["by line"]?.(bytes, 0) ?? [],
  "by byte": (bytes) => cutAt(bytes, [...bytes.keys()].slice(1)),
};

function percentDecoded(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** Strings, and the list of trailer fields. */
type EnvironRecord = Record<string, string | string[][]>;

/** The environ of PEP 3333 for a request, as far as the client decides it; and the content. */
function expectedRecord(request: RequestRecord): EnvironRecord {
  const record: EnvironRecord = {
    REQUEST_METHOD: request.method,
    SERVER_PROTOCOL: `HTTP/1.${request.versionMinor}`,
    PATH_INFO: percentDecoded(request.path),
    QUERY_STRING: request.query,
    RAW_URI: request.target,
    SCRIPT_NAME: "",
    content: request.content,
  };
  for (const [name, value] of request.fields) {
    if (name.includes("_") || name === "proxy" || name === "transfer-encoding") continue;
    const own = name === "content-type" || name === "content-length";
    const key = `${own ? "" : "HTTP_"}${name.toUpperCase().replaceAll("-", "_")}`;
    const before = record[key];
    const separator = name === "cookie" ? "; " : ", ";
    record[key] = before === undefined ? value : String(before) + separator + value;
  }
  if (request.authority !== null) record["HTTP_HOST"] = request.authority;
  if (request.trailers.length > 0) {
    record["portico.trailers"] = request.trailers.map(({ name, value }) => [name, value]);
  }
  if (request.framing.kind === "chunked") record["CONTENT_LENGTH"] = `${request.content.length}`;
  return record;
}

function seenRecord(response: RawResponse): EnvironRecord {
  const seen: EnvironRecord = JSON.parse(response.field("X-Record") ?? "{}");
  const decided =
    /^(?:HTTP_|CONTENT_|content$|portico\.|RAW_URI|PATH_INFO|QUERY_STRING|SCRIPT_NAME)/;
  return Object.fromEntries(
    Object.entries(seen).filter(
      ([name]) => decided.test(name) || name === "REQUEST_METHOD" || name === "SERVER_PROTOCOL",
    ),
  );
}

async function finalResponse(client: RawClient, method: string): Promise<RawResponse> {
  let response = await client.readResponse(method);
  while (response.status < 200) response = await client.readResponse(method);
  return response;
}

/** Sends the pieces one by one, each in a turn of its own, and then the client's end. */
async function send(client: RawClient, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    client.write(piece);
    await turn();
  }
  client.endWriting();
}

async function checkAccepted(client: RawClient, requests: readonly RequestRecord[]): Promise<void> {
  for (const request of requests) {
    const response = await finalResponse(client, request.method);
    if (request.method === "CONNECT" || request.method === "TRACE") {
      assert.equal(response.status, 501);
    } else if (/^https:/i.test(request.target)) {
      assert.equal(response.status, 421);
    } else if (request.form === "asterisk") {
      assert.match(response.field("Allow") ?? "", /OPTIONS/);
    } else {
      assert.equal(response.status, 200);
      assert.deepEqual(seenRecord(response), expectedRecord(request));
    }
    if (!request.persistent) assert.equal(response.field("Connection"), "close");
  }
  assert.equal((await client.readToEnd()).toString("latin1"), "");
}

async function checkRejected(client: RawClient, vector: RejectVector): Promise<void> {
  for (let before = 0; before < (vector.requestsBefore ?? 0); before++) {
    const response = await finalResponse(client, "GET");
    assert.equal(response.status, 200);
  }
  const response = await finalResponse(client, "GET");
  assert.equal(response.status, vector.status);
  assert.equal(response.field("Connection"), "close");
  assert.equal((await client.readToEnd()).toString("latin1"), "");
}

const vectorsByOptions = Map.groupBy<string | null, AcceptVector | RejectVector>(
  [...acceptVectors(), ...rejectVectors()],
  ({ limits }) => optionsFor({ bodyLimitBytes: LIMITS.bodyLimitBytes, ...limits }),
);

for (const transport of TRANSPORTS) {
  describe(`vectors over ${transport}`, () => {
    for (const [options, vectors] of vectorsByOptions) {
      if (options === null) continue;
      test(`${vectors.length} with ${options}`, async () => {
        await using server = await startPortico([
          "--transport",
          transport,
          "--chdir",
          APPLICATIONS,
          "--workers",
          "1",
          ...options.split(" "),
          "recorder:app",
        ]);
        const replay = async (
          vector: AcceptVector | RejectVector,
          pieces: readonly Buffer[],
          behindFirst: boolean,
        ): Promise<void> => {
          using client = await RawClient.connect(server.port);
          const sent = send(client, behindFirst ? [Buffer.from(FIRST), ...pieces] : pieces);
          if (behindFirst) {
            const first = await client.readResponse();
            assert.match(first.field("X-Record") ?? "", /"PATH_INFO": "\/first"/);
          }
          if ("requests" in vector) await checkAccepted(client, vector.requests);
          else await checkRejected(client, vector);
          await sent;
        };
        await runAll(
          vectors.flatMap((vector) =>
            Object.entries(WAYS).flatMap(([way, cut]) =>
              [false, true].map((behindFirst): [string, () => Promise<void>] => [
                `${vector.name}, ${way}${behindFirst ? ", behind another request" : ""}`,
                () => replay(vector, cut(vector.bytes), behindFirst),
              ]),
            ),
          ),
        );
      });
    }
  });
}
