/**
 * Replays the vectors of `vectors/http1/respond/` over live sockets of both kinds, with the WSGI
 * applications of `applications/respond.py` in a real worker.
 *
 * What the server leaves open is asked once more, so that a connection which has lost track of
 * where a message ends cannot pass for one that is well. Left out are those vectors whose limits no
 * option can set, and those that end in a reset, which takes away what the client has not read:
 * `test/server/respond-vectors.test.ts` has them all.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { CUTS, LIMITS } from "../http1/cut-and-replay.ts";
import { PROGRAM_NAMES } from "../server/respond-programs.ts";
import {
  DATE,
  type RespondVector,
  respondVectors,
  SERVER,
  withoutRequestIds,
} from "../server/respond-vectors.ts";
import { APPLICATIONS, TRANSPORTS } from "./exercise.ts";
import { optionsFor, runAll } from "./live-vectors.ts";
import { RawClient } from "./raw-client.ts";
import { startPortico } from "./server-process.ts";

const WAYS = ["whole", "by line", "by byte", "one byte, then the rest", "at random"];
const LAST = "GET /hello HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";
const LAST_ANSWER =
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n` +
  `Date: ${DATE}\r\nServer: ${SERVER}\r\nConnection: close\r\n\r\nhello\n`;
const CONTINUE_END = "\r\n\r\n";
/** How far the clocks of two processes on one machine are apart, with a long pause between. */
const CLOCK_DIFFERENCE_MAX_MS = 120_000;
const IMF_FIXDATE = /^Date: (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r$/gm;

/** Puts {@link DATE} in the place of the present time. */
function normalized(answers: Buffer): string {
  return withoutRequestIds(answers.toString("latin1")).replace(
    IMF_FIXDATE,
    (line, date: string) => {
      const isNow = Math.abs(Date.parse(date) - Date.now()) < CLOCK_DIFFERENCE_MAX_MS;
      return isNow ? `Date: ${DATE}\r` : line;
    },
  );
}

async function send(client: RawClient, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    client.write(piece);
    await turn();
  }
}

async function replay(port: number, vector: RespondVector, way: string): Promise<void> {
  const cut = CUTS[way];
  assert.ok(cut !== undefined);
  using client = await RawClient.connect(port);
  const { bytes, sentAfterContinue } = vector;
  const head = bytes.subarray(0, bytes.length - sentAfterContinue);
  await send(client, cut(head, 0));
  let before = "";
  if (sentAfterContinue > 0) {
    const interim = await client.readHead();
    before = `${interim.version} ${interim.status} ${interim.reason}${CONTINUE_END}`;
    await send(client, cut(bytes.subarray(head.length), 0));
  }
  const isOpen = vector.connection === "open";
  if (isOpen) client.write(LAST);
  const received = normalized(await client.readToEnd());
  const expected = vector.expected.toString("latin1") + (isOpen ? LAST_ANSWER : "");
  assert.equal(before + received, expected);
}

test("the applications in Python have the names of those in TypeScript", () => {
  const source = readFileSync(path.join(APPLICATIONS, "respond.py"), "utf8");
  const names = [...source.matchAll(/^ {4}"([a-z0-9-]+)": /gm)].map((match) => match[1] ?? "");
  assert.deepEqual(new Set(names), new Set(PROGRAM_NAMES));
});

/** The options for a vector, parted by spaces; null where there are none for it. */
function optionsOf({ limits, allowedHosts }: RespondVector): string | null {
  const limitOptions = optionsFor({ bodyLimitBytes: LIMITS.bodyLimitBytes, ...limits });
  if (limitOptions === null) return null;
  return [limitOptions, ...allowedHosts.map((host) => `--allowed-host ${host}`)].join(" ");
}

const vectorsByOptions = Map.groupBy(
  respondVectors().filter(({ connection }) => connection !== "reset"),
  optionsOf,
);

for (const transport of TRANSPORTS) {
  describe(`answers over ${transport}`, () => {
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
          "respond:app",
        ]);
        await runAll(
          vectors.flatMap((vector) =>
            WAYS.map((way): [string, () => Promise<void>] => [
              `${vector.name}, ${way}`,
              () => replay(server.port, vector, way),
            ]),
          ),
        );
      });
    }
  });
}
