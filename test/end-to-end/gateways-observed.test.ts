/** `portico top` and the live page of several gateways show them as one program. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { ObservedMoment } from "../../src/server/control/observe-command.ts";
import type { ProcessSnapshot, Snapshot } from "../../src/server/observation/snapshot.ts";
import { freePort } from "../../bench/free-port.ts";
import { observe, observeUntil } from "./control-conversation.ts";
import { LiveEvents } from "./live-events.ts";
import { APPLICATIONS, get } from "./exercise.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { runPortico, type ServerProcess, startPortico } from "./server-process.ts";

const TOKEN = "0123456789abcdef0123";
const BEARER = { Authorization: `Bearer ${TOKEN}` };
/** So many connections that each gateway gets some. */
const REQUESTS = 24;

let folder: string;
let socket: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "portico-observed-"));
  socket = path.join(folder, "control.sock");
});
afterEach(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): Promise<ServerProcess> {
  const own = ["--gateways", "2", "--workers", "3", "--chdir", APPLICATIONS];
  return startPortico([...own, "--control-socket", socket, ...args, "observed:app"], {
    env: { PORTICO_DASHBOARD_TOKEN: TOKEN },
  });
}

async function send(server: ServerProcess, target = "/"): Promise<void> {
  for (let count = 0; count < REQUESTS; count++) await rawRequest(server.port, get(target));
}

function ofKind({ processes }: Snapshot, kind: ProcessSnapshot["kind"]): ProcessSnapshot[] {
  return processes.filter((found) => found.kind === kind);
}

function requestsOf({ history }: Pick<ObservedMoment, "history">): number {
  return history.reduce((sum, { requests }) => sum + requests, 0);
}

function marksOf({ marks }: Snapshot): string[] {
  return marks.map(({ kind, text }) => `${kind}: ${text}`);
}

