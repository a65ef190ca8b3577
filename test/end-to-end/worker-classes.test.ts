/**
 * What makes a class of workers: who answers, what it has inherited, and that nothing stays behind.
 * That each of them keeps PEP 3333 is shown by `wsgi.test.ts` and `frameworks.test.ts`.
 */
import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { type Exercise, get, post, put, startExercise } from "./exercise.ts";
import { childrenOf, statusOf } from "./process-tree.ts";
import { RawClient, rawRequest } from "./raw-client.ts";
import { WORKER_CLASSES, type WorkerClassCase } from "./worker-classes.ts";

interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly descriptors: Readonly<Record<string, string>>;
}

const REQUESTS = 40;
const CONCURRENT = 8;
const WORKERS = 2;
const THREADS = 4;
const SLOW_S = 0.4;

/** What a worker may have open beyond the standard three, by epoll: only ways to the gateway. */
function socketsAllowed({ name }: WorkerClassCase): number {
  // Of each channel, also the socket over which files come.
  return (name === "thread" ? THREADS : 1) * 2;
}

/** What this test was started with by its shell goes through everybody. */
function isOurs(descriptor: string, link: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === link;
  } catch {
    return false;
  }
}

async function factsFrom(port: number): Promise<ProcessFacts> {
  return JSON.parse((await rawRequest(port, get("/process"))).text) as ProcessFacts;
}

/** Asks `count` times, at most {@link CONCURRENT} at once. */
async function manyFacts(port: number, count: number): Promise<ProcessFacts[]> {
  const facts: ProcessFacts[] = [];
  for (let asked = 0; asked < count; asked += CONCURRENT) {
    const batch = Array.from({ length: CONCURRENT }, () => factsFrom(port));
    facts.push(...(await Promise.all(batch)));
  }
  return facts;
}

function zombiesOf(zygote: number): number[] {
  return childrenOf(zygote).filter((pid) => statusOf(pid)?.state === "Z");
}

for (const workerClass of WORKER_CLASSES) {
  describe(`workers of class ${workerClass.name}`, () => {
    let exercise: Exercise;
    let zygote = 0;
    before(async () => {
      exercise = await startExercise("epoll", workerClass.args);
      zygote = (await factsFrom(exercise.port)).ppid;
    });
    after(() => exercise[Symbol.asyncDispose]());

    test("each is a child of the zygote, which is the gateway's", async () => {
      const facts = await manyFacts(exercise.port, REQUESTS);
      for (const { ppid } of facts) assert.equal(ppid, zygote);
      assert.equal(statusOf(zygote)?.parent, exercise.server.pid);
    });

    test("os.getpid() tells who answers what", async () => {
      const pids = (await manyFacts(exercise.port, REQUESTS)).map(({ pid }) => pid);
      const different = new Set(pids).size;
      if (workerClass.name === "request") assert.equal(different, pids.length);
      else assert.ok(different <= WORKERS, `${different} workers`);
    });

    test("a worker has open what it needs, and nothing of anybody else's", async () => {
      using idle = await RawClient.connect(exercise.port);
      assert.equal((await idle.exchange(get("/hello"))).status, 200);
      // One that was spooled came through the gateway as an open file.
      const spooled = await rawRequest(exercise.port, put("/echo", Buffer.alloc(200_000)));
      assert.equal(spooled.status, 200);
      // Another may have come by the client's socket.
      const posted = await rawRequest(exercise.port, post("/echo", Buffer.alloc(200_000)));
      assert.equal(posted.status, 200);
      for (const { descriptors } of await manyFacts(exercise.port, CONCURRENT)) {
        const own = Object.entries(descriptors).filter(
          ([descriptor, link]) => Number(descriptor) > 2 && !isOurs(descriptor, link),
        );
        const links = own.map(([descriptor, link]) => `${descriptor}: ${link}`).join(", ");
        // Another thread may be at the same question.
        const isListing = (link: string): boolean => /^\/proc\/\d+\/fd$/.test(link);
        const lasting = own.filter(([, link]) => !isListing(link));
        const others = lasting.filter(([, link]) => !link.startsWith("socket:"));
        // Where it writes for whoever asks how far it is, and its stacks.
        const written = workerClass.name === "process" ? ["progress", "progress"] : [];
        assert.deepEqual(
          others.map(([, link]) => link).toSorted(),
          [...written, "stacks"].map((name) => `/memfd:portico-${name} (deleted)`),
          links,
        );
        assert.equal(lasting.length - others.length, socketsAllowed(workerClass), links);
      }
    });

    test("nobody becomes a zombie, and there are never more than were asked for", async () => {
      for (let round = 0; round < 3; round++) {
        await manyFacts(exercise.port, REQUESTS);
        const living = childrenOf(zygote).filter((pid) => statusOf(pid)?.state !== "Z");
        assert.ok(living.length <= WORKERS, `${living.length} workers live`);
      }
      await exercise.server.until("an end of all zombies", () => zombiesOf(zygote).length === 0);
      await exercise.server.until("both workers", () => childrenOf(zygote).length === WORKERS);
    });

    test("as many requests run at once as there are channels", async () => {
      const channels = workerClass.name === "thread" ? WORKERS * THREADS : WORKERS;
      const beganAtMs = performance.now();
      const answers = await Promise.all(
        Array.from({ length: channels }, () => rawRequest(exercise.port, get(`/slow?s=${SLOW_S}`))),
      );
      const tookMs = performance.now() - beganAtMs;
      assert.ok(answers.every(({ status }) => status === 200));
      assert.ok(tookMs < channels * SLOW_S * 1000, `${tookMs} ms for ${channels} at once`);
      const pids = answers.map(({ text }) => /by (\d+)/.exec(text)?.[1]);
      assert.equal(new Set(pids).size, WORKERS);
    });

    test("a worker that dies takes its own request with it, and no other's", async () => {
      const response = await rawRequest(exercise.port, post("/die", "x"));
      assert.equal(response.status, 502);
      assert.equal((await rawRequest(exercise.port, get("/hello"))).status, 200);
      await exercise.server.until("both workers", () => childrenOf(zygote).length === WORKERS);
      assert.deepEqual(exercise.notes(), ["die POST"]);
    });
  });
}
