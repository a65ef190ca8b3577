/** What a running portico tells about itself over its control socket equals what was sent. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { ProcessSnapshot } from "../../src/server/observation/snapshot.ts";
import type { ObservedMoment } from "../../src/server/control/observe-command.ts";
import { ask, converse, observe, observeUntil } from "./control-conversation.ts";
import { APPLICATIONS, get, post, TRANSPORTS } from "./exercise.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { runPortico, type ServerProcess, startPortico } from "./server-process.ts";

let folder: string;
let socket: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "portico-observed-"));
  socket = path.join(folder, "control.sock");
});

afterEach(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): Promise<ServerProcess> {
  const own = ["--chdir", APPLICATIONS, "--control-socket", socket];
  return startPortico([...own, ...args, "observed:app"]);
}

/** The name of a file that ends what hangs, once it is there. */
function gate(): string {
  return path.join(folder, "go");
}

function ofKind(moment: ObservedMoment, kind: ProcessSnapshot["kind"]): ProcessSnapshot[] {
  return moment.snapshot.processes.filter((found) => found.kind === kind);
}

/** Asks for something that hangs until {@link gate} is there, and waits until a worker has it. */
async function hang(
  server: ServerProcess,
  target = "/hang",
): Promise<{
  readonly client: RawClient;
  readonly worker: ProcessSnapshot;
}> {
  const client = await RawClient.connect(server.port);
  client.write(get(`${target}?${gate()}`));
  const moment = await observeUntil(socket, "a worker that has it", (seen) =>
    ofKind(seen, "worker").some(({ busy }) => busy.length > 0),
  );
  const worker = ofKind(moment, "worker").find(({ busy }) => busy.length > 0);
  assert.ok(worker !== undefined);
  return { client, worker };
}

for (const transport of TRANSPORTS) {
  test(`figures equal what was sent, by ${transport}`, async () => {
    await using server = await start("--transport", transport, "--workers", "2");
    using client = await RawClient.connect(server.port);
    const requests = [
      get("/"),
      post("/", Buffer.alloc(200_000, "a")),
      get("/large?500000"),
      get("/fails"),
      get("/"),
    ];
    for (const request of requests) await client.exchange(request);
    const sentBytes = requests.reduce((sum, request) => sum + request.length, 0);

    const isWhole = ({ history }: ObservedMoment): boolean =>
      history.reduce((sum, point) => sum + point.requests, 0) === requests.length;
    const moment = await observeUntil(socket, "the second of the last request", isWhole);
    const { snapshot, history } = moment;
    const sum = (figure: (point: (typeof history)[number]) => number): number =>
      history.reduce((all, point) => all + figure(point), 0);
    assert.equal(
      sum((point) => point.serverErrors),
      1,
    );
    assert.equal(
      sum((point) => point.receivedBytes),
      200_000,
    );
    assert.equal(
      sum((point) => point.sentBytes),
      500_000 + 4 * "hello".length,
    );
    assert.deepEqual(
      ofKind(moment, "worker").map(({ number }) => number),
      [1, 2],
    );
    assert.equal(
      ofKind(moment, "worker").reduce((all, worker) => all + (worker.requests ?? 0), 0),
      requests.length,
    );
    const { open, byPhase, shown } = snapshot.connections;
    assert.deepEqual([open, byPhase, shown.length], [1, { idle: 1 }, 1]);
    const [connection] = shown;
    assert.equal(connection?.remote, `127.0.0.1:${client.socket.localPort}`);
    assert.equal(connection?.local, `127.0.0.1:${server.port}`);
    assert.equal(connection?.requests, requests.length);
    assert.equal(connection?.receivedBytes, sentBytes);
    assert.equal(connection?.sentBytes, client.socket.bytesRead);
    assert.equal(connection?.unsentBytes, 0);
    assert.equal(connection?.descriptor === null, transport === "node");

    const [error] = snapshot.errors;
    assert.deepEqual([error?.status, error?.request], [503, "GET /fails"]);
    assert.ok(ofKind(moment, "worker").some(({ pid }) => pid === error?.workerPid));
    const [listener] = snapshot.listeners;
    assert.equal(listener?.address, `http://127.0.0.1:${server.port}`);
    assert.deepEqual([listener?.queued, listener?.effectiveBacklog], [0, listener?.backlog]);
    assert.ok((snapshot.descriptors.used ?? 0) > 5);
    assert.ok((snapshot.descriptors.limit ?? 0) >= (snapshot.descriptors.used ?? 0));
  });
}

