import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { parseWorkerReport, type WorkerReport } from "../../src/workers/worker-report.ts";

function parse(text: string | Buffer): WorkerReport | null {
  const bytes = Buffer.concat([Buffer.from("before"), Buffer.from(text), Buffer.from("}behind")]);
  return parseWorkerReport(bytes, 6, bytes.length - 7);
}

test("a report of memory, with the routes that grew", () => {
  const routes = [
    { route: "/export", grewBytes: 50_000_000, requests: 3 },
    { route: "/caf\u00e9\n", grewBytes: -4_096, requests: 1 },
  ];
  assert.deepEqual(parse(JSON.stringify({ rssBytes: 300_000_000, routes })), {
    kind: "memory",
    rssBytes: 300_000_000,
    routes,
  });
  assert.deepEqual(parse('{"routes":[],"rssBytes":0}'), {
    kind: "memory",
    rssBytes: 0,
    routes: [],
  });
});

test("a report of files", () => {
  const files = ["/app/views.py", "/app/\udc80.py"];
  assert.deepEqual(parse(JSON.stringify({ files })), { kind: "files", files });
  assert.deepEqual(parse('{"files":[]}'), { kind: "files", files: [] });
});

test("anything else is none", () => {
  const route = '{"route":"/","grewBytes":1,"requests":1}';
  const none = [
    "",
    "{",
    "null",
    "1",
    "[]",
    "{}",
    '["files"]',
    '{"files":"/a.py"}',
    '{"files":null}',
    '{"files":[1]}',
    '{"files":["/a.py"],"more":1}',
    '{"files":["/a.py"],"__proto__":1}',
    '{"rssBytes":1}',
    '{"routes":[]}',
    '{"rssBytes":1,"routes":[],"files":[]}',
    '{"rssBytes":-1,"routes":[]}',
    '{"rssBytes":1.5,"routes":[]}',
    '{"rssBytes":1e300,"routes":[]}',
    '{"rssBytes":"1","routes":[]}',
    '{"rssBytes":1,"routes":{}}',
    '{"rssBytes":1,"routes":[null]}',
    '{"rssBytes":1,"routes":[{"route":"/","grewBytes":1}]}',
    '{"rssBytes":1,"routes":[{"route":1,"grewBytes":1,"requests":1}]}',
    '{"rssBytes":1,"routes":[{"route":"/","grewBytes":0.5,"requests":1}]}',
    '{"rssBytes":1,"routes":[{"route":"/","grewBytes":1,"requests":-1}]}',
    `{"rssBytes":1,"routes":[${Array.from({ length: 6 }, () => route).join()}]}`,
  ];
  for (const text of none) assert.equal(parse(text), null, text);
  assert.notEqual(parse(`{"rssBytes":1,"routes":[${route}]}`), null);
});

test("bytes that are not UTF-8 are none", () => {
  assert.equal(parse(Buffer.from('{"files":["\xff"]}', "latin1")), null);
});

test("sixteen thousand bytes are taken, and no more", () => {
  const report = (bytes: number): string => `{"files":["${"x".repeat(bytes - 14)}"]}`;
  assert.equal(report(16_384).length, 16_384);
  assert.notEqual(parse(report(16_384)), null);
  assert.equal(parse(report(16_385)), null);
});

test("whatever comes, it does not throw", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.uint8Array()), (input) => {
      parse(typeof input === "string" ? input : Buffer.from(input));
    }),
  );
});
