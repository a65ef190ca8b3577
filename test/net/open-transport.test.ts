import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { NULL_LOG } from "../../src/base/log.ts";
import { openTransport } from "../../src/net/open-transport.ts";
import { runNode } from "./system-under-test.ts";

describe("openTransport", () => {
  it("takes our own sockets where they are available, and what it is told to", () => {
    for (const [choice, name] of [
      ["auto", "epoll"],
      ["epoll", "epoll"],
      ["node", "node"],
    ] as const) {
      const transport = openTransport(choice, NULL_LOG);
      assert.equal(transport.name, name);
      transport.close();
    }
  });

  it("falls back to node:net without koffi, with one line, unless told not to", async () => {
    // A copy of the source that has no node_modules above it.
    const folder = mkdtempSync(path.join(os.tmpdir(), "portico-test-"));
    const source = path.join(import.meta.dirname, "..", "..", "src");
    for (const layer of ["base", "os", "net"]) {
      cpSync(path.join(source, layer), path.join(folder, "src", layer), { recursive: true });
    }
    writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
    const copy = JSON.stringify(`${pathToFileURL(path.join(folder, "src")).href}/`);
    const { status, stdout, stderr } = await runNode(`
      const { openTransport } = await import(${copy} + "net/open-transport.ts");
      const { createLog } = await import(${copy} + "base/log.ts");
      const log = createLog((line) => console.log(line), { epochMs: () => 0 }, "info");
      const transport = openTransport("auto", log);
      console.log(transport.name);
      transport.close();
      try { openTransport("epoll", log); }
      catch (error) { console.log(error.exitStatus, error.message); }
    `);
    rmSync(folder, { recursive: true });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    const [line = "", name, refusal = ""] = stdout.split("\n");
    assert.match(
      line,
      /info serving through node:net, since our own sockets are not available why=.*koffi/,
    );
    assert.equal(name, "node");
    assert.match(
      refusal,
      /^1 --transport epoll is not available here: .*koffi.*; use --transport auto$/,
    );
  });

  it("falls back in a thread, whose loop cannot be reached", async () => {
    const { status, stdout } = await runNode(`
      import { Worker } from "node:worker_threads";
      new Worker(\`
        import(SOURCE + "os/libc.ts").then(({ systemLibraries }) =>
          console.log(systemLibraries().unavailable));
      \`, { eval: true });
    `);
    assert.equal(status, 0);
    assert.equal(stdout, "only the main thread's event loop can be reached\n");
  });
});