describe("several gateways, over the control socket", () => {
  test("figures are what was sent, and the tree is the processes that there are", async () => {
    await using server = await start("--backlog", "77");
    const clients = await Promise.all(
      Array.from({ length: REQUESTS }, () => RawClient.connect(server.port)),
    );
    for (const client of clients) await client.exchange(get("/"));
    await rawRequest(server.port, get("/fails"));
    const { snapshot, history } = await observeUntil(socket, "all requests", (moment) => {
      const { open } = moment.snapshot.connections;
      return requestsOf(moment) === REQUESTS + 1 && open === REQUESTS;
    });
    assert.equal(
      history.reduce((sum, { serverErrors }) => sum + serverErrors, 0),
      1,
    );
    assert.ok(history.some(({ p50Us, p99Us }) => p50Us !== null && p50Us <= (p99Us ?? 0)));
    const [leader] = ofKind(snapshot, "leader");
    const gateways = ofKind(snapshot, "gateway");
    const [zygotes, workers] = [ofKind(snapshot, "zygote"), ofKind(snapshot, "worker")];
    assert.equal(leader?.pid, server.pid);
    assert.deepEqual(
      gateways.map(({ ppid, number }) => [ppid, number]),
      [
        [server.pid, 0],
        [server.pid, 1],
      ],
    );
    assert.deepEqual(
      zygotes.map(({ ppid }) => ppid),
      gateways.map(({ pid }) => pid),
    );
    assert.equal(workers.length, 3);
    for (const { ppid } of workers) assert.ok(zygotes.some(({ pid }) => pid === ppid));
    assert.deepEqual(
      new Set(snapshot.processes.map(({ pid }) => pid)),
      new Set(server.processes()),
    );
    assert.equal(
      workers.reduce((sum, { requests }) => sum + (requests ?? 0), 0),
      REQUESTS + 1,
    );
    const { open, byPhase, shown } = snapshot.connections;
    assert.deepEqual([open, byPhase, shown.length], [REQUESTS, { idle: REQUESTS }, 20]);
    assert.deepEqual(new Set(shown.map(({ gateway }) => gateway)), new Set([0, 1]));
    assert.deepEqual(
      snapshot.listeners.map(({ gateway, queued, backlog }) => [gateway, queued, backlog]),
      [
        [0, 0, 77],
        [1, 0, 77],
      ],
    );
    const [error] = snapshot.errors;
    assert.deepEqual([error?.status, snapshot.errors.length], [503, 1]);
    assert.ok(workers.some(({ pid }) => pid === error?.workerPid));
    for (const client of clients) client.close();
  });

  test("portico top prints it, once or as JSON", async () => {
    await using server = await start("--bind", `unix:${path.join(folder, "s")}`, "--bind", ":0");
    await send(server);
    const which = ["--control-socket", socket];
    const json = await runPortico(["top", "--json", ...which]);
    const { snapshot } = JSON.parse(json.stdout) as ObservedMoment;
    assert.deepEqual(
      snapshot.status.gateways?.map(({ index, state }) => [index, state]),
      [
        [0, "serving"],
        [1, "serving"],
      ],
    );
    const { stdout, stderr, status } = await runPortico(["top", "--once", ...which]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^portico \S+ {2}observed:app {2}serving {2}up \S+ {2}gateways 2$/m);
    assert.match(stdout, new RegExp(`^ +${server.pid} +\\d+ leader `, "m"));
    assert.match(stdout, new RegExp(`^ +\\d+ +${server.pid} \\\\ gateway 1 `, "m"));
    assert.match(stdout, /^ +\d+ +\d+ {5}\\ worker 1 .* idle$/m);
    // All accept from the Unix socket, and each from one of its own.
    const listening = stdout.split("\n").filter((line) => line.startsWith("listening"));
    const owners = listening.map((line) => /\(gateway (\d)\)/.exec(line)?.[1]);
    assert.deepEqual(owners, [undefined, "0", "1"]);
  });

  test("a reload, and what is asked of all, is one event", async () => {
    await using _ = await start("--watch-window", "off");
    const which = ["--control-socket", socket];
    assert.equal((await runPortico(["reload", ...which])).status, 0);
    assert.equal((await runPortico(["scale", "4", ...which])).status, 0);
    const { snapshot } = await observeUntil(
      socket,
      "four workers",
      (moment) => ofKind(moment.snapshot, "worker").length === 4,
    );
    assert.deepEqual(marksOf(snapshot), [
      "started: serves observed:app by 2 gateways",
      "reload: generation 2 serves in all gateways",
      "scale: 4 workers in all gateways together",
    ]);
  });

  test("one that does not answer is named, with what the system tells of it", async () => {
    await using server = await start();
    await send(server);
    const before = await observeUntil(socket, "all requests", (moment) => {
      return requestsOf(moment) === REQUESTS;
    });
    const [, stopped] = ofKind(before.snapshot, "gateway");
    assert.ok(stopped !== undefined);
    process.kill(stopped.pid, "SIGSTOP");
    const { snapshot, history } = await observe(socket);
    const top = await runPortico(["top", "--once", "--control-socket", socket]);
    process.kill(stopped.pid, "SIGCONT");
    assert.deepEqual(
      ofKind(snapshot, "gateway").map(({ pid, number, state }) => [pid, number, state]),
      ofKind(before.snapshot, "gateway").map(({ pid, number }) => {
        return [pid, number, pid === stopped.pid ? "silent" : "serving"];
      }),
    );
    assert.equal(snapshot.status.gateways?.[1]?.state, null);
    // Its sockets, its processes, and what it had told.
    assert.equal(snapshot.listeners.length, 2);
    const shown = new Set(snapshot.processes.map(({ pid }) => pid));
    for (const { kind, pid } of before.snapshot.processes) {
      // Nobody's child, and so nobody tells of it.
      if (kind !== "guardian") assert.ok(shown.has(pid), kind);
    }
    assert.equal(requestsOf({ history }), REQUESTS);
    assert.match(top.stdout, /gateway 1 does not answer, and is left out$/m);
    await observeUntil(socket, "its answers", (moment) =>
      ofKind(moment.snapshot, "gateway").every(({ state }) => state === "serving"),
    );
  });
});

