/**
 * The dispatcher against random workers, clients and times. The workers keep to
 * docs/worker-protocol.md and nothing else: they die at any moment, with answers finished and not
 * sent, or half sent.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { DispatcherFixture, type Submitted } from "./dispatcher-fixture.ts";
import {
  chunkFrame,
  closingFrame,
  FakeWorker,
  headFrame,
  responseFrame,
  type SentRequest,
} from "./fake-worker.ts";
import { makePost, makeRequest } from "./request.ts";

const WORKERS_MAX = 4;
/** A request that cannot be run twice has this in its path, so that the worker knows it. */
const POST = "/post/";

interface Client extends Submitted {
  readonly path: string;
  cancelled: boolean;
  /** Its worker died while it was there, so it may come to another one out of its order. */
  disturbed: boolean;
}

/** A worker that answers one request after the other, in a process that can die at any moment. */
class SimulatedWorker {
  readonly link: FakeWorker;
  /** How many requests it has begun. */
  #begun = 0;
  #running: SentRequest | null = null;
  /** Answers that have not left for the gateway. */
  #unsent = Buffer.alloc(0);
  /** What has left, and has not been read by the gateway. */
  #inFlight = Buffer.alloc(0);
  readonly #executions: Map<string, number>;

  constructor(link: FakeWorker, executions: Map<string, number>) {
    this.link = link;
    this.#executions = executions;
  }

