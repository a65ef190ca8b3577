import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ATOM_NAMES } from "../../../src/server/access-log/atoms.ts";
import { columnFormat, lineFormat } from "../../../src/server/access-log/line-format.ts";
import { RepeatedParts } from "../../../src/server/access-log/repeated-parts.ts";
import { ExchangeTrace } from "../../../src/server/traces/exchange-trace.ts";
import { accessRecord, formatOf, lineOf, type RecordValues, written } from "./records.ts";

const AGENT = "Mozilla/5.0 (X11; Linux x86_64)";

process.env["TZ"] = "UTC";

const TRACE = new ExchangeTrace(
  { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", isSampled: false },
  null,
  null,
  null,
);

/** An atom, a record's values, and what is written. */
const ATOMS: readonly (readonly [atom: string, values: RecordValues, text: string])[] = [
  ["h", {}, "192.0.2.7"],
  ["h", { remoteHost: "" }, "-"],
  ["l", {}, "-"],
  ["u", {}, "-"],
  ["u", { user: "anna" }, "anna"],
  ["u", { user: "anna b" }, "anna\\x20b"],
  ["t", {}, "[21/Nov/2026:14:29:00 +0000]"],
  ["r", {}, "GET /articles/7?page=2 HTTP/1.1"],
  ["r", { method: null, target: null }, "-"],
  ["m", {}, "GET"],
  ["m", { method: null }, "-"],
  ["U", {}, "/articles/7"],
  ["q", {}, "page=2"],
  ["q", { query: "" }, "-"],
  ["H", { protocol: "HTTP/1.0" }, "HTTP/1.0"],
  ["H", { protocol: null }, "-"],
  ["s", { status: 404 }, "404"],
  ["B", { contentBytes: 0 }, "0"],
  ["b", { contentBytes: 0 }, "-"],
  ["b", {}, "4207"],
  ["f", { request: { referer: "https://example.org/" } }, "https://example.org/"],
  ["f", {}, "-"],
  ["a", { request: { "user-agent": AGENT } }, AGENT],
  ["T", { durationUs: 1_999_999 }, "1"],
  ["M", { durationUs: 1_999_999 }, "1999"],
  ["D", { durationUs: 1_999_999 }, "1999999"],
  ["L", { durationUs: 1_000_012 }, "1.000012"],
  ["L", { durationUs: 12 }, "0.000012"],
  ["p", {}, "<4711>"],
  ["p", { workerPid: null }, "-"],
  ["{X-Forwarded-For}i", { request: { "x-forwarded-for": "10.1.2.3" } }, "10.1.2.3"],
  ["{x-none}i", {}, "-"],
  ["{Content-Type}o", { response: { "content-type": "text/html" } }, "text/html"],
  ["{REMOTE_PORT}e", { entries: { REMOTE_PORT: "50123" } }, "50123"],
  ["{wsgi.url_scheme}e", { entries: { "wsgi.url_scheme": "http" } }, "http"],
  ["time", {}, "2026-11-21T14:29:00.123Z"],
  ["peer", {}, "10.0.0.1"],
  ["queue_us", {}, "31"],
  ["queue_us", { queueUs: null }, "-"],
  ["application_us", {}, "5404"],
  ["worker", {}, "4711"],
  ["worker", { workerPid: null }, "-"],
  ["generation", {}, "2"],
  ["retries", { retries: 1 }, "1"],
  ["request_id", {}, "-"],
  ["request_id", { requestId: "0b6f2f4e" }, "0b6f2f4e"],
  ["trace_id", {}, "-"],
  ["trace_id", { trace: TRACE }, TRACE.traceId],
  ["span_id", {}, "-"],
  ["span_id", { trace: TRACE }, TRACE.spanId],
];

describe("atoms", () => {
  for (const [atom, values, text] of ATOMS) {
    test(`%(${atom})s is ${text}`, () => {
      assert.equal(lineOf(`%(${atom})s`, values), text);
      assert.equal(
        lineOf(`<%(${atom})s|%(s)s>`, { status: 200, ...values }).split("|")[0],
        `<${text}`,
      );
    });
  }

  test("each has been looked at", () => {
    const shown = new Set(ATOMS.map(([atom]) => atom));
    assert.deepEqual(
      ATOM_NAMES.filter((name) => !shown.has(name)),
      [],
    );
  });
});

describe("formats", () => {
  test("the names are those of Apache, and two of ours", () => {
    const request = { referer: "https://example.org/", "user-agent": AGENT };
    const common =
      '192.0.2.7 - - [21/Nov/2026:14:29:00 +0000] "GET /articles/7?page=2 HTTP/1.1" 200 4207';
    const combined = `${common} "https://example.org/" "${AGENT}"`;
    assert.equal(lineOf("common", { request }), common);
    assert.equal(lineOf("combined", { request }), combined);
    assert.equal(
      lineOf("timed", { request }),
      `${combined} total_us=6012 queue_us=31 application_us=5404 worker=4711 generation=2 ` +
        "retries=0 request_id=-",
    );
  });

  test("text stands where it stood, as UTF-8, with tabs, and %% for a percent sign", () => {
    assert.equal(lineOf("%%a %(s)s\t%%%(m)s b%%"), "%a 200\t%GET b%");
    const line = Buffer.from(lineOf("→ %(s)s ←"), "latin1").toString("utf8");
    assert.equal(line, "→ 200 ←");
  });

  test("only those that read the answer's fields have its head kept", () => {
    assert.equal(formatOf("%(s)s %({date}o)s").readsResponseFields, true);
    assert.equal(formatOf("%(s)s %({date}i)s").readsResponseFields, false);
    assert.equal(formatOf("json").readsResponseFields, false);
  });

  test("what is remembered of requests is never another one's", () => {
    const remembering = formatOf("json");
    const others = [
      {},
      { method: "POST" },
      { path: "/other" },
      { path: '/"\\\xff', query: "" },
      { status: 404 },
      { method: null, path: null, query: null, status: 400 },
    ];
    for (const one of others) {
      for (const other of others) {
        for (const values of [one, one, one, other, other, one]) {
          const line = written(remembering, accessRecord(values));
          assert.equal(line, written(formatOf("json"), accessRecord(values)));
          const { method, path, query, status } = accessRecord(values);
          const read = JSON.parse(line) as Record<string, unknown>;
          assert.deepEqual(
            [read["method"], read["path"], read["query"], read["status"]],
            [method, path, query, status],
          );
        }
      }
    }
  });

  test("what a client repeats is put together once, and anew when it says something else", () => {
    for (const text of ["%(h)s %({a}i)s %(s)s %({a}i)s", "json"]) {
      const format = formatOf(text);
      const repeated = new RepeatedParts();
      let asked = 0;
      const line = (value: string, section: object): string => {
        repeated.keepFor(section, null);
        const requestField = (): string => {
          asked++;
          return value;
        };
        return written(format, { ...accessRecord(), repeated, requestField });
      };
      const [first, second] = [{}, {}];
      const line1 = line("1", first);
      const askedOnce = asked;
      assert.equal(line("not looked at", first), line1);
      assert.equal(asked, askedOnce);
      assert.equal(line("2", second), line1.replaceAll(/(?<=["\s])1(?=["\s])/g, "2"));
    }
  });

  test("two formats of one record do not share parts by accident", () => {
    const [one, other] = [formatOf("%(h)s %(s)s"), formatOf("%(peer)s %(s)s")];
    assert.equal(written(one, accessRecord()), "192.0.2.7 200\n");
    assert.equal(written(other, accessRecord()), "10.0.0.1 200\n");
  });
});

describe("mistakes say where they are", () => {
  const mistakes: readonly (readonly [format: string, position: number, what: RegExp])[] = [
    ["%(h)s %(x)s", 7, /^there is no atom %\(x\)s; there are h l u m/],
    ["%(h)s %(queue)s", 7, /there is no atom %\(queue\)s/],
    ["%(queue_ms)s", 1, /did you mean %\(queue_us\)s\?$/],
    ["%(workers)s", 1, /did you mean %\(worker\)s\?$/],
    ["%(h)s 100%", 10, /begins no atom.*%%$/],
    ["%h", 1, /begins no atom/],
    ["%(h", 1, /begins no atom/],
    ["%(h)d", 1, /ends in \)s, as in %\(h\)s$/],
    ["%(h)-15s", 1, /ends in \)s/],
    ["%(h)", 1, /ends in \)s/],
    ["%({referer})s", 1, /followed by i .* as in %\(\{referer\}i\)s$/],
    ["%({referer}x)s", 1, /followed by i/],
    ["%({}i)s", 1, /begins no atom/],
    ["%(h)s\n%(s)s", 6, /control character/],
    ["\x1b[1m%(h)s", 1, /control character/],
    ["combine", 1, /neither a name .*; did you mean combined\?$/],
    ["", 1, /neither a name/],
    ["%%", 1, /neither a name/],
    ["constructor", 1, /neither a name/],
    ["%(constructor)s", 1, /there is no atom/],
  ];
  for (const [format, position, what] of mistakes) {
    test(JSON.stringify(format), () => {
      const found = lineFormat(format);
      assert.ok(found.kind === "mistake");
      assert.equal(found.position, position);
      assert.match(found.what, what);
    });
  }
});

