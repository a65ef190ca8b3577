/**
 * A dispatcher among random workers, clients, generations and times. What must hold at any moment
 * is checked after each step; what must have come of it, at the end.
 */
import assert from "node:assert/strict";

import { DispatcherFixture, type Submitted } from "./dispatcher-fixture.ts";
import { makePost, makeRequest } from "./request.ts";
import { POST, type SimulatedProcess, SimulatedThread } from "./simulated-process.ts";

const PROCESSES_MAX = 4;
const GENERATIONS = 3;
const QUEUE_LENGTH_MAX = 20;
/** One in so many steps of time is long enough for what is done about processes that do not end. */
const LONG_TIME_MS = 6_000;

export const STEP_KINDS = [
  "submit",
  "end-turn",
  "begin",
  "finish",
  "send",
  "arrive",
  "run-on",
  "answer-one",
  "die",
  "birth",
  "switch",
  "probe",
  "retire",
  "cancel",
  "pause",
  "resume",
  "time",
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

interface Client extends Submitted {
  readonly path: string;
  /** The worker that it asks; null for a request to whoever is free. */
  readonly probed: SimulatedThread | null;
  cancelled: boolean;
  /** Its worker died or hung while it was there, so it may come to another one out of its order. */
  disturbed: boolean;
}

export class Simulation {
  readonly fixture = new DispatcherFixture({
    queueLengthMax: QUEUE_LENGTH_MAX,
    queueTimeoutMs: 150,
    timeoutMs: 200,
  });
  readonly clients: Client[] = [];
  /** How often each request was begun, by path. */
  readonly executions = new Map<string, number>();
  processes: SimulatedProcess[] = [];
  /** Also of those that have died: what they had sent may still be under way. */
  readonly #threadsEver: SimulatedThread[] = [];
  /** The generation that has the traffic. */
  #serving = 0;
  #paths = 0;

  step(kind: StepKind, number: number): void {
    const { fixture } = this;
    const threads = this.#threads();
    const thread = threads[number % threads.length];
    const process = this.processes[number % this.processes.length];
    const client = this.clients[number % this.clients.length];
    switch (kind) {
      case "submit":
        this.#submit(number);
        break;
      case "end-turn":
        fixture.endTurn();
        break;
      case "begin":
        thread?.begin();
        break;
      case "finish":
        thread?.finish(number);
        break;
      case "send":
        thread?.sendSome(number);
        break;
      case "arrive":
        thread?.arrive();
        break;
      case "run-on":
        // What it has finished is not sent unless it has to be.
        thread?.finish(number);
        thread?.begin();
        break;
      case "answer-one":
        thread?.answerOne();
        break;
      case "die":
        if (process !== undefined) this.#kill(process, number % 3 === 0);
        break;
      case "birth":
        if (this.processes.length < PROCESSES_MAX) this.addProcess(number);
        break;
      case "switch":
        this.#switchTo(number % GENERATIONS);
        break;
      case "probe":
        if (thread !== undefined) this.#probe(thread);
        break;
      case "retire":
        if (number % 4 > 0) break;
        for (const { channel } of process?.threads ?? []) channel.retired = true;
        break;
      case "cancel":
        if (client !== undefined && !client.sink.ended) {
          client.cancelled = true;
          client.job.cancel();
        }
        break;
      case "pause":
        client?.job.pause();
        break;
      case "resume":
        client?.job.resume();
        for (const { link } of this.#threadsEver) link.stream.turn();
        break;
      case "time":
        fixture.sweepAt(fixture.nowMs + (number % 50 === 49 ? LONG_TIME_MS : number));
        break;
      default:
        kind satisfies never;
    }
    this.#bury();
    this.#checkNow();
  }

  /** @param number by which its class is chosen, and its generation */
  addProcess(number: number): SimulatedProcess {
    const generation = number % 4 === 3 ? number % GENERATIONS : this.#serving;
    const kind = number % 5;
    const settings = {
      load: { busyChannels: 0 },
      depthMax: kind >= 3 ? 1 : null,
      requestsMax: kind === 4 ? 1 : null,
    };
    const threads = Array.from({ length: kind === 3 ? 3 : 1 }, () => {
      let thread: SimulatedThread | null = null;
      const progress = {
        slotBegun: () => thread?.slotBegun ?? null,
        keptBehind: (sentBytes: number) => thread?.keptBehind(sentBytes) ?? null,
        close: () => {},
      };
      const isTold = number % 3 > 0;
      const told = isTold ? { openProgress: () => progress } : {};
      const link = this.fixture.addWorker({ ...settings, ...told }, generation !== this.#serving);
      const channel = this.fixture.channelOf(link);
      const keeps = isTold && number % 5 > 0;
      thread = new SimulatedThread(link, channel, number % 2 === 0, keeps, this.executions);
      return thread;
    });
    for (const thread of threads) if (generation !== this.#serving) thread.takenAtRest = 0;
    this.#threadsEver.push(...threads);
    const process = { ...settings, generation, threads, uninterruptible: number % 7 === 0 };
    this.processes.push(process);
    return process;
  }

  /** Every client reads again, every worker dies, and a good one does what is left. */
  finish(): void {
    for (const { job } of this.clients) job.resume();
    for (const { link } of this.#threadsEver) link.stream.turn();
    for (const process of this.processes) this.#kill(process, false);
    for (const { link } of this.#threadsEver) {
      assert.ok(link.stream.closeReported, "no channel is left over");
    }
    assert.deepEqual(this.processes, []);
    const good = this.addProcess(0).threads[0];
    for (let turns = 0; turns < 10_000 && !this.fixture.dispatcher.idle; turns++) {
      good?.answerOne();
      this.fixture.endTurn();
    }
    assert.ok(this.fixture.dispatcher.idle, "no request is left over");
  }

  #threads(): SimulatedThread[] {
    return this.processes.flatMap(({ threads }) => threads);
  }

  #submit(number: number): void {
    const idempotent = number % 2 === 0;
    const path = `${idempotent ? "/get/" : POST}${++this.#paths}`;
    const request = idempotent ? makeRequest(path) : makePost(path);
    // A full queue is an honest refusal; the caller answers.
    if (this.fixture.dispatcher.queueLength >= QUEUE_LENGTH_MAX) return;
    this.#addClient(this.fixture.submit(request), path, null);
  }

  #probe(thread: SimulatedThread): void {
    const path = `/probe/${++this.#paths}`;
    if (thread.channel.takesProbes) thread.probes++;
    this.#addClient(this.fixture.probe(thread.link, path), path, thread);
  }

  #addClient(submitted: Submitted, path: string, probed: SimulatedThread | null): void {
    const client = { ...submitted, path, probed, cancelled: false, disturbed: false };
    this.clients.push(client);
    // Whoever is taken back from a worker comes again, and others may have passed by meanwhile.
    const { job } = client;
    const requeue = job.requeue.bind(job);
    job.requeue = (...given) => {
      client.disturbed = true;
      requeue(...given);
    };
  }

  #switchTo(generation: number): void {
    this.#serving = generation;
    for (const process of this.processes) {
      const rests = process.generation !== generation;
      for (const thread of process.threads) {
        thread.channel.resting = rests;
        if (!rests) thread.takenAtRest = null;
        else thread.takenAtRest ??= thread.taken;
      }
    }
    this.fixture.dispatcher.takeUp();
  }

  /** @param losing whether what it had sent and nobody has read is lost */
  #kill(process: SimulatedProcess, losing: boolean): void {
    for (const thread of process.threads) {
      if (losing) {
        this.fixture.lose(thread.link);
      } else {
        thread.arrive();
        this.fixture.kill(thread.link);
      }
      this.#checkOrder(thread);
    }
    this.processes = this.processes.filter((each) => each !== process);
  }

  /** Ends those that are of no use any more, as the supervisor does. */
  #bury(): void {
    for (const process of this.processes) {
      const channels = process.threads.map(({ channel }) => channel);
      const isOver = process.threads.some(({ link: { stream } }) => stream.closed || stream.sawEnd);
      const hangs = channels.some(({ forsaken }) => forsaken);
      const isDone = channels.every(({ retired, underWay }) => retired && underWay.length === 0);
      if (isOver || (hangs ? !process.uninterruptible : isDone)) this.#kill(process, false);
    }
  }

  /**
   * Apart from those that come again, a worker gets requests in the order in which they were
   * submitted.
   */
  #checkOrder({ link }: SimulatedThread): void {
    const seen = link.requests.map(({ path }) => path);
    const undisturbed = this.clients
      .filter(({ disturbed, probed }) => !disturbed && probed === null)
      .map(({ path }) => path);
    const expected = undisturbed.filter((path) => seen.includes(path));
    assert.deepEqual(
      seen.filter((path) => undisturbed.includes(path)),
      expected,
    );
  }

  #checkNow(): void {
    const waiting = this.clients.filter(({ job, sink, cancelled, probed }) => {
      return job.state === "queued" && !cancelled && !sink.ended && probed === null;
    });
    const firstWaiting = waiting.find(({ disturbed }) => !disturbed);
    if (firstWaiting !== undefined) {
      const later = this.clients.slice(this.clients.indexOf(firstWaiting) + 1);
      const overtook = later.find(
        ({ job, probed, disturbed }) => job.state !== "queued" && probed === null && !disturbed,
      );
      const isFair = overtook === undefined || overtook.cancelled;
      assert.ok(isFair, `${overtook?.path} has overtaken ${firstWaiting.path}`);
    }
    for (const process of this.processes) {
      let busy = 0;
      for (const { channel, taken, takenAtRest, probes, link } of process.threads) {
        const isIdle = channel.takesRequests && channel.underWay.length === 0;
        assert.ok(!isIdle || waiting.length === 0, "nobody waits while a worker is idle");
        if (takenAtRest !== null) assert.equal(taken, takenAtRest, "at rest it gets no requests");
        assert.ok(channel.requestsTaken <= (process.requestsMax ?? Infinity));
        assert.ok(channel.underWay.length <= (process.depthMax ?? Infinity) + probes);
        if (!link.stream.closeReported && (channel.underWay.length > 0 || channel.forsaken)) busy++;
      }
      assert.equal(process.load.busyChannels, busy, "what a worker does is counted");
    }
  }

  /** Called after {@link finish}. */
  checkOutcomes(): void {
    for (const { path, sink, cancelled, probed, job } of this.clients) {
      const { status, content, failure, outcomes } = sink;
      if (!cancelled) assert.equal(outcomes, 1, `${path} has one outcome`);
      else assert.equal(outcomes, 0, `${path} was cancelled and has none`);
      if (outcomes === 1 && failure === null) assert.equal(content, path, "it is its own answer");
      if (status === null) assert.equal(content, "");
      assert.ok(path.startsWith(content), `${path} got no byte of another's answer`);
      const executions = this.executions.get(path) ?? 0;
      const once = path.startsWith(POST) || probed !== null;
      const executionsMax = once ? 1 : job.moved ? 3 : 2;
      assert.ok(executions <= executionsMax, `${path} was begun ${executions} times`);
    }
    for (const thread of this.#threadsEver) {
      const { outcomes } = thread.channel;
      assert.ok(outcomes.failed <= outcomes.answered && outcomes.answered <= thread.taken);
      const strangers = this.clients.filter(({ probed }) => probed !== null && probed !== thread);
      const seen = new Set(thread.link.requests.map(({ path }) => path));
      assert.ok(!strangers.some(({ path }) => seen.has(path)), "a probe is one worker's alone");
    }
  }
}
