import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  encodeCancel,
  encodeEnviron,
  encodeReopen,
  isIdempotent,
  isSafe,
} from "../../src/workers/protocol.ts";
import { readMarshal } from "./marshal-reader.ts";

test("environ entries become one dict, in order", () => {
  const entries: [string, string][] = [
    ["REQUEST_METHOD", "GET"],
    ["HTTP_X_ANY", "caf\xe9"],
    ["HTTP_HOST", ""],
  ];
  const read = readMarshal(encodeEnviron(entries));
  assert.ok(read instanceof Map);
  assert.deepEqual([...read], entries);
});

test("trailer fields become a list of tuples, or nothing where there are none", () => {
  const trailers = [
    { name: "x-sum", value: "1" },
    { name: "x-sum", value: "caf\xe9" },
  ];
  const read = readMarshal(encodeEnviron([["HTTP_HOST", "a"]], trailers));
  assert.ok(read instanceof Map);
  assert.deepEqual(
    [...read],
    [
      ["HTTP_HOST", "a"],
      [
        "portico.trailers",
        [
          ["x-sum", "1"],
          ["x-sum", "caf\xe9"],
        ],
      ],
    ],
  );
  assert.deepEqual(encodeEnviron([["HTTP_HOST", "a"]], []), encodeEnviron([["HTTP_HOST", "a"]]));
});

test("a name that a client chose is never interned, a known one is", () => {
  const [known, chosen] = ["HTTP_HOST", "HTTP_X_CHOSEN"].map((name) => encodeEnviron([[name, ""]]));
  assert.equal(known?.toString("latin1", 1, 2), "Z");
  assert.equal(chosen?.toString("latin1", 1, 2), "z");
});

test("an environ of its own is returned each time", () => {
  const first = encodeEnviron([["HTTP_HOST", "a"]]);
  const copy = Buffer.from(first);
  encodeEnviron([["HTTP_HOST", "b"]]);
  assert.deepEqual(first, copy);
});

test("a cancellation is one frame with the request's address", () => {
  const frame = encodeCancel(3, 2 ** 31 - 1);
  assert.equal(frame.readUInt32LE(0), frame.length - 4);
  assert.deepEqual(readMarshal(frame.subarray(4)), ["cancel", 3, 2 ** 31 - 1]);
});

test("the idempotent methods are RFC 9110's, and those that the protocol's page names", () => {
  const methods = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
  for (const method of methods) assert.ok(isIdempotent(method), method);
  for (const method of ["POST", "PATCH", "get", "", "LOCK", "__proto__"]) {
    assert.ok(!isIdempotent(method), method);
  }
  const page = join(import.meta.dirname, "..", "..", "docs", "worker-protocol.md");
  assert.ok(
    readFileSync(page, "utf8").includes("anything but GET, HEAD, OPTIONS, TRACE, PUT and DELETE"),
  );
});

test("the safe methods are RFC 9110's", () => {
  for (const method of ["GET", "HEAD", "OPTIONS", "TRACE"]) assert.ok(isSafe(method), method);
  for (const method of ["PUT", "DELETE", "POST", "get", ""]) assert.ok(!isSafe(method), method);
});

test("that a log is to be opened again is one frame with a tuple of one", () => {
  const frame = encodeReopen();
  assert.equal(frame.readUInt32LE(0), frame.length - 4);
  assert.deepEqual(readMarshal(frame.subarray(4)), ["reopen"]);
});
