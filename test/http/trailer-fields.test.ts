import assert from "node:assert/strict";
import { test } from "node:test";
import { SINGLETON_FIELDS } from "../../src/http/fields.ts";
import {
  isTrailerField,
  NO_TRAILER_FIELDS,
  NO_TRAILER_PREFIXES,
} from "../../src/http/trailer-fields.ts";

test("RFC 9110 section 6.5.1: what the head decides is no trailer field", () => {
  for (const name of NO_TRAILER_FIELDS.keys()) assert.ok(!isTrailerField(name), name);
  for (const prefix of NO_TRAILER_PREFIXES.keys()) {
    assert.ok(!isTrailerField(prefix) && !isTrailerField(`${prefix}x`), prefix);
  }
  for (const name of [
    "if-none-match",
    "proxy-authorization",
    "sec-fetch-site",
    "x-forwarded-for",
  ]) {
    assert.ok(!isTrailerField(name), name);
  }
});

test("each of them is there by a clause", () => {
  for (const [name, clause] of [...NO_TRAILER_FIELDS, ...NO_TRAILER_PREFIXES]) {
    assert.match(name, /^[a-z-]+$/);
    assert.match(clause, /^(?:RFC \d{4}|Fetch standard,) section \d/, name);
  }
});

test("a request field of a single value is no trailer field, but for its time", () => {
  assert.deepEqual(SINGLETON_FIELDS.filter(isTrailerField), ["date"]);
});

test("what says something about the content that was sent may be one", () => {
  for (const name of ["content-digest", "etag", "x-checksum", "server-timing", "date"]) {
    assert.ok(isTrailerField(name), name);
  }
});

test("a name with an underscore could be mistaken for another", () => {
  for (const name of ["content_length", "x_sum", "_", "x-forwarded_for"]) {
    assert.ok(!isTrailerField(name), name);
  }
});