describe("the live page of several gateways", () => {
  const urlOf = (server: ServerProcess): string =>
    /dashboard +(http:\S+)/.exec(server.stdout)?.[1] ?? "";
  const startPage = (): Promise<ServerProcess> => start("--dashboard", "127.0.0.1:0");

  async function post(url: string, content: unknown): Promise<{ status: number; text: string }> {
    const headers = { ...BEARER, "Content-Type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(content) });
    return { status: response.status, text: await response.text() };
  }

  test("is the leader's: its token, its stacks, reload and scale of all", async () => {
    await using server = await startPage();
    const url = urlOf(server);
    assert.equal((await fetch(url)).status, 200);
    assert.equal((await fetch(`${url}events`)).status, 401);
    await using events = await LiveEvents.open(`${url}events`, BEARER);
    await send(server);
    const served = await events.until("all requests", () => events.requests === REQUESTS);
    assert.equal(served.status.pid, server.pid);
    for (const { pid } of ofKind(served, "worker")) {
      const response = await fetch(`${url}stack?pid=${pid}`, { headers: BEARER });
      assert.match(((await response.json()) as { text: string }).text, / in serve\n/);
    }
    assert.equal((await post(`${url}reload`, {})).status, 200);
    assert.equal((await post(`${url}scale`, { min: 4, max: 4 })).status, 200);
    const tooFew = await post(`${url}scale`, { min: 1, max: 1 });
    assert.equal(tooFew.status, 400);
    assert.match(tooFew.text, /from 2 to 512/);
    const scaled = await events.until("four workers of new code", (snapshot) => {
      const workers = ofKind(snapshot, "worker").filter(({ generation }) => generation === 2);
      return workers.length === 4;
    });
    assert.deepEqual(scaled.status.workers, { min: 4, max: 4, target: 4 });
    assert.equal(marksOf(scaled).filter((mark) => mark.startsWith("reload")).length, 1);
  });

  test("goes on when a gateway is killed, and shows another in its place", async () => {
    await using server = await startPage();
    const url = urlOf(server);
    await using events = await LiveEvents.open(`${url}events`, BEARER);
    await send(server);
    const before = await events.until("all requests", () => events.requests === REQUESTS);
    const [killed] = ofKind(before, "gateway");
    assert.ok(killed !== undefined);
    process.kill(killed.pid, "SIGKILL");
    const after = await events.until("another in its place", (snapshot) => {
      const gateways = ofKind(snapshot, "gateway");
      const isNew = gateways.every(({ pid, state }) => pid !== killed.pid && state === "serving");
      return gateways.length === 2 && isNew && ofKind(snapshot, "worker").length === 3;
    });
    const [{ pid } = killed] = ofKind(after, "gateway");
    assert.deepEqual(
      marksOf(after).filter((mark) => !mark.includes("worker")),
      [
        "started: serves observed:app by 2 gateways",
        `gateway-lost: gateway 0 (PID ${killed.pid}) was ended by SIGKILL`,
        `started: gateway 0 (PID ${pid}) serves in its place`,
      ],
    );
    await send(server);
    await events.until("the further requests", () => events.requests === 2 * REQUESTS);
    // Who comes now is told of what the one that is gone had served, too.
    await using later = await LiveEvents.open(`${url}events`, BEARER);
    await later.until("a look", () => true);
    assert.equal(later.requests, 2 * REQUESTS);
  });

  test("is refused where somebody is already, and nothing is left", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const own = ["--gateways", "2", "--workers", "2", "--control-socket", "off"];
    const args = [...own, "--dashboard", address, "--chdir", APPLICATIONS, "observed:app"];
    const { status, stderr } = await runPortico(args);
    other.close();
    assert.equal(status, 1);
    assert.match(stderr, /^portico: cannot listen on 127\.0\.0\.1:\d+: .* with --dashboard\n$/m);
  });

  test("on a Unix socket is gone also after kill -9 of the leader", async () => {
    const file = path.join(folder, "page.sock");
    await using server = await start("--dashboard", `unix:${file}`);
    assert.ok(existsSync(file));
    server.signal("SIGKILL");
    // It asserts that no process is left.
    await server.stop();
    assert.ok(!existsSync(file));
  });

  test("is handed to the successor", async () => {
    // What the kernel chose would be another one for the successor.
    await using server = await start("--dashboard", `127.0.0.1:${await freePort()}`);
    const url = urlOf(server);
    server.signal("SIGUSR2");
    await server.untilLogged(/ successor=\d+/, 30_000);
    const [, successor] = / successor=(\d+)/.exec(server.stderr) ?? [];
    await server.ended;
    await server.untilLogged(/the live page is here now/, 30_000);
    {
      await using events = await LiveEvents.open(`${url}events`, BEARER);
      const { status } = await events.until("the successor", () => true);
      assert.equal(status.pid, Number(successor));
    }
    process.kill(Number(successor), "SIGTERM");
    await server.stop();
  });
});