  /** Begins the next request, if it has one and is not busy. */
  begin(): void {
    const next = this.link.requests[this.#begun];
    if (this.#running !== null || next === undefined) return;
    if (next.path.startsWith(POST)) this.sendAll();
    this.#begun++;
    this.#running = next;
    this.#executions.set(next.path, (this.#executions.get(next.path) ?? 0) + 1);
  }

  finish(how: number): void {
    const request = this.#running;
    if (request === null) return;
    this.#running = null;
    const half = Math.floor(request.path.length / 2);
    const [front, back] = [request.path.slice(0, half), request.path.slice(half)];
    const streamed = [
      headFrame(request, front),
      chunkFrame(request, back),
      closingFrame(request, "end"),
    ];
    const answer =
      how % 3 === 0 ? streamed : [responseFrame(request, request.path, (how * 7_919) % 30_000)];
    this.#unsent = Buffer.concat([this.#unsent, ...answer]);
  }

  sendSome(bytes: number): void {
    const sent = this.#unsent.subarray(0, bytes);
    this.#unsent = this.#unsent.subarray(sent.length);
    this.#inFlight = Buffer.concat([this.#inFlight, sent]);
  }

  sendAll(): void {
    this.sendSome(this.#unsent.length);
  }

  arrive(): void {
    const arrived = this.#inFlight;
    this.#inFlight = Buffer.alloc(0);
    if (arrived.length > 0) this.link.stream.deliver(arrived);
  }

  /** Answers what is next, and has the answer arrive. */
  answerOne(): void {
    this.begin();
    this.finish(1);
    this.sendAll();
    this.arrive();
  }
}

class Simulation {
  readonly fixture = new DispatcherFixture({
    queueLengthMax: 20,
    queueTimeoutMs: 150,
    timeoutMs: 200,
  });
  readonly clients: Client[] = [];
  /** How often each request was begun, by path. */
  readonly executions = new Map<string, number>();
  workers: SimulatedWorker[] = [];
  /** Also of those that have died: what they had sent may still be under way. */
  readonly #links: FakeWorker[] = [];
  #paths = 0;

  step(kind: StepKind, number: number): void {
    const { fixture } = this;
    const worker = this.workers[number % this.workers.length];
    const client = this.clients[number % this.clients.length];
    switch (kind) {
      case "submit":
        this.#submit(number);
        break;
      case "end-turn":
        fixture.endTurn();
        break;
      case "begin":
        worker?.begin();
        break;
      case "finish":
        worker?.finish(number);
        break;
      case "send":
        worker?.sendSome(number);
        break;
      case "arrive":
        worker?.arrive();
        break;
      case "run-on":
        // What it has finished is not sent unless it has to be.
        worker?.finish(number);
        worker?.begin();
        break;
      case "answer-one":
        worker?.answerOne();
        break;
      case "die":
        if (worker !== undefined) this.#kill(worker, number % 3 === 0);
        break;
      case "birth":
        if (this.workers.length < WORKERS_MAX) this.addWorker();
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
        for (const { stream } of this.#links) stream.turn();
        break;
      case "time":
        fixture.sweepAt(fixture.nowMs + number);
        break;
      default:
        kind satisfies never;
    }
    this.#bury();
  }

  addWorker(): SimulatedWorker {
    const worker = new SimulatedWorker(this.fixture.addWorker(), this.executions);
    this.workers.push(worker);
    this.#links.push(worker.link);
    return worker;
  }

  /** Every client reads again, every worker dies, and a good one does what is left. */
  finish(): void {
    for (const { job } of this.clients) job.resume();
    for (const { stream } of this.#links) stream.turn();
    for (const worker of this.workers) this.#kill(worker, false);
    for (const { stream } of this.#links)
      assert.ok(stream.closeReported, "no channel is left over");
    this.workers = [];
    const good = this.addWorker();
    for (let turns = 0; turns < 10_000 && !this.fixture.dispatcher.idle; turns++) {
      good.answerOne();
      this.fixture.endTurn();
    }
    assert.ok(this.fixture.dispatcher.idle, "no request is left over");
  }

  #submit(number: number): void {
    const idempotent = number % 2 === 0;
    const path = `${idempotent ? "/get/" : POST}${++this.#paths}`;
    const request = idempotent ? makeRequest(path) : makePost(path);
    // A full queue is an honest refusal; the caller answers.
    if (this.fixture.dispatcher.queueLength >= 20) return;
    this.clients.push({
      ...this.fixture.submit(request),
      path,
      cancelled: false,
      disturbed: false,
    });
  }

  /** @param losing whether what it had sent and nobody has read is lost */
  #kill(worker: SimulatedWorker, losing: boolean): void {
    this.#disturb(worker);
    if (losing) {
      this.fixture.lose(worker.link);
    } else {
      worker.arrive();
      this.fixture.kill(worker.link);
    }
    this.#checkOrder(worker);
    this.workers = this.workers.filter((each) => each !== worker);
  }

  /** Ends those that the dispatcher does not use any more, as the supervisor does. */
  #bury(): void {
    for (const worker of this.workers) {
      if (this.fixture.channels.get(worker.link)?.takesRequests !== true) this.#kill(worker, false);
    }
  }

  #disturb(worker: SimulatedWorker): void {
    const underWay = new Set(this.fixture.channels.get(worker.link)?.underWay);
    for (const client of this.clients) if (underWay.has(client.job)) client.disturbed = true;
  }

  /**
   * Apart from those that come again, a worker gets requests in the order in which they were
   * submitted.
   */
  #checkOrder(worker: SimulatedWorker): void {
    const seen = worker.link.requests.map(({ path }) => path);
    const undisturbed = this.clients.filter((client) => !client.disturbed).map(({ path }) => path);
    const expected = undisturbed.filter((path) => seen.includes(path));
    assert.deepEqual(
      seen.filter((path) => undisturbed.includes(path)),
      expected,
    );
  }

  check(): void {
    for (const { path, sink, cancelled } of this.clients) {
      const { status, content, failure, outcomes } = sink;
      if (!cancelled) assert.equal(outcomes, 1, `${path} has one outcome`);
      else assert.equal(outcomes, 0, `${path} was cancelled and has none`);
      if (outcomes === 1 && failure === null) assert.equal(content, path, "it is its own answer");
      if (status === null) assert.equal(content, "");
      assert.ok(path.startsWith(content), `${path} got no byte of another's answer`);
      const executions = this.executions.get(path) ?? 0;
      const executionsMax = path.startsWith(POST) ? 1 : 2;
      assert.ok(executions <= executionsMax, `${path} was begun ${executions} times`);
    }
  }
}

const STEP_KINDS = [
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
  "cancel",
  "pause",
  "resume",
  "time",
] as const;
type StepKind = (typeof STEP_KINDS)[number];

const stepKind = fc.oneof(
  { weight: 8, arbitrary: fc.constant("submit" as const) },
  { weight: 6, arbitrary: fc.constant("end-turn" as const) },
  { weight: 8, arbitrary: fc.constant("run-on" as const) },
  { weight: 4, arbitrary: fc.constant("answer-one" as const) },
  { weight: 2, arbitrary: fc.constant("die" as const) },
  { weight: 12, arbitrary: fc.constantFrom(...STEP_KINDS) },
);
const steps = fc.array(fc.tuple(stepKind, fc.nat({ max: 150 })), {
  minLength: 20,
  maxLength: 150,
  size: "max",
});

function simulate(script: readonly [StepKind, number][], quick: boolean): Simulation {
  const simulation = new Simulation();
  const first = simulation.addWorker();
  if (quick) {
    // Only an application that is known to be quick gets batches, where the hard cases are.
    simulation.fixture.kill(first.link);
    simulation.workers = [];
    const teacher = simulation.fixture.addWorker();
    simulation.fixture.learnQuick(teacher);
    simulation.fixture.kill(teacher);
    simulation.addWorker();
    simulation.addWorker();
  }
  for (const [kind, number] of script) simulation.step(kind, number);
  simulation.finish();
  simulation.check();
  return simulation;
}

for (const quick of [false, true]) {
  const what = quick ? "batches" : "single requests";
  test(`with ${what}: one outcome each, nothing run twice, no crossing, whatever happens`, () => {
    fc.assert(fc.property(steps, (script) => void simulate(script, quick)));
  });
}

test("the simulation reaches the cases that it is there for", () => {
  const reached = new Set<string>();
  for (const [index, script] of fc.sample(steps, { numRuns: 150, seed: 1 }).entries()) {
    const { clients, executions } = simulate(script, index % 2 === 0);
    for (const { sink, cancelled } of clients) {
      reached.add(cancelled ? "cancelled" : (sink.failure ?? "answered"));
    }
    if (Math.max(0, ...executions.values()) > 1) reached.add("run again");
  }
  const expected = [
    "answered",
    "cancelled",
    "queue-timed-out",
    "run again",
    "timed-out",
    "worker-exited",
  ];
  assert.deepEqual([...reached].toSorted(), expected);
});
