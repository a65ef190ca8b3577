/**
 * The same bytes through other programs: each difference is of a kind that `docs/differences.md`
 * explains, and each kind that is explained there is still to be seen.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { acceptVectors, rejectVectors } from "../http1/vectors.ts";
import { respondVectors } from "../server/respond-vectors.ts";
import {
  type AnswerDifference,
  exchanges,
  nodeDifferences,
  pythonDifferences,
} from "./answer-differences.ts";
import { AnswerSource } from "./node-client.ts";
import { NodeServer } from "./node-server.ts";
import { differenceOf } from "./request-differences.ts";

interface RequestKind {
  readonly id: string;
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
  /** A pattern of their names; all vectors where it is not there. */
  readonly vectors?: string;
}

interface AnswerKind {
  readonly id: string;
  readonly client: string;
  readonly what: readonly string[];
  readonly vectors?: string;
}

const kinds: { requests: RequestKind[]; answers: AnswerKind[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "differences.json"), "utf8"),
);
const page = readFileSync(join(import.meta.dirname, "../../docs/differences.md"), "utf8");

function matches(pattern: string | undefined, name: string): boolean {
  return pattern === undefined || new RegExp(pattern).test(name);
}

/** The rows of the table below a heading: the cells of each. */
function rowsBelow(heading: string): string[][] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| (`.*) \|$/gm)].map((match) => (match[1] ?? "").split(" | "));
}

const nodeServer = await NodeServer.start();
const answerSource = await AnswerSource.open();
after(() => {
  nodeServer.close();
  answerSource.close();
});

/** For each kind the vectors that show it. */
const shownBy = new Map<string, string[]>();

function note(id: string, vector: string): void {
  shownBy.set(id, [...(shownBy.get(id) ?? []), vector]);
}

test("requests: node:http and the receiver differ only as the page says", async () => {
  const unexplained: string[] = [];
  for (const vector of [...acceptVectors(), ...rejectVectors()]) {
    const difference = await differenceOf(vector, nodeServer);
    if (difference === null) continue;
    const { ours, theirs } = difference;
    const fitting = kinds.requests.filter(
      (kind) =>
        kind.ours.includes(ours) &&
        kind.theirs.includes(theirs) &&
        matches(kind.vectors, vector.name),
    );
    const [kind] = fitting;
    if (kind === undefined || fitting.length > 1) {
      unexplained.push(`${vector.name}: ours ${ours}, theirs ${theirs}; ${fitting.length} kinds`);
    } else {
      note(kind.id, vector.name);
    }
  }
  assert.deepEqual(unexplained, []);
});

test("answers: http.client and node:http read what we mean, except as the page says", async () => {
  const all = exchanges();
  assert.ok(all.length > 100);
  const differences: AnswerDifference[] = [
    ...pythonDifferences(all),
    ...(await nodeDifferences(all, answerSource)),
  ];
  const unexplained: string[] = [];
  for (const { client, vector, what } of differences) {
    const kind = kinds.answers.find(
      (one) => one.client === client && one.what.includes(what) && matches(one.vectors, vector),
    );
    if (kind === undefined) unexplained.push(`${vector}: ${client}: ${what}`);
    else note(kind.id, vector);
  }
  assert.deepEqual(unexplained, []);
});

test("the page has a row for each kind, with a clause and a vector that shows it", () => {
  const known = new Set(
    [...acceptVectors(), ...rejectVectors(), ...respondVectors()].map(({ name }) => name),
  );
  for (const [heading, listed] of [
    ["Requests", kinds.requests],
    ["Answers", kinds.answers],
  ] as const) {
    const rows = rowsBelow(heading);
    assert.deepEqual(
      rows.map(([id = ""]) => id.replaceAll("`", "")),
      listed.map(({ id }) => id),
    );
    for (const [id = "", example = "", ...rest] of rows) {
      const vector = example.replaceAll("`", "");
      assert.ok(known.has(vector), `${vector} is a vector`);
      assert.ok(shownBy.get(id.replaceAll("`", ""))?.includes(vector), `${vector} shows ${id}`);
      assert.ok(
        rest.some((cell) => /^RFC \d+ section \d/.test(cell)),
        `${id} has a clause`,
      );
    }
  }
});
