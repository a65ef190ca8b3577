/**
 * USR2: another portico takes the listening sockets over, under load, and where it cannot, nothing
 * happens.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { get, TRANSPORTS } from "../end-to-end/exercise.ts";
import { childrenOf, statusOf } from "../end-to-end/process-tree.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import { PORTICO, type ServerProcess, startServer } from "../end-to-end/server-process.ts";
import { FaultSite } from "./fault-site.ts";
import { assertExactlyOnce, assertServed } from "./load-client.ts";

const ROUNDS = 5;
const FOLDER_PREFIX = path.join(os.tmpdir(), "portico-takeover-");
const VICTIMS = path.join(import.meta.dirname, "applications");
const CODE = 'import victim\napp = victim.make_application("1")\n';
const SERVES = /the successor serves.* successor=(\d+)/g;
const BACKED_OUT = /the successor does not serve, and this process goes on/;

/** PIDs of the successors that have served, in order. */
function successors(server: ServerProcess): number[] {
  return [...server.stderr.matchAll(SERVES)].map(([, pid]) => Number(pid));
}

/** A successor that may not serve yet; null where there is none. */
function successorOf(predecessor: number): number | null {
  const isSuccessor = (pid: number): boolean =>
    readFileSync(`/proc/${pid}/environ`, "latin1").includes("PORTICO_TAKEOVER=");
  return childrenOf(predecessor).find(isSuccessor) ?? null;
}

function isGone(pid: number): boolean {
  return (statusOf(pid)?.state ?? "Z") === "Z";
}