test("every process is there, as a child of its parent, and none is a zombie", async () => {
  await using server = await start("--workers", "2");
  const moment = await observe(socket);
  const [gateway, zygote, guardian] = (["gateway", "zygote", "guardian"] as const).map(
    (kind) => ofKind(moment, kind)[0],
  );
  assert.equal(gateway?.pid, server.pid);
  assert.equal(zygote?.ppid, server.pid);
  assert.ok(guardian !== undefined);
  const workers = ofKind(moment, "worker");
  assert.deepEqual(
    workers.map(({ ppid }) => ppid),
    [zygote?.pid, zygote?.pid],
  );
  // Nobody is left out, and nobody is made up.
  assert.deepEqual(
    new Set(moment.snapshot.processes.map(({ pid }) => pid)),
    new Set(server.processes()),
  );
  for (const found of moment.snapshot.processes) {
    assert.notEqual(found.systemState, "Z");
    assert.ok(found.ageMs !== null && found.ageMs < 600_000 && found.rssBytes !== null);
  }
});

test("what workers start is shown under them, a zombie as one", async () => {
  await using server = await start("--workers", "1");
  await rawRequest(server.port, get("/starts"));
  await rawRequest(server.port, get("/ends"));
  const moment = await observeUntil(socket, "a zombie", ({ snapshot }) =>
    snapshot.processes.some(({ systemState }) => systemState === "Z"),
  );
  const [worker] = ofKind(moment, "worker");
  assert.deepEqual(
    ofKind(moment, "other")
      .map(({ name, ppid, systemState }) => ({ name, ppid, isZombie: systemState === "Z" }))
      .toSorted((one, other) => String(one.name).localeCompare(String(other.name))),
    [
      { name: "sleep", ppid: worker?.pid, isZombie: false },
      { name: "true", ppid: worker?.pid, isZombie: true },
    ],
  );
});

test("a worker that is killed is marked, replaced, and leaves no zombie", async () => {
  await using server = await start("--workers", "1");
  const [worker] = ofKind(await observe(socket), "worker");
  process.kill(worker?.pid ?? 0, "SIGKILL");
  const moment = await observeUntil(socket, "another worker", (seen) =>
    ofKind(seen, "worker").some(({ pid, state }) => pid !== worker?.pid && state === "ready"),
  );
  assert.deepEqual(
    moment.snapshot.marks.map(({ kind, text }) => [kind, text]),
    [
      ["started", "serves observed:app"],
      ["worker-lost", `worker PID ${worker?.pid} of generation 1 ended by SIGKILL`],
    ],
  );
  await observeUntil(socket, "no zombie", ({ snapshot }) =>
    snapshot.processes.every(({ systemState }) => systemState !== "Z"),
  );
  assert.equal((await rawRequest(server.port, get("/"))).text, "hello");
});

test("reloads, and changes of the number of workers, are marked", async () => {
  await using _ = await start("--workers", "1");
  assert.equal((await runPortico(["reload", "--control-socket", socket])).status, 0);
  assert.equal((await runPortico(["scale", "2", "--control-socket", socket])).status, 0);
  const { snapshot } = await observe(socket);
  assert.deepEqual(
    snapshot.marks.map(({ kind, text }) => [kind, text]),
    [
      ["started", "serves observed:app"],
      ["reload", "generation 2 serves"],
      ["scale", "2 workers"],
    ],
  );
});

test("code that does not load is marked, with the reason", async () => {
  const site = path.join(folder, "site_under_test.py");
  copyFileSync(path.join(APPLICATIONS, "observed.py"), site);
  const own = ["--chdir", folder, "--control-socket", socket, "--workers", "1"];
  await using _ = await startPortico([...own, "site_under_test:app"]);
  writeFileSync(site, "import nothing_of_that_name\n");
  assert.equal((await runPortico(["reload", "--control-socket", socket])).status, 1);
  const { kind, text } = (await observe(socket)).snapshot.marks.at(-1) ?? {};
  assert.equal(kind, "reload-failed");
  assert.match(text ?? "", /^generation 2 failed: .*nothing_of_that_name/);
});

test("who looks on gets a snapshot each time, and each second of the history once", async () => {
  await using server = await start("--workers", "1");
  await rawRequest(server.port, get("/"));
  const seconds: number[] = [];
  let answers = 0;
  for await (const { kind, result } of converse(socket, "observe", { intervalMs: 200 })) {
    assert.equal(kind, "progress");
    seconds.push(...(result as ObservedMoment).history.map(({ atMs }) => atMs));
    if (++answers === 12) break;
  }
  assert.ok(seconds.length >= 2, seconds.join());
  assert.deepEqual(
    seconds,
    seconds.map((_, index) => (seconds[0] ?? 0) + index * 1_000),
  );
});

