import assert from "node:assert/strict";
import { chmodSync, readFileSync, utimesSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { NULL_LOG } from "../../../src/base/log.ts";
import { ProjectWatch, type WatchBounds } from "../../../src/server/development/project-watch.ts";
import { parseIncludeGlob, WatchedPaths } from "../../../src/server/development/watched-paths.ts";
import { ProjectFolder } from "./project-folder.ts";

/** The kernel tells at once; this is for a machine that has other things to do. */
const TOLD_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 5;

describe("the watch over a project", () => {
  let project: ProjectFolder;
  let watch: ProjectWatch;
  let isIncomplete: boolean;
  let bounds: WatchBounds;
  /** Files whose changes were told, each once. */
  let told: Set<string>;
  const warnings: string[] = [];

  const begin = (...globs: readonly string[]): void => {
    const log = { ...NULL_LOG, warn: (message: string) => void warnings.push(message) };
    const events = {
      onChange: (file: string) => void told.add(file.slice(project.path.length + 1)),
      isIncomplete: () => isIncomplete,
    };
    const includes = globs.map((glob) => parseIncludeGlob(glob, project.path));
    watch = new ProjectWatch(new WatchedPaths(includes), events, log, bounds);
    watch.watchTree(project.path);
  };

  const untilTold = async (...files: readonly string[]): Promise<void> => {
    const deadline = performance.now() + TOLD_TIMEOUT_MS;
    while (!files.every((file) => told.has(file))) {
      const seen = `told of ${[...told].join(", ")}, not ${files.join(", ")}`;
      assert.ok(performance.now() < deadline, seen);
      await pause(POLL_INTERVAL_MS);
    }
    assert.deepEqual([...told].toSorted(), [...files].toSorted());
    told.clear();
  };

  /** Events come in order: when this one is told, those before it have been. */
  const assertNothingTold = async (): Promise<void> => {
    project.write("last.html", String(Math.random()));
    await untilTold("last.html");
  };

  beforeEach(() => {
    project = new ProjectFolder();
    isIncomplete = false;
    bounds = { foldersMax: 100, importFoldersReserved: 10 };
    told = new Set();
  });
  afterEach(() => {
    watch.close();
    project[Symbol.dispose]();
    assert.deepEqual(warnings, []);
  });

  test("an imported file that is written, replaced, touched and removed", async () => {
    const file = project.write("app.py");
    begin();
    watch.watchImported([file]);
    project.write("app.py", "changed");
    await untilTold("app.py");
    project.replace("app.py", "replaced");
    await untilTold("app.py");
    utimesSync(file, 1, 1);
    await untilTold("app.py");
    project.remove("app.py");
    await untilTold("app.py");
    project.write("app.py");
    await untilTold("app.py");
  });

  test("what is not changed is not told: reading, another mode", async () => {
    const file = project.write("app.py");
    begin();
    watch.watchImported([file]);
    readFileSync(file);
    chmodSync(file, 0o600);
    await assertNothingTold();
  });

  test("a source file that is not imported counts when new, or the code is broken", async () => {
    project.write("test_app.py");
    begin();
    project.write("test_app.py", "changed");
    project.remove("test_app.py");
    project.write("test_app.py", "written as some editors do");
    await assertNothingTold();
    project.write("local_settings.py");
    await untilTold("local_settings.py");
    project.write("local_settings.py", "changed");
    await assertNothingTold();
    isIncomplete = true;
    project.write("test_app.py", "repaired");
    await untilTold("test_app.py");
  });

  test("templates, also in folders that are made later", async () => {
    project.write("app/templates/app/index.html");
    begin();
    project.write("app/templates/app/index.html", "changed");
    await untilTold("app/templates/app/index.html");
    project.write("other/deep/templates/mail.txt");
    await untilTold("other/deep/templates/mail.txt");
    project.write("other/deep/templates/mail.txt", "changed");
    await untilTold("other/deep/templates/mail.txt");
  });

  test("a folder that is removed, and one that takes its place", async () => {
    const file = project.write("app/views.py");
    project.write("app/old.html");
    begin();
    watch.watchImported([file]);
    project.rename("app", "gone");
    // It is a folder like any other, whose files are new under that name.
    await untilTold("app/views.py", "app/old.html", "gone/views.py", "gone/old.html");
    project.write("app/views.py", "another");
    await untilTold("app/views.py");
    project.write("app/views.py", "and another");
    await untilTold("app/views.py");
  });

  test("folders in which nothing is the application's own", async () => {
    project.write("node_modules/x/index.html");
    project.write("environment/pyvenv.cfg");
    project.write("environment/lib/index.html");
    begin();
    assert.equal(watch.folderCount, 1);
    project.write(".git/index.html");
    project.write("node_modules/x/index.html", "changed");
    project.write("environment/lib/index.html", "changed");
    await assertNothingTold();
    assert.equal(watch.folderCount, 1);
  });

  test("imported files outside the project, and templates beside them", async () => {
    using elsewhere = new ProjectFolder();
    const file = elsewhere.write("shop/models.py");
    const template = elsewhere.write("shop/templates/shop/cart.txt");
    const outside: string[] = [];
    begin();
    watch.close();
    const events = {
      onChange: (name: string) => void outside.push(name),
      isIncomplete: () => false,
    };
    watch = new ProjectWatch(new WatchedPaths([]), events, NULL_LOG);
    watch.watchImported([file]);
    elsewhere.write("shop/deeper/not.html");
    elsewhere.write("shop/templates/shop/cart.txt", "changed");
    elsewhere.write("shop/models.py", "changed");
    const deadline = performance.now() + TOLD_TIMEOUT_MS;
    while (new Set(outside).size < 2 && performance.now() < deadline) await pause(POLL_INTERVAL_MS);
    assert.deepEqual(new Set(outside), new Set([template, file]));
  });

  test("through symbolic links", async () => {
    using elsewhere = new ProjectFolder();
    project.write("real/views.py");
    project.link("linked", project.at("real"));
    project.write("one.py");
    project.link("link.py", project.at("one.py"));
    begin();
    watch.watchImported([project.at("linked/views.py"), project.at("link.py")]);
    project.write("real/views.py", "changed");
    await untilTold("real/views.py");
    project.write("one.py", "changed");
    await untilTold("one.py");
    project.remove("link.py");
    project.write("two.py", "it is another one");
    project.link("link.py", project.at("two.py"));
    await untilTold("link.py", "two.py");
    // Such a link may lead to anything of any size.
    project.link("big", elsewhere.path);
    elsewhere.write("big.html");
    await assertNothingTold();
  });

  test("what --reload-include names", async () => {
    project.write("settings.toml");
    project.write(".config/a.ini");
    begin("*.toml");
    project.write("settings.toml", "changed");
    await untilTold("settings.toml");
    project.write("settings.yaml", "changed");
    await assertNothingTold();
  });

  test("more folders than are watched: one warning, and imported files are watched", async () => {
    bounds = { foldersMax: 10, importFoldersReserved: 3 };
    for (let number = 0; number < 20; number++) project.write(`many/${number}/x`);
    const file = project.write("many/zzz/app.py");
    begin();
    assert.equal(watch.folderCount, 7);
    assert.deepEqual(warnings.splice(0), [
      "not everything is watched, so not every change will be noticed",
    ]);
    watch.watchImported([file]);
    project.write("many/zzz/app.py", "changed");
    await untilTold("many/zzz/app.py");
    project.write("another/x");
    await assertNothingTold();
  });
});