async function until(server: ServerProcess, what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `waited in vain for ${what}\n${server.output}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** @returns the PID that serves afterwards */
async function takeOver(server: ServerProcess, pid: number): Promise<number> {
  const before = successors(server).length;
  process.kill(pid, "SIGUSR2");
  await until(server, "a successor", () => successors(server).length > before);
  await until(server, "the predecessor's end", () => isGone(pid));
  return successors(server)[before] ?? 0;
}

async function end(server: ServerProcess, pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await until(server, "the end", () => isGone(pid));
}

for (const transport of TRANSPORTS) {
  const args = ["--transport", transport, "--workers", "2"];

  describe(`USR2, by ${transport}`, { concurrency: 2 }, () => {
    test(`no request is lost, ${ROUNDS} times in a row`, async () => {
      await using site = await FaultSite.start({ args });
      const load = site.load();
      await load.more(20);
      let pid = site.pid;
      for (let round = 0; round < ROUNDS; round++) {
        pid = await takeOver(site.server, pid);
        await load.round();
      }
      const report = await load.stop();
      assert.deepEqual(await site.server.ended, { status: 0, signal: null });
      await end(site.server, pid);
      assertServed(report, {
        reconnectsMax: ROUNDS * report.connections,
        requestsMin: 100,
        output: site.server.output,
      });
      assertExactlyOnce(report, site.notes());
    });

    test("code that does not load: this process goes on, and says why in one line", async () => {
      await using site = await FaultSite.start({ args, code: CODE });
      const load = site.load();
      await load.more(20);
      site.edit("import nothing_of_that_name\n");
      site.server.signal("SIGUSR2");
      await until(site.server, "the line", () => BACKED_OUT.test(site.log));
      assert.match(site.log, /it ended with status 3/);
      assert.match(site.log, /nothing_of_that_name/);
      site.edit(CODE);
      await load.round();
      const pid = await takeOver(site.server, site.pid);
      const report = await load.stop();
      await end(site.server, pid);
      assertServed(report, { reconnectsMax: report.connections, output: site.server.output });
      assertExactlyOnce(report, site.notes());
    });

    test("one at a time, and a stop stops both", async () => {
      await using site = await FaultSite.start({ args, code: CODE });
      site.edit(`import time\ntime.sleep(30)\n${CODE}`);
      site.server.signal("SIGUSR2");
      await until(site.server, "the start", () => /a successor is started/.test(site.log));
      site.server.signal("SIGUSR2");
      await until(site.server, "the refusal", () => /why="there is one already"/.test(site.log));
      assert.equal((await rawRequest(site.port, get("/get/a"))).status, 200);
      site.server.signal("SIGTERM");
      assert.deepEqual(await site.server.ended, { status: 0, signal: null });
      await until(site.server, "the successor's end", () => site.server.processes().length === 0);
    });

    test("what is under way is answered by the one that has it", async () => {
      await using site = await FaultSite.start({ args });
      using busy = await RawClient.connect(site.port);
      using idle = await RawClient.connect(site.port);
      assert.equal((await idle.exchange(get("/get/before"))).status, 200);
      busy.write(get("/slow/long?s=3"));
      const before = successors(site.server).length;
      site.server.signal("SIGUSR2");
      await until(site.server, "a successor", () => successors(site.server).length > before);
      const late = await idle.exchange(get("/get/after"));
      assert.equal(late.field("Connection"), "close");
      assert.equal((await busy.readResponse()).text, "long\n");
      assert.equal((await rawRequest(site.port, get("/get/new"))).status, 200);
      await site.server.ended;
      await end(site.server, successors(site.server)[0] ?? 0);
    });

    test("a Unix socket's file and the PID file go with the socket", async () => {
      using folder = mkdtempDisposableSync(FOLDER_PREFIX);
      const file = path.join(folder.path, "socket");
      const pidFile = path.join(folder.path, "pid");
      const binds = ["--bind", "127.0.0.1:0", "--bind", `unix:${file}`];
      await using site = await FaultSite.start({ args: [...args, ...binds, "-p", pidFile] });
      const { ino } = statSync(file);
      const [zygote = 0] = site.zygotes();
      using busy = await RawClient.connect(site.port);
      busy.write(get("/slow/long?s=20"));
      site.server.signal("SIGUSR2");
      await until(site.server, "a successor", () => successors(site.server).length === 1);
      const [successor = 0] = successors(site.server);
      await until(site.server, "its PID", () => readFileSync(pidFile, "utf8") === `${successor}\n`);
      // It still drains; what cleans up behind it leaves alone what is not its own any more.
      site.server.signal("SIGKILL");
      await site.server.ended;
      await until(site.server, "the end of its zygote", () => isGone(zygote));
      assert.equal(statSync(file).ino, ino);
      assert.equal((await rawRequest(file, get("/get/a"))).status, 200);
      await end(site.server, successor);
      assert.equal(existsSync(file), false);
      assert.equal(existsSync(pidFile), false);
    });

    test("a successor listens where its options say: some kept, some new, some gone", async () => {
      using folder = mkdtempDisposableSync(FOLDER_PREFIX);
      const [config = "", kept = "", gone = "", fresh = ""] = ["config", "kept", "gone", "new"].map(
        (name) => path.join(folder.path, name),
      );
      const bind = [`unix:${gone}`, "127.0.0.1:0", `unix:${kept}`];
      writeFileSync(config, JSON.stringify({ bind }));
      // Without --bind, which would override the file.
      const server = await startServer(
        PORTICO,
        [...args, "--chdir", VICTIMS, "--config", config, "victim:app"],
        { env: { FAULT_LEDGER: path.join(folder.path, "ledger") } },
      );
      await using _ = server;
      writeFileSync(
        config,
        JSON.stringify({ bind: [`unix:${fresh}`, `unix:${kept}`, "127.0.0.1:0"] }),
      );
      const pid = await takeOver(server, server.pid);
      for (const target of [kept, fresh, server.port]) {
        assert.equal((await rawRequest(target, get("/get/a"))).status, 200);
      }
      await assert.rejects(RawClient.connect(gone));
      await end(server, pid);
    });

    test("an address that cannot be had: this process goes on", async () => {
      using folder = mkdtempDisposableSync(FOLDER_PREFIX);
      const config = path.join(folder.path, "config");
      writeFileSync(config, JSON.stringify({ bind: ["127.0.0.1:0"] }));
      const site = [...args, "--chdir", VICTIMS, "--config", config, "victim:app"];
      await using server = await startServer(PORTICO, site, {
        env: { FAULT_LEDGER: path.join(folder.path, "ledger") },
      });
      writeFileSync(config, JSON.stringify({ bind: ["127.0.0.1:0", "192.0.2.1:80"] }));
      server.signal("SIGUSR2");
      await until(server, "the line", () => BACKED_OUT.test(server.stderr));
      assert.match(server.stderr, /portico: cannot listen on 192\.0\.2\.1:80/);
      assert.equal((await rawRequest(server.port, get("/get/a"))).status, 200);
    });
  });
}

describe("a stop while a successor is not ready", () => {
  for (const several of [[], ["--gateways", "2"]]) {
    test(`accepts until that has left the sockets ${several.join(" ")}`, async () => {
      const args = ["--workers", "2", ...several];
      await using site = await FaultSite.start({ args, code: CODE });
      site.edit(`import time\ntime.sleep(5)\n${CODE}`);
      site.server.signal("SIGUSR2");
      await until(site.server, "the successor", () => successorOf(site.pid) !== null);
      const successor = successorOf(site.pid) ?? 0;
      // It cannot end, and what the kernel queued for it alone would be reset.
      process.kill(successor, "SIGSTOP");
      // One that has not had the CPU to stop yet is ended by SIGTERM all the same.
      await until(site.server, "its stop", () => statusOf(successor)?.state === "T");
      site.server.signal("SIGTERM");
      await site.server.untilLogged(/stopping: /);
      for (const name of ["a", "b", "c"]) {
        assert.equal((await rawRequest(site.port, get(`/get/${name}`))).status, 200);
      }
      process.kill(successor, "SIGCONT");
      assert.deepEqual(await site.server.ended, { status: 0, signal: null });
      assert.ok(isGone(successor));
      await until(site.server, "the end of all", () => site.server.processes().length === 0);
    });
  }
});
