import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type FileKind,
  isDeep,
  isForeignFolder,
  isReasonToReload,
  parseIncludeGlob,
  WatchedPaths,
} from "../../../src/server/development/watched-paths.ts";

const PLAIN = new WatchedPaths([]);

for (const [file, kind] of [
  ["/site/app.py", "source"],
  ["/site/App.PY", "source"],
  ["/site/index.html", "template"],
  ["/site/a/page.jinja2", "template"],
  ["/site/a/page.mako", "template"],
  ["/site/a/page.pt", "template"],
  ["/site/templates/mail/subject.txt", "template"],
  ["/site/app/jinja2/feed.xml", "template"],
  ["/site/data.sqlite3", null],
  ["/site/notes.txt", null],
  ["/site/app.pyc", null],
  ["/site/.app.py.swp", null],
  ["/site/.#app.py", null],
  ["/site/#app.py#", null],
  ["/site/app.py~", null],
  ["/site/4913", null],
  ["/site/app.py___jb_tmp___", null],
  ["/site/templates/.index.html.swx", null],
  ["/site/templates/index.html.bak", null],
] as const satisfies readonly [string, FileKind | null][]) {
  test(`${file} is ${kind ?? "nothing"} to the application`, () => {
    assert.equal(PLAIN.kindOf(file), kind);
  });
}

for (const [glob, included, not] of [
  ["*.toml", ["/site/a.toml", "/x/y/b.toml"], ["/site/a.tomlx", "/site/.toml"]],
  [".env", ["/site/.env"], ["/site/x.env"]],
  ["*.{yaml,yml}", ["/site/a.yml"], ["/site/a.yaml.swp"]],
  ["config/*.ini", ["/start/config/a.ini"], ["/start/config/b/a.ini", "/site/config/a.ini"]],
  ["config/**/*.ini", ["/start/config/a.ini", "/start/config/b/c/a.ini"], ["/start/a.ini"]],
  ["./config/", ["/start/config/a", "/start/config/b/c"], ["/start/configs/a"]],
  ["../etc/one.conf", ["/etc/one.conf"], ["/etc/two.conf", "/start/etc/one.conf"]],
  ["/etc/site/**", ["/etc/site/a", "/etc/site/b/c"], ["/etc/sites/a"]],
] as const) {
  test(`--reload-include ${glob}`, () => {
    const paths = new WatchedPaths([parseIncludeGlob(glob, "/start")]);
    for (const file of included) assert.equal(paths.kindOf(file), "included", file);
    for (const file of not) assert.equal(paths.kindOf(file), null, file);
  });
}

test("a glob says where it begins, and whether it reaches deeper", () => {
  const of = (text: string): unknown => {
    const include = parseIncludeGlob(text, "/start");
    return include.kind === "name" ? "name" : [include.folder, include.pattern, isDeep(include)];
  };
  assert.equal(of("*.toml"), "name");
  assert.deepEqual(of("config/a.ini"), ["/start/config", "a.ini", false]);
  assert.deepEqual(of("config/*.ini"), ["/start/config", "*.ini", false]);
  assert.deepEqual(of("config/*/a.ini"), ["/start/config", "*/a.ini", true]);
  assert.deepEqual(of("**/*.ini"), ["/start", "**/*.ini", true]);
  assert.deepEqual(of("/a/b/**"), ["/a/b", "**", true]);
});

test("folders in which nothing is the application's own", () => {
  for (const name of [
    ".git",
    ".venv",
    "__pycache__",
    "node_modules",
    "site-packages",
    "a.egg-info",
  ])
    assert.ok(isForeignFolder(name), name);
  for (const name of ["app", "templates", "static", "venv"])
    assert.ok(!isForeignFolder(name), name);
});

test("a source file is a reason where it is imported, or new, or the code does not load", () => {
  const unused = { kind: "source", isImported: false, isNew: false } as const;
  assert.ok(!isReasonToReload(unused, false));
  assert.ok(isReasonToReload({ ...unused, isImported: true }, false));
  assert.ok(isReasonToReload({ ...unused, isNew: true }, false));
  assert.ok(isReasonToReload(unused, true));
});

test("templates, and what is included, are a reason always", () => {
  for (const kind of ["template", "included"] as const) {
    assert.ok(isReasonToReload({ kind, isImported: false, isNew: false }, false));
  }
});
