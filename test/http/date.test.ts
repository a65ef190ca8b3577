import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatHttpDate, HTTP_DATE_MS_MAX } from "../../src/http/date.ts";

test("RFC 9110 section 5.6.7: the example", () => {
  assert.equal(formatHttpDate(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
});

test("leap days, ends of centuries, the epoch, and the year 9999", () => {
  assert.equal(formatHttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  assert.equal(formatHttpDate(Date.UTC(2000, 1, 29)), "Tue, 29 Feb 2000 00:00:00 GMT");
  assert.equal(formatHttpDate(Date.UTC(2100, 1, 28, 23, 59, 59)), "Sun, 28 Feb 2100 23:59:59 GMT");
  assert.equal(formatHttpDate(Date.UTC(2100, 2, 1)), "Mon, 01 Mar 2100 00:00:00 GMT");
  assert.equal(formatHttpDate(HTTP_DATE_MS_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
});

test("a time out of range is moved to the nearer end", () => {
  assert.equal(formatHttpDate(-1), formatHttpDate(0));
  assert.equal(formatHttpDate(HTTP_DATE_MS_MAX + 1), formatHttpDate(HTTP_DATE_MS_MAX));
});

test("property: agrees with the Date object for every time", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: HTTP_DATE_MS_MAX }), (ms) => {
      assert.equal(formatHttpDate(ms), new Date(ms).toUTCString());
    }),
  );
});
