/**
 * Holds docs/rfc9112.md and docs/rfc9110.md to what they claim: each requirement that is kept is
 * shown by a case that exists, each that is not has its reason, and no vector of `vectors/http1/`
 * stands there without the clause that it is about.
 *
 * The number of cases of each section is printed with the result.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OPTION_KEYS, optionSpec } from "../src/options/registry.ts";
import { formatValue } from "../src/options/values.ts";
import { acceptVectors, rejectVectors } from "./http1/vectors.ts";
import { respondVectors } from "./server/respond-vectors.ts";

const ROOT = join(import.meta.dirname, "..");
const COLUMNS = ["clause", "level", "requirement", "kept", "shown by"];
const LEVELS = new Set([
  "MUST",
  "MUST NOT",
  "SHOULD",
  "SHOULD NOT",
  "REQUIRED",
  "RECOMMENDED",
  "NOT RECOMMENDED",
  "ought to",
  "rule",
]);
const KEPT = /^(?:yes(?:: .+)?|no: .+|application: .+)$/;
/** Clauses of other specifications, which a page lists beside its own. */
const OTHER_CLAUSE = /^(?:RFC \d+ section \d+(?:\.\d+)*|PEP \d+, .+)$/;

interface Specification {
  readonly page: string;
  /** The sections that have subsections, each with their number; the chapters are those of "0". */
  readonly subsections: ReadonlyMap<string, number>;
}

/** @param counts `SECTION:SUBSECTIONS`, parted by spaces */
function subsections(counts: string): ReadonlyMap<string, number> {
  const pairs = counts.split(" ").map((pair) => pair.split(":"));
  return new Map(pairs.map(([section = "", count]) => [section, Number(count)]));
}

const SPECIFICATIONS: readonly Specification[] = [
  {
    page: "docs/rfc9112.md",
    subsections: subsections("0:12 2:3 3:3 3.2:4 5:2 6:3 7:4 7.1:3 9:8 9.3:2 10:2 11:4"),
  },
  {
    page: "docs/rfc9110.md",
    subsections: subsections(
      "0:18 2:5 3:9 4:3 4.2:5 4.3:5 5:6 5.6:7 5.6.1:2 6:6 6.4:2 6.5:2 6.6:2 7:8 7.3:3 7.6:3 8:8 " +
        "8.3:3 8.4:1 8.4.1:3 8.5:1 8.8:3 8.8.2:2 8.8.3:3 9:3 9.2:3 9.3:8 10:2 10.1:5 10.2:4 " +
        "11:7 11.6:3 11.7:3 12:5 12.4:3 12.5:5 13:2 13.1:5 13.2:2 14:6 14.1:2 15:6 15.2:2 " +
        "15.3:7 15.3.7:3 15.4:9 15.5:22 15.6:6",
    ),
  },
];

interface Row {
  /** Of its page: the path, a colon, the line. */
  readonly place: string;
  readonly clause: string;
  readonly level: string;
  readonly requirement: string;
  readonly kept: string;
  readonly shownBy: string;
}

/** The rows of all clause tables of a page. */
function rowsOf(page: string): Row[] {
  const lines = readFileSync(join(ROOT, page), "utf8").split("\n");
  const rows: Row[] = [];
  let inTable = false;
  for (const [index, line] of lines.entries()) {
    const cells = line.startsWith("|") ? line.slice(1, -1).split("|") : [];
    const trimmed = cells.map((cell) => cell.trim());
    if (cells.length === 0) inTable = false;
    else if (trimmed.join() === COLUMNS.join()) inTable = true;
    else if (inTable && !/^-+$/.test(trimmed[0] ?? "")) {
      const place = `${page}:${index + 1}`;
      assert.equal(trimmed.length, COLUMNS.length, `${place} has a cell for each column`);
      const [clause = "", level = "", requirement = "", kept = "", shownBy = ""] = trimmed;
      rows.push({ place, clause, level, requirement, kept, shownBy });
    }
  }
  return rows;
}

const pages = SPECIFICATIONS.map((specification) => ({
  ...specification,
  rows: rowsOf(specification.page),
}));
const allRows = pages.flatMap(({ rows }) => rows);

const vectorNames: readonly string[] = [
  ...acceptVectors().map(({ name }) => `accept/${name}`),
  ...rejectVectors().map(({ name }) => `reject/${name}`),
  ...respondVectors().map(({ name }) => `respond/${name}`),
];

interface Witnesses {
  readonly vectors: readonly string[];
  readonly tests: readonly { readonly file: string; readonly title: string }[];
  /** What a cell names and is neither. */
  readonly strangers: readonly string[];
}

/**
 * What a cell names: `reject/NAME`, `reject/BEGINNING*` for all vectors that begin so, or the path
 * of a test's file, a colon, and the test's title in quotes.
 */
