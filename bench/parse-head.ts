/**
 * Measures how long the receiver takes for a request head, in one thread and without any socket:
 * heads of 4, 12 and 40 fields, each new to the connection and each repeated.
 *
 *     node bench/parse-head.ts
 *
 * A head is "repeated" when its header section is byte for byte that of the request before; a "new"
 * one differs from it in the last byte of its last field, so that the comparison is paid for too.
 * Each figure is the smallest of several rounds: what disturbs a round can only make it longer.
 */
import os from "node:os";
import { RequestReceiver, type RequestLimits } from "../src/http1/receiver.ts";

const LIMITS: RequestLimits = {
  requestLineLimitBytes: 8192,
  headLimitBytes: 65_536,
  fieldCountMax: 100,
  fieldLimitBytes: 32_768,
  bodyLimitBytes: 1_048_576,
  trailerLimitBytes: 8192,
  chunkExtensionLimitBytes: 4096,
};

const ROUNDS = 9;
const HEADS_PER_ROUND = 40_000;

const BROWSER_FIELDS = [
  "Host: 127.0.0.1:8000",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Language: en-US,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Referer: http://127.0.0.1:8000/articles/",
  "Connection: keep-alive",
  "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Site: same-origin",
  "Cookie: sessionid=4f1c2b6a9d8e7f60; theme=dark",
];

const TOOL_FIELDS = ["Host: 127.0.0.1:8000", "User-Agent: curl/8.5.0", "Accept: */*", "X-Id: 1"];

function fieldsOf(count: number): string[] {
  if (count <= TOOL_FIELDS.length) return TOOL_FIELDS.slice(0, count);
  const more = Array.from({ length: Math.max(0, count - BROWSER_FIELDS.length) }, (_, index) => {
    return `X-Application-Field-${index}: value of the field with number ${index}`;
  });
  return [...BROWSER_FIELDS.slice(0, count), ...more];
}

function headOf(fields: readonly string[], last: string): Buffer {
  const lines = ["GET /articles/2026/?page=2 HTTP/1.1", ...fields];
  return Buffer.from(`${lines.join("\r\n")}${last}\r\n\r\n`);
}

/**
 * Nanoseconds a head: the smallest of the rounds. Heads that differ are copied one after the other
 * into the same memory, as `recv` does, and the copying is counted.
 */
function measure(heads: readonly Buffer[]): number {
  const receiver = new RequestReceiver(LIMITS);
  const memory = Buffer.alloc(65_536);
  heads[0]?.copy(memory);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = process.hrtime.bigint();
    for (let index = 0; index < HEADS_PER_ROUND; index++) {
      const head = heads[index % heads.length] ?? memory;
      if (heads.length > 1) head.copy(memory);
      receiver.receive(memory, head.length);
      while (receiver.next().kind !== "paused");
      receiver.nextCycle();
    }
    const elapsedNs = Number(process.hrtime.bigint() - begin);
    best = Math.min(best, elapsedNs / HEADS_PER_ROUND);
  }
  return best;
}

const rows = [4, 12, 40].map((count) => {
  const fields = fieldsOf(count);
  const heads = [headOf(fields, "a"), headOf(fields, "b")];
  return {
    fields: count,
    bytes: heads[0]?.length ?? 0,
    "new, ns": Math.round(measure(heads)),
    "repeated, ns": Math.round(measure(heads.slice(0, 1))),
  };
});

console.log(`Node.js ${process.version}, ${os.cpus()[0]?.model ?? "unknown processor"}`);
console.table(rows);
