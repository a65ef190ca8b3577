/**
 * The application is imported while most of the gateway is still being loaded: once, only where
 * nothing can refuse the start any more, and with nothing left behind where it is ended meanwhile.
 *
 * What is loaded meanwhile is held up by a module of the test's, which Node.js loads first.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { get } from "./exercise.ts";
import { childrenOf } from "./process-tree.ts";
import { rawRequest } from "./raw-client.ts";
import { type ServerProcess, startPortico } from "./server-process.ts";

/** For an import that was not begun ahead it is waited in vain for so long. */
const HELD_UP_MAX_MS = 10_000;

const APPLICATION = `
import os
with open(os.environ["IMPORTED"], "a") as file:
    file.write(f"{os.getpid()}\\n")
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getppid()).encode()]
`;

/** Holds \`run-gateway.ts\` up until the application has been imported. */
const HOLDING_UP = `
import { registerHooks } from "node:module";
import { appendFileSync, existsSync } from "node:fs";
const { IMPORTED, HELD_UP, LOADED, FOR_EVER } = process.env;
registerHooks({
  load(url, context, next) {
    if (url.endsWith("/run-gateway.ts")) {
      const end = Date.now() + Number(HELD_UP);
      const pause = new Int32Array(new SharedArrayBuffer(4));
      while ((FOR_EVER || !existsSync(IMPORTED)) && Date.now() < end) Atomics.wait(pause, 0, 0, 5);
      appendFileSync(LOADED, existsSync(IMPORTED) ? "behind\\n" : "first\\n");
    }
    return next(url, context);
  },
});
`;

let folder: string;
let imported: string;
let loaded: string;
let runtime: string;

async function start(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  return startPortico(["--workers", "1", "--chdir", folder, ...args, "ahead:app"], {
    env: {
      NODE_OPTIONS: `--import=${path.join(folder, "holding-up.mjs")}`,
      IMPORTED: imported,
      LOADED: loaded,
      HELD_UP: String(HELD_UP_MAX_MS),
      XDG_RUNTIME_DIR: runtime,
      ...env,
    },
    ready: null,
  });
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "portico-ahead-"));
  writeFileSync(path.join(folder, "ahead.py"), APPLICATION);
  writeFileSync(path.join(folder, "holding-up.mjs"), HOLDING_UP);
});

after(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  runtime = mkdtempSync(path.join(folder, "runtime-"));
  [imported, loaded] = [path.join(runtime, "imported"), path.join(runtime, "loaded")];
});

describe("an import ahead", () => {
  test("is the only one, and what is imported is served", async () => {
    const socket = path.join(runtime, "served");
    await using server = await start(["--bind", `unix:${socket}`, "--metrics", "/metrics"]);
    await server.until("the gateway", () => existsSync(loaded));
    assert.deepEqual(linesOf(loaded), ["behind"]);
    await server.until("the announcement", () => server.stdout.includes("serves ahead:app"));
    const [zygote, ...others] = linesOf(imported);
    assert.deepEqual(others, []);
    assert.equal((await rawRequest(socket, get("/"))).text, zygote);
    assert.deepEqual(childrenOf(server.pid), [Number(zygote)]);
  });

  test("a gateway that is killed meanwhile leaves no process and no socket", async () => {
    const socket = path.join(runtime, "served");
    const server = await start(["--bind", `unix:${socket}`], { FOR_EVER: "1", HELD_UP: "60000" });
    await server.until("the import", () => existsSync(imported));
    assert.ok(existsSync(socket));
    assert.equal(readdirSync(path.join(runtime, "portico")).length, 1, "the control socket");
    server.signal("SIGKILL");
    // It asserts that no process is left.
    await server.stop();
    assert.ok(!existsSync(socket));
    assert.deepEqual(readdirSync(path.join(runtime, "portico")), []);
  });

  for (const [what, args] of [
    ["a PID file may be another's", (): string[] => ["--pid-file", path.join(runtime, "pid")]],
    ["an address of metrics may be taken", (): string[] => ["--metrics", "127.0.0.1:0"]],
    ["an address of the dashboard may be taken", (): string[] => ["--dashboard", "127.0.0.1:0"]],
    ["its files are watched", (): string[] => ["--reload"]],
    ["workers connect to a path", (): string[] => ["--transport", "node"]],
  ] as const) {
    test(`is not begun where ${what}`, async () => {
      const bind = ["--bind", "127.0.0.1:0"];
      await using server = await start([...bind, ...args()], { HELD_UP: "500" });
      await server.until("the announcement", () => server.stdout.includes("serves ahead:app"));
      assert.deepEqual(linesOf(loaded), ["first"]);
      assert.equal(linesOf(imported).length, 1);
    });
  }

  test("is not begun where an address is taken", async () => {
    const socket = path.join(runtime, "served");
    await using first = await start(["--bind", `unix:${socket}`]);
    await first.until("the announcement", () => first.stdout.includes("serves ahead:app"));
    const own = path.join(runtime, "own");
    const bind = ["--bind", `unix:${own}`, "--bind", `unix:${socket}`];
    const second = await start(bind);
    assert.deepEqual(await second.ended, { status: 1, signal: null });
    assert.match(second.stderr, /^portico: [^\n]+\n$/);
    await second.stop();
    assert.equal(linesOf(imported).length, 1);
    assert.deepEqual([existsSync(own), existsSync(socket)], [false, true]);
  });
});
