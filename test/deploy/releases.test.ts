/**
 * Releases in folders of their own, as docs/deploy.md tells it: a link names the one that is
 * served, and `portico reload` says by its exit status whether it is.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import {
  type FinishedProcess,
  PORTICO,
  runToEnd,
  type ServerProcess,
  startPortico,
} from "../end-to-end/server-process.ts";

/** Says which release it is, and with `/late` imports a module of it only then. */
const SHOP = `
import release

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/late":
        import late
        return [late.NAME.encode()]
    return [release.NAME.encode()]
`;

let folder = "";
let server: ServerProcess;

function writeRelease(name: string, shop = SHOP): void {
  const release = join(folder, "releases", name);
  mkdirSync(release, { recursive: true });
  writeFileSync(join(release, "shop.py"), shop);
  writeFileSync(join(release, "release.py"), `NAME = "${name}"\n`);
  writeFileSync(join(release, "late.py"), `NAME = "${name}"\n`);
}

/** As `mv -T` does: in one step. */
function point(name: string): void {
  symlinkSync(join("releases", name), join(folder, "next"));
  renameSync(join(folder, "next"), join(folder, "current"));
}

function reload(...args: readonly string[]): Promise<FinishedProcess> {
  const socket = ["--control-socket", join(folder, "control.sock")];
  return runToEnd(PORTICO, ["reload", ...socket, ...args], { ready: null });
}

async function served(path = "/"): Promise<string> {
  return await (await fetch(server.origin + path)).text();
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "portico-releases-"));
  writeRelease("one");
  writeRelease("two");
  writeRelease("three", `${SHOP}\nraise RuntimeError("not today")\n`);
  point("one");
  const options = ["--chdir", join(folder, "current"), "--watch-window", "1s"];
  const control = ["--control-socket", join(folder, "control.sock")];
  server = await startPortico([...options, ...control, "--workers", "2", "shop:app"], {
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
});
after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true });
});

test("a link that moves is followed by the next generation, and not by this one", async () => {
  assert.equal(await served(), "one");
  point("two");
  assert.equal(await served(), "one");
  assert.equal(await served("/late"), "one", "what is imported late is of the same release");
  const { status, stderr } = await reload("--watch");
  assert.equal(status, 0, stderr);
  assert.equal(await served(), "two");
  assert.equal(await served("/late"), "two");
});

test("a release that does not load gives exit status 1, and the old one goes on", async () => {
  point("three");
  const { status, stderr } = await reload("--watch");
  assert.equal(status, 1);
  assert.match(stderr, /RuntimeError: not today/);
  assert.equal(await served(), "two");
});

test("the way back is the link, and a reload", async () => {
  point("one");
  assert.equal((await reload()).status, 0);
  assert.equal(await served(), "one");
  assert.equal(await served("/late"), "one");
});
