/**
 * Several gateways (`--gateways`) under load: what is done to one of them, or to all, loses nothing
 * that was not under way in a process that was killed.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { get, post } from "../end-to-end/exercise.ts";
import { statusOf } from "../end-to-end/process-tree.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import { PORTICO, type ServerProcess, startServer } from "../end-to-end/server-process.ts";
import { FaultSite } from "./fault-site.ts";
import { assertExactlyOnce, assertServed, Load, type LoadReport, quickGet } from "./load-client.ts";
import { shopCode } from "./shop-code.ts";

const APPLICATIONS = path.join(import.meta.dirname, "applications");
const ARGS = ["--gateways", "2", "--workers", "3"];
/** So many that it would be odd if one gateway got none: once in 2^23 runs. */
const CONNECTIONS = 24;
/**
 * While two have the same sockets, a client whose connection the one that leaves has closed may
 * meet it once more.
 */
const RECONNECTS_PER_TAKEOVER_MAX = 2 * CONNECTIONS;
/** An import that nobody is to wait for. */
const LONG_IMPORT_S = 8;

function isGone(pid: number): boolean {
  return (statusOf(pid)?.state ?? "Z") === "Z";
}

/** As `ServerProcess.until`, also where the first process has ended. */
async function until(server: ServerProcess, what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `waited in vain for ${what}\n${server.output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isServing(site: FaultSite): boolean {
  return site.gateways().length === 2 && site.workers().length === 3;
}

/** Which of the load's requests failed, and that those were under way on a few connections. */
function assertLostAtMost(report: LoadReport, connections: number): void {
  assert.ok(report.failures.length <= connections, `${connections} connections: ${report.summary}`);
  const statuses = Object.keys(report.statuses);
  assert.deepEqual(statuses, ["200"], report.summary);
}

async function startLoad(site: FaultSite): Promise<Load> {
  const load = site.load({ connections: CONNECTIONS, pauseMs: 10 });
  await load.more(3 * CONNECTIONS);
  return load;
}

describe("--gateways 2", { concurrency: 2 }, () => {
  test("both serve, and the status adds them up", async () => {
    await using site = await FaultSite.start({ args: ARGS });
    assert.match(site.server.stdout, new RegExp(`gateways +2, led by PID ${site.pid},`));
    const load = await startLoad(site);
    const status = await site.status();
    const report = await load.stop();
    assert.equal(status.pid, site.pid);
    assert.equal(status.connections, CONNECTIONS);
    assert.deepEqual(status.workers, { min: 3, max: 3, target: 3 });
    const parts = status.gateways ?? [];
    assert.deepEqual(
      parts.map(({ index, state, workers }) => [index, state, workers]),
      [
        [0, "serving", 2],
        [1, "serving", 1],
      ],
    );
    assert.deepEqual(
      parts.map(({ pid }) => pid).toSorted((a, b) => a - b),
      site.gateways(),
    );
    for (const { connections } of parts) assert.ok((connections ?? 0) > 0);
    assert.deepEqual(
      status.generations.map(({ gatewayPid, number, state }) => [gatewayPid, number, state]),
      parts.map(({ pid }) => [pid, 1, "serving"]),
    );
    const answered = new Set(report.exchanges.map(({ pid }) => pid));
    assert.equal(answered.size, 3, "all workers have answered");
    assertServed(report);
    const shown = await site.command("status");
    assert.match(shown.stdout, /gateway 0 +PID \d+, serving, .* 2 workers, 0 waiting/);
  });

  test("a reload brings the new code into both, and loses nothing", async () => {
    await using site = await FaultSite.start({ args: ARGS, code: shopCode("1") });
    const load = await startLoad(site);
    for (const version of ["2", "3"]) {
      site.edit(shopCode(version));
      const { status, stdout, stderr } = await site.command("reload");
      assert.equal(status, 0, stderr);
      assert.equal(stdout, `generation ${version} serves\n`);
      assert.deepEqual(await recentVersions(site), [version]);
      await load.round();
    }
    const report = await load.stop();
    assertServed(report, { output: site.server.output });
    assertExactlyOnce(report, site.notes());
  });

  test("code that one of them cannot load gets into neither", async () => {
    await using site = await FaultSite.start({ args: ARGS, code: shopCode("1") });
    const load = await startLoad(site);
    const lock = path.join(site.folder, "lock");
    // The second import that takes place fails.
    const lines = [`os.close(os.open(${JSON.stringify(lock)}, os.O_CREAT | os.O_EXCL))`];
    site.edit(shopCode("2", { lines }));
    const { status, stderr } = await site.command("reload");
    assert.equal(status, 1);
    assert.match(stderr, /the reload failed, and the old code goes on: .*FileExistsError/s);
    assert.deepEqual(await recentVersions(site), ["1"]);
    assert.equal((await site.status()).lastReload?.outcome, "failed");
    site.edit(shopCode("3"));
    assert.equal((await site.command("reload")).status, 0);
    assert.deepEqual(await recentVersions(site), ["3"]);
    const report = await load.stop();
    assertServed(report, { output: site.server.output });
    assert.ok(report.exchanges.every(({ version }) => version !== "2"));
  });

  test("what fails in one of them while it is watched is taken back in both", async () => {
    await using site = await FaultSite.start({ args: ARGS, code: shopCode("1") });
    const load = site.load({ connections: CONNECTIONS, kinds: [quickGet] });
    await load.more(CONNECTIONS);
    // Workers of the zygote that is the first to import it fail; the other gateway sees nothing.
    const lines = [
      `marker = ${JSON.stringify(path.join(site.folder, "first"))}`,
      "try: os.close(os.open(marker, os.O_CREAT | os.O_EXCL)); broken = os.getpid()",
      "except FileExistsError: broken = None",
    ];
    const fault = ["if os.getppid() == broken: raise RuntimeError('broken here')", "return None"];
    site.edit(shopCode("2", { lines, fault }));
    const { status, stderr } = await site.command("reload", "--watch");
    assert.equal(status, 1, stderr);
    assert.match(stderr, /the new code was taken back/);
    await site.server.until("the old code everywhere", async () => {
      const versions = await recentVersions(site);
      return versions.length === 1 && versions[0] === "1";
    });
    assert.match(site.log, /why="in another gateway: /);
    const report = await load.stop();
    assertServed(report, { statuses: { 500: report.exchanges.length } });
  });

  test("TERM: everything that was accepted is answered by both", async () => {
    await using site = await FaultSite.start({ args: ARGS });
    const load = await startLoad(site);
    const busy = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = await RawClient.connect(site.port);
        client.write(get("/slow/long?s=0.5"));
        return client;
      }),
    );
    await load.more(CONNECTIONS);
    const stopped = load.stop();
    site.server.signal("SIGTERM");
    for (const client of busy) {
      assert.equal((await client.readResponse()).text, "long\n");
      client[Symbol.dispose]();
    }
    const report = await stopped;
    assert.deepEqual(await site.server.ended, { status: 0, signal: null });
    assertServed(report, { reconnectsMax: CONNECTIONS, output: site.server.output });
    assert.equal(site.logged(/ info stopped$/).length, 1);
  });

  test("HUP, TTIN, TTOU and scale; fewer workers than gateways cannot be had", async () => {
    await using site = await FaultSite.start({ args: ARGS, code: shopCode("1") });
    const load = await startLoad(site);
    site.server.signal("SIGTTIN");
    await site.untilWorkers(4);
    // One after the other: the kernel makes one of signals that are not yet delivered.
    for (const count of [3, 2]) {
      site.server.signal("SIGTTOU");
      await site.untilWorkers(count);
    }
    site.server.signal("SIGTTOU");
    assert.equal((await site.command("scale", "5")).stdout, "workers: 5\n");
    await site.untilWorkers(5);
    const parts = (await site.status()).gateways ?? [];
    assert.deepEqual(
      parts.map(({ workers }) => workers),
      [3, 2],
    );
    const refused = await site.command("scale", "1");
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /whole numbers from 2 to 512/);
    site.edit(shopCode("2"));
    site.server.signal("SIGHUP");
    await site.server.untilLogged(/the new generation serves in all gateways generation=2/);
    assert.deepEqual(await recentVersions(site), ["2"]);
    assertServed(await load.stop(), { output: site.server.output });
  });

  test("kill -9 of one: its connections break, all others are served", async () => {
    await using site = await FaultSite.start({
      args: [...ARGS, "--watch-window", "off"],
      code: shopCode("1"),
    });
    const load = await startLoad(site);
    const parts = (await site.status()).gateways ?? [];
    const victim = parts[1];
    assert.ok(victim !== undefined);
    site.edit(shopCode("1", { importS: LONG_IMPORT_S }));
    process.kill(victim.pid, "SIGKILL");
    await site.server.untilLogged(/a gateway is gone, and another is started in its place/);
    // The kernel goes on giving its socket half of the connections.
    const beganAtMs = performance.now();
    for (let count = 0; count < CONNECTIONS; count++) {
      assert.equal((await rawRequest(site.port, get("/get/a"))).status, 200);
    }
    const tookMs = performance.now() - beganAtMs;
    assert.ok(!/the gateway in its place serves/.test(site.log), `${tookMs} ms\n${site.log}`);
    await site.server.untilLogged(/the gateway in its place serves/, 40_000);
    await site.server.until("all processes", () => isServing(site));
    await load.round();
    const report = await load.stop();
    assertLostAtMost(report, victim.connections ?? 0);
    assertExactlyOnce(report, site.notes());
    assert.equal((await site.status()).gateways?.length, 2);
  });

  test("kill -9 of the one that stands in for the other", async () => {
    await using site = await FaultSite.start({ args: ARGS, code: shopCode("1") });
    for (const pid of site.gateways()) process.kill(pid, "SIGKILL");
    await site.server.untilLogged(/serves gateway=0/);
    await site.server.untilLogged(/serves gateway=1/);
    await site.server.until("all processes", () => isServing(site));
    for (let count = 0; count < CONNECTIONS; count++) {
      assert.equal((await rawRequest(site.port, get("/get/a"))).status, 200);
    }
  });

  test("kill -9 of the leader leaves nothing behind", async () => {
    await using site = await FaultSite.start({ args: ARGS });
    using busy = await RawClient.connect(site.port);
    busy.write(post("/post?until=killed", "long"));
    await site.server.until("a busy worker", async () => {
      const { generations } = await site.status();
      return generations.some(({ workers }) => workers.some((worker) => worker.busy.length > 0));
    });
    const processes = site.server.processes();
    const control = path.join(site.folder, "portico", `portico-${site.pid}.sock`);
    assert.ok(existsSync(control));
    site.server.signal("SIGKILL");
    await site.server.ended;
    site.tell("killed");
    assert.equal((await busy.readResponse()).text, "long\n", "what is under way is answered");
    await until(site.server, "everybody's end", () => processes.every(isGone));
    assert.ok(!existsSync(control));
  });

  test("kill -9 of a leader that has handed over: its successor keeps what it has", async () => {
    using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-gateways-"));
    const file = path.join(folder.path, "socket");
    const binds = ["--bind", "127.0.0.1:0", "--bind", `unix:${file}`];
    await using site = await FaultSite.start({ args: [...ARGS, ...binds] });
    using busy = await RawClient.connect(file);
    busy.write(post("/post?until=killed", "long"));
    await site.server.until("a busy worker", async () => {
      const { generations } = await site.status();
      return generations.some(({ workers }) => workers.some((worker) => worker.busy.length > 0));
    });
    const gateways = site.gateways();
    site.server.signal("SIGUSR2");
    await site.server.untilLogged(/stopping: the gateways answer/, 30_000);
    const successor = Number(/successor=(\d+)/.exec(site.log)?.[1]);
    site.server.signal("SIGKILL");
    await site.server.ended;
    site.tell("killed");
    assert.equal((await busy.readResponse()).text, "long\n");
    await until(site.server, "the gateways' end", () => gateways.every(isGone));
    assert.equal((await rawRequest(file, get("/get/a"))).status, 200);
    process.kill(successor, "SIGTERM");
    await until(site.server, "its end", () => isGone(successor));
    assert.ok(!existsSync(file));
  });

  test("USR2: another one takes the sockets of all over", async () => {
    await using site = await FaultSite.start({ args: ARGS });
    const load = await startLoad(site);
    site.server.signal("SIGUSR2");
    await site.server.untilLogged(/the successor serves.* successor=(\d+)/, 30_000);
    const successor = Number(/successor=(\d+)/.exec(site.log)?.[1]);
    assert.deepEqual(await site.server.ended, { status: 0, signal: null });
    await load.round();
    const report = await load.stop();
    process.kill(successor, "SIGTERM");
    await until(site.server, "its end", () => isGone(successor));
    const reconnectsMax = RECONNECTS_PER_TAKEOVER_MAX;
    assertServed(report, { reconnectsMax, output: site.server.output });
    assertExactlyOnce(report, site.notes());
  });

  test("USR2: from one gateway to several, and back to one", async () => {
    using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-gateways-"));
    const config = path.join(folder.path, "config");
    const settle = (gateways: number): void =>
      writeFileSync(config, JSON.stringify({ bind: ["127.0.0.1:0"], gateways, workers: 3 }));
    settle(1);
    const args = ["--chdir", APPLICATIONS, "--config", config, "victim:app"];
    // Without --bind, which would override the file.
    const server = await startServer(PORTICO, args, {
      env: { FAULT_LEDGER: path.join(folder.path, "ledger") },
    });
    await using _ = server;
    await using load = new Load({ target: server.port, connections: CONNECTIONS });
    await load.more(CONNECTIONS);
    let pid = server.pid;
    for (const gateways of [2, 3, 1]) {
      settle(gateways);
      const seen = server.stderr.length;
      process.kill(pid, "SIGUSR2");
      const serves = /the successor serves.* successor=(\d+)/;
      await until(server, "a successor", () => serves.test(server.stderr.slice(seen)));
      const predecessor = pid;
      pid = Number(serves.exec(server.stderr.slice(seen))?.[1]);
      await until(server, "the predecessor's end", () => isGone(predecessor));
      await load.round();
    }
    const report = await load.stop();
    process.kill(pid, "SIGTERM");
    await until(server, "the end", () => isGone(pid));
    const reconnectsMax = 3 * RECONNECTS_PER_TAKEOVER_MAX;
    assertServed(report, { reconnectsMax, output: server.output });
  });

  for (const place of ["access.log", "-"]) {
    test(`lines of the access log are whole, whoever wrote them: ${place}`, async () => {
      using folder = mkdtempDisposableSync(path.join(os.tmpdir(), "portico-gateways-"));
      const file = path.join(folder.path, place);
      const log = ["--access-log", place === "-" ? place : file];
      await using site = await FaultSite.start({
        args: [...ARGS, ...log, "--access-log-format", "access|%(r)s|%(s)s|"],
      });
      const load = site.load({ connections: CONNECTIONS, pauseMs: 0, kinds: [quickGet] });
      await load.more(2_000);
      const report = await load.stop();
      await site.server.stop();
      const text = place === "-" ? site.server.stdout : readFileSync(file, "utf8");
      const lines = text
        .trimEnd()
        .split("\n")
        .filter((line) => line.includes("|"));
      assert.equal(lines.length, report.exchanges.length);
      for (const line of lines) assert.match(line, /^access\|GET \/get\/[\w-]+ HTTP\/1.1\|200\|$/);
    });
  }
});

/** Versions of the code that answer on new connections, so many that both gateways are asked. */
async function recentVersions(site: FaultSite): Promise<string[]> {
  const versions = new Set<string>();
  for (let count = 0; count < CONNECTIONS; count++) {
    const answer = await rawRequest(site.port, get("/get/a"));
    versions.add(answer.field("X-Version") ?? "none");
  }
  return [...versions];
}
