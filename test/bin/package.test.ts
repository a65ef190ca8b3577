/**
 * The package as `npm pack` would make it: compiled, with the files that package.json names and no
 * others, it serves.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { runToEnd, startServer } from "../end-to-end/server-process.ts";

const ROOT = join(import.meta.dirname, "../..");

test("what is packed serves, without running a line of TypeScript", async () => {
  const folder = mkdtempSync(join(tmpdir(), "portico-package-"));
  try {
    const description = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      files: string[];
    };
    const { status, stdout } = spawnSync(
      join(ROOT, "node_modules/.bin/tsc"),
      ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(folder, "dist")],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stdout);
    // npm packs package.json whatever it says.
    const patterns = [...description.files.filter((name) => name !== "dist"), "package.json"];
    for (const path of patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      cpSync(join(ROOT, path), join(folder, path), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const args = [
      "--bind=127.0.0.1:0",
      "--dashboard=127.0.0.1:0",
      "--workers=1",
      "--chdir=examples",
      "hello:app",
    ];
    await using server = await startServer(join(folder, "bin/portico"), args);
    const response = await fetch(server.origin);
    assert.equal(response.status, 200);
    assert.match(server.stdout, /hello:app/);
    // Its children are programs of the package, too.
    const load = ["load", server.origin, "--requests", "20", "--forks", "2"];
    const loaded = await runToEnd(join(folder, "bin/portico"), load);
    assert.match(loaded.stdout, /requests +20 answered, 0 failed/, loaded.stderr);
    // The live page is shipped as it is written.
    const page = /dashboard +(http:\S+)/.exec(server.stdout)?.[1] ?? "";
    const script = await fetch(new URL("main.ts", page));
    assert.equal(script.status, 200);
    assert.equal(script.headers.get("Content-Type"), "text/javascript; charset=utf-8");
    assert.doesNotMatch(await script.text(), /import type/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
