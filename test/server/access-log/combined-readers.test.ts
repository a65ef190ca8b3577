/** Programs that know the formats of Apache read ours: by what its documentation says of them. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { formatOf, lineOf } from "./records.ts";

/**
 * `"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""`, from "Log Files" of the Apache
 * HTTP Server, with the form of `%t` ("[day/month/year:hour:minute:second zone]", fixed widths) and
 * the escapes of mod_log_config.
 */
const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`;
const TIME = String.raw`\[(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-]\d{4})\]`;
const COMMON = String.raw`(\S+) (\S+) (\S+) ${TIME} ${QUOTED} ([1-5]\d{2}) (\d+|-)`;
const APACHE_COMMON = new RegExp(`^${COMMON}$`);
const APACHE_COMBINED = new RegExp(`^${COMMON} ${QUOTED} ${QUOTED}$`);

const SHARP_EDGES = {
  user: "anna maria",
  target: '/"quoted"\\/\xc3\xa9?a=b"',
  contentBytes: 0,
  request: { referer: 'https://example.org/?q="', "user-agent": 'a "b" \\ [21/Nov/2026] \x1b' },
};

test("common is Apache's", () => {
  assert.match(lineOf("common"), APACHE_COMMON);
  assert.match(lineOf("common", SHARP_EDGES), APACHE_COMMON);
  assert.match(lineOf("common", { method: null, target: null, status: 400 }), APACHE_COMMON);
});

test("combined is Apache's, and each part is found", () => {
  process.env["TZ"] = "UTC";
  assert.match(lineOf("combined"), APACHE_COMBINED);
  const found = APACHE_COMBINED.exec(lineOf("combined", SHARP_EDGES));
  assert.deepEqual(found?.slice(1), [
    "192.0.2.7",
    "-",
    "anna\\x20maria",
    "21",
    "Nov",
    "2026",
    "14",
    "29",
    "00",
    "+0000",
    'GET /\\"quoted\\"\\\\/\\xc3\\xa9?a=b\\" HTTP/1.1',
    "200",
    "-",
    'https://example.org/?q=\\"',
    'a \\"b\\" \\\\ [21/Nov/2026] \\x1b',
  ]);
});

test("combined is gunicorn's default format", () => {
  const gunicorn = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';
  assert.equal(lineOf(gunicorn, SHARP_EDGES), lineOf("combined", SHARP_EDGES));
  assert.equal(formatOf("combined").readsResponseFields, false);
});

test("timed begins as combined, for readers that look no further", () => {
  const combined = lineOf("combined", SHARP_EDGES);
  const timed = lineOf("timed", SHARP_EDGES);
  assert.ok(timed.startsWith(`${combined} `));
  assert.match(timed.slice(combined.length), /^(?: [a-z_]+=\S+){7}$/);
});