function witnessesOf({ shownBy }: Row): Witnesses {
  const vectors: string[] = [];
  const tests: { file: string; title: string }[] = [];
  const strangers: string[] = [];
  const named = shownBy === "" ? [] : shownBy.split(/(?<=`), (?=`)/);
  for (const quoted of named) {
    const name = /^`([^`]+)`$/.exec(quoted)?.[1] ?? quoted;
    const [, file, title] = /^(test\/[-\w/]+\.test\.ts): "([^"]+)"$/.exec(name) ?? [];
    const found = vectorNames.filter((vector) =>
      name.endsWith("*") ? vector.startsWith(name.slice(0, -1)) : vector === name,
    );
    if (file !== undefined && title !== undefined) tests.push({ file, title });
    else if (found.length > 0) vectors.push(...found);
    else strangers.push(quoted);
  }
  return { vectors, tests, strangers };
}

const titlesOfFiles = new Map<string, Set<string>>();

/** The titles of a file's tests that are written out, or none where there is no such file. */
function titlesIn(file: string): Set<string> {
  const known = titlesOfFiles.get(file);
  if (known !== undefined) return known;
  const path = join(ROOT, file);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const found = text.matchAll(/\b(?:test|it)\(\s*("(?:[^"\\\n]|\\.)*")/g);
  const titles = new Set(Array.from(found, (match) => JSON.parse(match[1] ?? "") as string));
  titlesOfFiles.set(file, titles);
  return titles;
}

function sectionExists(clause: string, counts: Specification["subsections"]): boolean {
  const numbers = clause.split(".");
  return numbers.every((number, depth) => {
    const parent = depth === 0 ? "0" : numbers.slice(0, depth).join(".");
    return Number(number) >= 1 && Number(number) <= (counts.get(parent) ?? 0);
  });
}

/** Negative where the first section comes before the second. */
function compareSections(first: string, second: string): number {
  const [left, right] = [first.split(".").map(Number), second.split(".").map(Number)];
  for (let depth = 0; depth < Math.max(left.length, right.length); depth++) {
    const difference = (left[depth] ?? 0) - (right[depth] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const isOwnClause = (clause: string): boolean => /^\d+(?:\.\d+)*$/.test(clause);

function assertNone(found: readonly string[]): void {
  assert.ok(found.length === 0, `${found.length} found:\n${found.join("\n")}`);
}

test("each row says what is demanded, how much, and whether it is kept", () => {
  for (const { page, rows } of pages) assert.ok(rows.length >= 5, `${page} has a table`);
  const found = allRows.filter(
    ({ level, requirement, kept }) =>
      !LEVELS.has(level) || requirement === "" || !KEPT.test(kept) || kept.endsWith("."),
  );
  assertNone(found.map(({ place, level, kept }) => `${place}: ${level} | ${kept}`));
});

for (const { page, subsections: counts, rows } of pages) {
  test(`${page}: the sections exist, and ascend`, () => {
    const found: string[] = [];
    let last = "0";
    for (const { place, clause } of rows) {
      if (!isOwnClause(clause)) {
        if (!OTHER_CLAUSE.test(clause)) found.push(`${place}: ${clause} is no clause`);
        continue;
      }
      if (!sectionExists(clause, counts)) found.push(`${place}: there is no ${clause}`);
      if (compareSections(last, clause) > 0) found.push(`${place}: ${clause} behind ${last}`);
      last = clause;
    }
    assertNone(found);
  });
}

test("what shows that a requirement is kept exists, and each that is kept is shown", () => {
  const found: string[] = [];
  for (const row of allRows) {
    const { vectors, tests, strangers } = witnessesOf(row);
    for (const stranger of strangers) found.push(`${row.place}: ${stranger} is not there`);
    for (const { file, title } of tests) {
      if (!titlesIn(file).has(title)) found.push(`${row.place}: ${file} has no "${title}"`);
    }
    const isShown = vectors.length + tests.length > 0;
    if (row.kept.startsWith("yes") && !isShown) found.push(`${row.place}: kept, and not shown`);
  }
  assertNone(found);
});

test("what an option is by default is what it says of itself", () => {
  const defaults = new Map<string, string>(
    OPTION_KEYS.map(optionSpec).map((spec) => [spec.flag, formatValue(spec, spec.fallback)]),
  );
  const found: string[] = [];
  let count = 0;
  for (const { place, kept } of allRows) {
    for (const [, flag = "", value] of kept.matchAll(/`(--[-a-z]+)` is (\S+) by default/g)) {
      count++;
      const truth = defaults.get(flag);
      if (value !== truth) found.push(`${place}: ${flag} is ${truth ?? "no option"}, not ${value}`);
    }
  }
  assertNone(found);
  assert.ok(count > 0);
});

test("no vector is without a clause", () => {
  const named = new Set(allRows.flatMap((row) => witnessesOf(row).vectors));
  assertNone(vectorNames.filter((name) => !named.has(name)));
});

for (const { page, rows } of pages) {
  test(`${page}: cases of each section`, (context) => {
    const cases = new Map<string, Set<string>>();
    for (const row of rows) {
      const { vectors, tests } = witnessesOf(row);
      const known = cases.get(row.clause) ?? new Set();
      for (const name of vectors) known.add(name);
      for (const { file, title } of tests) known.add(`${file}: ${title}`);
      cases.set(row.clause, known);
    }
    for (const [clause, { size }] of cases) {
      const demands = rows.filter((row) => row.clause === clause).length;
      context.diagnostic(`${page} ${clause}: requirements ${demands}, cases ${size}`);
    }
    const all = new Set([...cases.values()].flatMap((names) => [...names]));
    assert.ok(all.size > 0);
    context.diagnostic(`${page}: requirements ${rows.length}, cases ${all.size}`);
  });
}
