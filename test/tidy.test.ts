/**
 * The rules of STYLE.md that no linter holds: layers, lengths, names, and that what comments and
 * pages point to is there. A failure names each file and line.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");

/** From the lowest on. Folders of one layer do not know each other. */
const LAYERS: readonly (readonly string[])[] = [
  ["base"],
  ["options"],
  ["http"],
  ["http1"],
  ["os"],
  ["net"],
  ["workers"],
  ["handlers"],
  ["server", "load"],
  ["cli"],
];
/** The layers that are handed everything: bytes, time, files. */
const PURE_LAYERS = new Set(["base", "options", "http", "http1"]);
const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 100;

interface SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

const NOT_OURS =
  /^(?:node_modules|dist|\.environments|\.git|\.venv|bench\/results)(?:\/|$)|__pycache__/;
const CACHES = /(?:^|\/)\.(?:mypy|ruff)_cache(?:\/|$)/;

/** Files of the repository that match, as text. */
function read(...patterns: readonly string[]): SourceFile[] {
  const isForeign = (path: string): boolean => NOT_OURS.test(path) || CACHES.test(path);
  return globSync(patterns as string[], { cwd: ROOT, exclude: isForeign })
    .filter((path) => !isForeign(path))
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      return { path, text, lines: text.split("\n") };
    });
}

const typeScript = read("{src,test,bench,scripts}/**/*.ts");
const python = read("{python,bench,examples,scripts,test}/**/*.py");
const shell = read("bin/portico", ".ci/run", "scripts/*").filter(({ text }) =>
  text.startsWith("#!"),
);
const markdown = read("**/*.md");
const sources = typeScript.filter(({ path }) => path.startsWith("src/"));
const code = [...typeScript, ...python, ...shell];

/** `path:line: what` for each line on which `find` finds something. */
function complaints(
  files: readonly SourceFile[],
  find: (line: string, file: SourceFile) => string | null,
): string[] {
  return files.flatMap((file) =>
    file.lines.flatMap((line, index) => {
      const what = find(line, file);
      return what === null ? [] : [`${file.path}:${index + 1}: ${what}`];
    }),
  );
}

/** A finder of lines that match; what matched is the complaint. */
function matching(pattern: RegExp): (line: string) => string | null {
  return (line) => pattern.exec(line)?.[0] ?? null;
}

function assertNone(found: readonly string[]): void {
  assert.ok(found.length === 0, `${found.length} found:\n${found.join("\n")}`);
}

