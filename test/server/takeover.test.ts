import assert from "node:assert/strict";
import { existsSync, mkdtempDisposableSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type OwnCommand, SERVING, Takeover, YOURS } from "../../src/server/takeover.ts";
import { soon } from "../net/recording-handler.ts";

const BOUNDS = { startMs: 20_000, endMs: 20_000, abandonedMs: 20_000 };
const SHORT_MS = 300;

function successor(program: string): OwnCommand {
  return {
    program: process.execPath,
    args: ["--input-type=module", "--eval", program],
    folder: process.cwd(),
    env: { ...process.env },
  };
}

/** In the successor: the stream to its predecessor. */
const CHANNEL = `
  import net from "node:net";
  const channel = new net.Socket({ fd: 3 });
  channel.setEncoding("latin1");
`;

async function failureOf(takeover: Takeover): Promise<string> {
  const outcome = await soon(takeover.outcome, "the outcome");
  assert.ok(outcome.kind === "failed", JSON.stringify(outcome));
  return outcome.why;
}

describe("a takeover", () => {
  it("ends in one that serves, and is told that the sockets are its own", async () => {
    const program = `${CHANNEL}
      channel.write(${JSON.stringify(SERVING)});
      let said = "";
      channel.on("data", (text) => (said += text));
      channel.on("end", () => process.exit(said === ${JSON.stringify(YOURS)} ? 0 : 1));
    `;
    const takeover = new Takeover(successor(program), [], BOUNDS);
    const outcome = await soon(takeover.outcome, "the outcome");
    assert.ok(outcome.kind === "serving" && outcome.pid > 0);
    takeover.confirm();
    // Backing out is over.
    takeover.abandon("too late");
    assert.equal((await takeover.outcome).kind, "serving");
    await soon(takeover.end(), "the successor's end");
  });

  it("fails with one that ends", async () => {
    const ended = new Takeover(successor("process.exit(3)"), [], BOUNDS);
    assert.equal(await failureOf(ended), "it ended with status 3");
    const killed = new Takeover(successor("process.kill(process.pid, 'SIGKILL')"), [], BOUNDS);
    assert.equal(await failureOf(killed), "it was ended by SIGKILL");
  });

  it("fails with one that says something else", async () => {
    const program = `${CHANNEL} channel.end("something else\\n"); process.exitCode = 0;`;
    assert.equal(
      await failureOf(new Takeover(successor(program), [], BOUNDS)),
      "it ended with status 0",
    );
  });

  it("fails with a program that cannot be started", async () => {
    const nowhere = { ...successor(""), program: "/nowhere/at/all" };
    assert.match(await failureOf(new Takeover(nowhere, [], BOUNDS)), /ENOENT/);
    const homeless = { ...successor(""), folder: "/nowhere/at/all" };
    assert.match(await failureOf(new Takeover(homeless, [], BOUNDS)), /could not be started/);
  });

  it("ends one that does not serve in time, in the end by force", async () => {
    const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);";
    for (const program of ["setInterval(() => {}, 1000);", stubborn]) {
      const takeover = new Takeover(successor(program), [], {
        ...BOUNDS,
        startMs: SHORT_MS,
        endMs: SHORT_MS,
      });
      assert.equal(await failureOf(takeover), "it did not serve within 0.3 s");
    }
  });

  it("that is abandoned leaves nothing of the successor, by force if need be", async () => {
    using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-abandoned-"));
    const deaf = path.join(folder.path, "deaf");
    const program = `
      import { writeFileSync } from "node:fs";
      process.on("SIGTERM", () => {});
      setInterval(() => {}, 1000);
      writeFileSync(${JSON.stringify(deaf)}, "");
    `;
    const takeover = new Takeover(successor(program), [], { ...BOUNDS, abandonedMs: SHORT_MS });
    while (!existsSync(deaf)) await pause(10);
    await soon(takeover.abandon("this process is being stopped"), "the successor's end");
    assert.equal(await failureOf(takeover), "this process is being stopped");
  });

  it("is abandoned", async () => {
    const takeover = new Takeover(successor("setInterval(() => {}, 1000);"), [], BOUNDS);
    takeover.abandon("this process is being stopped");
    assert.equal(await failureOf(takeover), "this process is being stopped");
  });
});