describe("columns for a person", () => {
  test("line up, and say what a program need not know", () => {
    const format = columnFormat(false);
    const lines = [
      accessRecord(),
      accessRecord({ method: "DELETE", status: 503, durationUs: 61_230_000, queueUs: null }),
      accessRecord({ durationUs: 1_234_000, contentBytes: 13_100_000, target: "/", retries: 2 }),
      accessRecord({ method: null, target: null, status: 400, contentBytes: 11 }),
    ].map((record) => written(format, record));
    assert.deepEqual(lines, [
      "14:29:00 200 GET       6.0ms queue   0.0ms   4.2kB /articles/7?page=2\n",
      "14:29:00 503 DELETE   61.23s queue       -   4.2kB /articles/7?page=2\n",
      "14:29:00 200 GET       1.23s queue   0.0ms  13.1MB / (retries: 2)\n",
      "14:29:00 400 -         6.0ms queue   0.0ms     11B -\n",
    ]);
  });

  test("colours stand around the same text, and are closed", () => {
    const plain = columnFormat(false);
    const coloured = columnFormat(true);
    for (const status of [101, 200, 304, 404, 500, 999]) {
      const text = written(coloured, accessRecord({ status }));
      // oxlint-disable-next-line no-control-regex
      assert.equal(text.replaceAll(/\x1b\[\d+m/g, ""), written(plain, accessRecord({ status })));
      // oxlint-disable-next-line no-control-regex
      assert.match(text, /^(?:[^\x1b]*\x1b\[[1-9]\d*m[^\x1b]+\x1b\[0m)+[^\x1b]*$/);
    }
  });
});