function importsOf({ text }: SourceFile): string[] {
  const pattern = /(?:^|\n)(?:import|export)\b[^;"]*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? "");
}

function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function layerOf(path: string): number {
  return LAYERS.findIndex((folders) => folders.includes(folderOf(path)));
}

/** Whether a file of the program may import another. */
function mayImport(from: string, target: string): boolean {
  return folderOf(from) === folderOf(target) || layerOf(target) < layerOf(from);
}

/** Code without its comments and its strings in quotes; lines stay where they are. */
function codeOnly(text: string): string {
  const pattern = /\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;
  return text.replace(pattern, (match) => match.replace(/[^\n]/g, " "));
}

function commentsOf({ path, text }: SourceFile): string {
  if (path.endsWith(".md")) return text;
  const isTypeScript = path.endsWith(".ts");
  const pattern = isTypeScript ? /\/\*[\s\S]*?\*\/|(?:^|\s)\/\/.*/g : /(?:^|\s)#.*|"""[\s\S]*?"""/g;
  return (text.match(pattern) ?? []).join("\n");
}

test("there is something to look at", () => {
  assert.ok(sources.length > 20 && python.length > 3 && shell.length > 3 && markdown.length > 3);
});

test("a file imports from its own folder or a lower layer", () => {
  const found = sources.flatMap((file) => {
    assert.notEqual(layerOf(file.path), -1, `${file.path} lies in no layer`);
    return importsOf(file)
      .filter((target) => target.startsWith("."))
      .map((target) => relative(ROOT, join(ROOT, dirname(file.path), target)))
      .filter((target) => !target.startsWith("src/") || !mayImport(file.path, target))
      .map((target) => `${file.path} imports ${target}`);
  });
  assertNone(found);
});

test("base, options, http and http1 do no IO and read no clock", () => {
  const pure = sources.filter(({ path }) => PURE_LAYERS.has(path.split("/")[1] ?? ""));
  const bannedModule = /^node:(?:net|tls|dgram|dns|http|https|http2|fs|child_process|os|timers)\b/;
  const found = pure.flatMap((file) =>
    importsOf(file)
      .filter((target) => bannedModule.test(target))
      .map((target) => `${file.path} imports ${target}`),
  );
  const blanked = pure.map((file) => ({ ...file, lines: codeOnly(file.text).split("\n") }));
  const bannedGlobal =
    /(?<![.\w])(?:Date|performance|process|setTimeout|setInterval|setImmediate)\b(?=[.(])/;
  found.push(...complaints(blanked, matching(bannedGlobal)));
  assertNone(found);
});

test(`no file is longer than ${FILE_LINES_MAX} lines`, () => {
  const found = [...typeScript, ...python]
    .filter(({ lines }) => lines.length - 1 > FILE_LINES_MAX)
    .map(({ path, lines }) => `${path}: ${lines.length - 1}`);
  assertNone(found);
});

/** The first lines and lengths of the functions of a Python file, by indentation. */
function pythonFunctions({ lines }: SourceFile): { line: number; length: number }[] {
  return lines.flatMap((line, index) => {
    const indent = /^(\s*)(?:async )?def /.exec(line)?.[1]?.length;
    if (indent === undefined) return [];
    let last = index;
    for (let next = index + 1; next < lines.length; next++) {
      const text = lines[next] ?? "";
      const isBody = text.search(/\S/) > indent || /^\s*\)/.test(text);
      if (text.trim() !== "" && !isBody) break;
      if (text.trim() !== "") last = next;
    }
    return [{ line: index + 1, length: last - index + 1 }];
  });
}

// TypeScript's are counted by oxlint (max-lines-per-function), with the same bound.
test(`no Python function is longer than ${FUNCTION_LINES_MAX} lines`, () => {
  const found = python
    .filter(({ path }) => !/(?:^|\/)tests?\//.test(path))
    .flatMap((file) =>
      pythonFunctions(file)
        .filter(({ length }) => length > FUNCTION_LINES_MAX)
        .map(({ line, length }) => `${file.path}:${line}: ${length} lines`),
    );
  assertNone(found);
});

test(`no line of code is longer than ${COLUMNS_MAX} columns`, () => {
  const tooLong = (line: string): string | null =>
    line.length > COLUMNS_MAX ? `${line.length} columns` : null;
  assertNone(complaints(code, tooLong));
});

test("each file of the program begins by saying what it owns", () => {
  const scripts = typeScript.filter(({ path }) => /^(?:src|bench|scripts)\//.test(path));
  const worker = python.filter(({ path }) => path.startsWith("python/portico_worker/"));
  const found = [
    ...scripts.filter(({ text }) => !text.startsWith("/**\n")),
    ...worker.filter(({ text }) => !/^(?:#.*\n)*r?"""\S/.test(text)),
  ].map(({ path }) => path);
  assertNone(found);
});

test("nothing is exported by default", () => {
  // Node's test runner takes a reporter in no other way.
  const ours = typeScript.filter(({ path }) => path !== "test/failures-reporter.ts");
  assertNone(complaints(ours, matching(/^export default\b|\bas default\b/)));
});

test("no file or folder has a name that says nothing", () => {
  const banned = /^(?:utils?|helpers?|common|managers?|misc|shared)(?:\.|$)/;
  const found = [...code, ...markdown]
    .map(({ path }) => path)
    .filter((path) => path.split("/").some((part) => banned.test(part)));
  assertNone(found);
});

test("nothing is put off in a comment, and no test is left out for good", () => {
  const putOff = new RegExp(`\\b(?:${["TO", "FIX"].join("DO|")}ME|X{3})\\b`);
  assertNone(complaints(code, matching(putOff)));
  const tests = typeScript.filter(({ path }) => path.endsWith(".test.ts"));
  const leftOut = /\b(?:test|it|describe|suite)\.(?:skip|todo|only)\(|\b(?:skip|todo|only): true\b/;
  assertNone(complaints(tests, matching(leftOut)));
});

test("what comments and pages point to is there", () => {
  const pattern =
    /(?<![\w./*@:-])(?:src|test|docs|python|vectors|scripts|bench|examples)\/[\w./*-]*[\w*/]/g;
  const found = [...code, ...markdown].flatMap((file) =>
    (commentsOf(file).match(pattern) ?? [])
      .filter((path) =>
        path.includes("*")
          ? globSync(path, { cwd: ROOT }).length === 0
          : !existsSync(join(ROOT, path)),
      )
      .map((path) => `${file.path}: ${path}`),
  );
  assertNone([...new Set(found)]);
});

test("each page has a title, and its links to other pages lead somewhere", () => {
  const untitled = markdown.filter(({ text }) => !/^# \S/.test(text)).map(({ path }) => path);
  assertNone(untitled);
  const broken = markdown.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
      .map((match) => match[1] ?? "")
      .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  assertNone(broken);
});

test("no line ends in white space, and each file ends in one line end", () => {
  const files = [...code, ...markdown, ...read("*.json", ".*.json", "pyproject.toml")];
  assertNone(complaints(files, (line) => (/\s$/.test(line) ? "white space" : null)));
  const found = files.filter(({ text }) => !/[^\n]\n$/.test(text) && text !== "");
  assertNone(found.map(({ path }) => path));
});

test("no package registry and no path of somebody's machine is named", () => {
  const registry = /registry[.](?:npmjs|yarnpkg)|pypi[.]org|pythonhosted[.]org/;
  const machine = /(?<![\w.$}-])\/(?:root|work|home\/\w+|Users\/\w+)\//;
  const files = [
    ...code,
    ...markdown,
    ...read("*.json", "pyproject.toml", "**/*requirements*.txt"),
  ];
  assertNone(complaints(files, matching(registry)));
  assertNone(complaints(files, matching(machine)));
});
