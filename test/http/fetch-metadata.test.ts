import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";

import {
  type FetchExceptions,
  type FetchJudgement,
  type FetchMetadata,
  judgeFetch,
} from "../../src/http/fetch-metadata.ts";

const PAGE = path.resolve(import.meta.dirname, "..", "..", "docs", "edge-policy.md");
const NONE: FetchExceptions = { sameSite: false, frames: false, cors: false };
const ALL: FetchExceptions = { sameSite: true, frames: true, cors: true };

const METHODS = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "get"] as const;
const SITES = [null, "same-origin", "same-site", "cross-site", "none", "", "Same-Origin"] as const;
const MODES = [null, "cors", "navigate", "no-cors", "same-origin", "websocket", "new"] as const;
const DESTS = [
  null,
  "document",
  "iframe",
  "frame",
  "fencedframe",
  "object",
  "embed",
  "image",
  "empty",
];

interface Case {
  readonly method: string;
  readonly metadata: FetchMetadata;
  readonly exceptions: FetchExceptions;
}

function* everyCase(): Generator<Case> {
  const choices = [true, false];
  for (const method of METHODS)
    for (const site of SITES)
      for (const mode of MODES)
        for (const dest of DESTS)
          for (const sameSite of choices)
            for (const frames of choices)
              for (const cors of choices) {
                const exceptions = { sameSite, frames, cors };
                yield { method, metadata: { site, mode, dest }, exceptions };
              }
}

interface Row {
  readonly fits: (tried: Case) => boolean;
  readonly judgement: string;
}

const CONDITIONS: Readonly<Record<string, (exceptions: FetchExceptions) => boolean>> = {
  everywhere: () => true,
  "`--fetch-same-site allow`": ({ sameSite }) => sameSite,
  "CORS allows it": ({ cors }) => cors,
  "`--fetch-frames`": ({ frames }) => frames,
};

/** The table of the page, whose cells are words, lists of words, `any`, or `not sent`. */
function readTable(): Row[] {
  const lines = readFileSync(PAGE, "utf8").split("\n");
  const first = lines.findIndex((line) => line.startsWith("| Sec-Fetch-Site | ")) + 2;
  const end = lines.findIndex((line, index) => index >= first && !line.startsWith("|"));
  return lines.slice(first, end).map((line) => {
    const [site, mode, dest, method, where, result] = line.split(" | ").map(cellText);
    const condition = CONDITIONS[where ?? ""];
    assert.ok(condition !== undefined, `${where} is no condition`);
    return {
      fits: (tried) =>
        holds(site, tried.metadata.site) &&
        holds(mode, tried.metadata.mode) &&
        holds(dest, tried.metadata.dest) &&
        holds(method, tried.method) &&
        condition(tried.exceptions),
      judgement: (result ?? "").replace("passes: ", ""),
    };
  });
}

function cellText(cell: string): string {
  return cell.replace(/^\| | \|$/g, "").trim();
}

function holds(cell: string | undefined, value: string | null): boolean {
  return cell === "any" || (cell?.split(", ") ?? []).includes(value ?? "not sent");
}

test("the table of docs/edge-policy.md is what the code does", () => {
  const rows = readTable();
  assert.equal(rows.length, 8);
  const used = new Set<Row>();
  for (const tried of everyCase()) {
    const row = rows.find(({ fits }) => fits(tried));
    assert.ok(row !== undefined);
    used.add(row);
    const judgement = judgeFetch(tried.method, tried.metadata, tried.exceptions);
    assert.equal(row.judgement, judgement, JSON.stringify(tried));
  }
  assert.equal(used.size, rows.length);
});

function judged(
  method: string,
  site: string | null,
  mode: string | null = null,
  dest: string | null = null,
  exceptions: FetchExceptions = NONE,
): FetchJudgement {
  return judgeFetch(method, { site, mode, dest }, exceptions);
}

test("what browsers send for what a page of another site can do", () => {
  assert.equal(judged("GET", "cross-site", "navigate", "document"), "top-level-navigation");
  assert.equal(judged("HEAD", "cross-site", "navigate", "document"), "top-level-navigation");
  assert.equal(judged("POST", "cross-site", "navigate", "document", ALL), "refused");
  assert.equal(judged("GET", "cross-site", "no-cors", "image", ALL), "refused");
  assert.equal(judged("GET", "cross-site", "no-cors", "script", ALL), "refused");
  assert.equal(judged("GET", "cross-site", "navigate", "object", ALL), "refused");
  assert.equal(judged("GET", "cross-site", "navigate", "embed", ALL), "refused");
  assert.equal(judged("GET", "cross-site", "navigate", "iframe"), "refused");
  assert.equal(judged("GET", "cross-site", "nested-navigate", null, ALL), "refused");
  assert.equal(judged("GET", "cross-site", "websocket", "empty", ALL), "refused");
  assert.equal(judged("GET", "cross-site", "cors", "empty"), "refused");
  assert.equal(judged("OPTIONS", "cross-site", "cors", "empty"), "refused");
  assert.equal(judged("POST", "cross-site", "no-cors", "empty", ALL), "refused");
});

test("repeated, malformed and unknown values are a stranger's", () => {
  for (const site of [
    "same-origin, same-origin",
    "none, cross-site",
    "same-origin;a=b",
    '"same-origin"',
    "SAME-ORIGIN",
    "?1",
    "",
    "same-party",
  ]) {
    assert.equal(judged("POST", site, "cors", "empty"), "refused", site);
    assert.equal(judged("GET", site, "navigate", "document"), "top-level-navigation", site);
  }
  for (const mode of ["navigate, navigate", "Navigate", "navigate;a", "", null]) {
    assert.equal(judged("GET", "cross-site", mode, "document", ALL), "refused", String(mode));
  }
  for (const dest of ["document, document", "Document", "", "unheard-of"]) {
    assert.equal(judged("GET", "cross-site", "navigate", dest, ALL), "refused", dest);
  }
});

const value = (known: readonly (string | null)[]): fc.Arbitrary<string | null> =>
  fc.oneof(fc.constantFrom(...known), fc.string());

test("property: across sites nothing but GET and HEAD passes, unless CORS allows it", () => {
  const method = fc.oneof(fc.constantFrom("POST", "PUT", "get", "DELETE", "OPTIONS"), fc.string());
  fc.assert(
    fc.property(
      method.filter((text) => text !== "GET" && text !== "HEAD"),
      value(MODES),
      value(DESTS),
      fc.record({ sameSite: fc.boolean(), frames: fc.boolean() }),
      (tried, mode, dest, exceptions) => {
        const metadata = { site: "cross-site", mode, dest };
        assert.equal(judgeFetch(tried, metadata, { ...exceptions, cors: false }), "refused");
        if (mode === "cors") return;
        assert.equal(judgeFetch(tried, metadata, { ...exceptions, cors: true }), "refused");
      },
    ),
  );
});

test("property: an exception never refuses what passes without it", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...METHODS),
      fc.record({ site: value(SITES), mode: value(MODES), dest: value(DESTS) }),
      fc.record({ sameSite: fc.boolean(), frames: fc.boolean(), cors: fc.boolean() }),
      (method, metadata, exceptions) => {
        if (judgeFetch(method, metadata, NONE) === "refused") return;
        assert.notEqual(judgeFetch(method, metadata, exceptions), "refused");
      },
    ),
  );
});