describe("the stack of a worker", () => {
  test("shows the function that hangs, and the request goes on", async () => {
    await using server = await start("--workers", "2");
    const { client, worker } = await hang(server);
    assert.equal(worker.busy[0]?.request, `GET /hang?${gate()}`);
    const { stdout, status } = await runPortico([
      "stack",
      String(worker.pid),
      "--control-socket",
      socket,
    ]);
    assert.equal(status, 0);
    assert.match(stdout, /^worker \d, PID \d+: GET \/hang/);
    assert.match(stdout, /observed\.py", line \d+ in hang_in_a_view\n/);
    // Nothing of it is in the log: that is what a request that takes too long gets.
    assert.doesNotMatch(server.stderr, /hang_in_a_view/);
    writeFileSync(gate(), "");
    assert.equal((await client.readResponse()).text, "hello");
    client.close();
    const all = await runPortico(["stack", "--json", "--control-socket", socket]);
    const { stacks } = JSON.parse(all.stdout) as { stacks: { text: string }[] };
    assert.equal(stacks.length, 2);
    for (const { text } of stacks) assert.match(text, / in serve\n/);
  });

  for (const workerClass of ["thread", "request"]) {
    test(`of class ${workerClass} too`, async () => {
      await using server = await start("--workers", "1", "--worker-class", workerClass);
      const { client, worker } = await hang(server);
      const { result } = await ask(socket, "stack", { pid: worker.pid });
      assert.match((result as { text: string }).text, / in hang_in_a_view\n/);
      writeFileSync(gate(), "");
      assert.equal((await client.readResponse()).text, "hello");
      client.close();
    });
  }

  test("shows threads that the application has started", async () => {
    await using server = await start("--workers", "1");
    await rawRequest(server.port, get(`/thread?${gate()}`));
    const [worker] = ofKind(await observe(socket), "worker");
    const { result } = await ask(socket, "stack", { pid: worker?.pid });
    const { text } = result as { text: string };
    assert.match(text, /^Thread 0x[^]* in hang_in_a_view\n[^]*Current thread 0x[^]* in serve\n/);
  });

  test("of one that is stopped is not to be had, which is said", async () => {
    await using server = await start("--workers", "1");
    const [worker] = ofKind(await observe(socket), "worker");
    const pid = worker?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    const { kind, why } = await ask(socket, "stack", { pid });
    process.kill(pid, "SIGCONT");
    assert.equal(kind, "failed");
    assert.match(why ?? "", /^worker PID \d+ did not come to it within 2 s: it is stopped/);
    assert.equal((await rawRequest(server.port, get("/"))).text, "hello");
  });

  test("is not to be had of any other process, nor is that one sent a signal", async () => {
    await using server = await start("--workers", "1");
    const moment = await observe(socket);
    for (const pid of [1, process.pid, server.pid, ofKind(moment, "zygote")[0]?.pid]) {
      const { kind, why } = await ask(socket, "stack", { pid });
      assert.deepEqual([kind, why], ["failed", `${pid} is the PID of no worker here`]);
    }
  });
});

describe("portico top, where there is no terminal", () => {
  let server: ServerProcess;
  let place: string;
  before(async () => {
    place = mkdtempSync(path.join(os.tmpdir(), "portico-top-"));
    const own = ["--chdir", APPLICATIONS, "--control-socket", path.join(place, "c.sock")];
    server = await startPortico([...own, "--workers", "1", "observed:app"]);
  });
  after(async () => {
    await server.stop();
    rmSync(place, { recursive: true });
  });

  test("prints what there is to see now, and ends", async () => {
    await rawRequest(server.port, get("/fails?\x7f".replace("\x7f", "%1b")));
    const end = await runPortico(["top", "--control-socket", path.join(place, "c.sock")]);
    assert.deepEqual([end.status, end.stderr], [0, ""]);
    assert.match(end.stdout, /^portico \S+ {2}observed:app {2}serving {2}up /);
    assert.match(end.stdout, new RegExp(`^ +${server.pid} +\\d+ gateway `, "m"));
    assert.match(end.stdout, /^ +\d+ +\d+ +\\ worker 1 .* idle$/m);
    assert.match(end.stdout, new RegExp(`^listening http://127.0.0.1:${server.port} `, "m"));
    assert.match(end.stdout, / 503 .*GET \/fails\?%1b/);
    assert.match(end.stdout, /zombies none/);
    assert.match(end.stdout, /^[\x20-\x7e\n]+$/);
  });

  test("as JSON, it is what the control socket says", async () => {
    const args = ["top", "--once", "--json", "--control-socket", path.join(place, "c.sock")];
    const { snapshot, history } = JSON.parse((await runPortico(args)).stdout) as ObservedMoment;
    assert.equal(snapshot.status.pid, server.pid);
    assert.ok(Array.isArray(history));
  });

  test("says that there is no portico, with status 5", async () => {
    const end = await runPortico(["top", "--control-socket", path.join(place, "none.sock")]);
    assert.equal(end.status, 5);
    assert.match(
      end.stderr,
      /^portico: no portico is running there: nobody answers at \S+none\.sock\n$/,
    );
  });
});
