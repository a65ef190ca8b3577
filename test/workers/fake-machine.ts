/**
 * A machine without a kernel: zygotes and workers that the test plays, behind the `Transport` that
 * the supervisor reaches them by, in a time that the test moves. Zygotes speak the control lines
 * and workers the frames of docs/worker-protocol.md, from which this is written.
 *
 * Everybody behaves by the code that was there when their zygote was born, until the test has them
 * die, hang or talk nonsense.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";

import type { ByteStream } from "../../src/net/byte-stream.ts";
import type { Listener, SpawnedProcess, Transport, WorkerLink } from "../../src/net/transport.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { type Address, FakeWorker, frame, readyFrame, type SentRequest } from "./fake-worker.ts";

/** What the application's code is like, as a zygote finds it. */
export const CODES = [
  "good",
  /** It raises when it is imported. */
  "broken",
  /** It ends the zygote when it is imported. */
  "ends-import",
  /** It never comes back from being imported. */
  "hangs-import",
  /** It ends each worker at its birth. */
  "ends-workers",
  /** Workers never say that they are ready. */
  "silent",
  /** It answers 503 where it is asked whether it is ready. */
  "unready",
  /** It answers 500 to everything else. */
  "fails",
  /** It ends the worker with each request. */
  "crashes",
] as const;
export type Code = (typeof CODES)[number];

export const READY_PATH = "/ready";

const SIGKILL = 9;
const DUMP_SIGNAL = 62;
/** Above what the kernel gives out, so that a signal by number reaches nobody. */
const FIRST_PID = 10_000_000;
const IMPORT_MS = 40;
const FORK_MS = 1;
const BOOT_MS = 5;
const EXIT_MS = 2;
const RESPONSE = 1;
const REPORT = 9;

/** Of a worker: one for each of its threads. */
class FakeChannel {
  readonly player = new FakeWorker();
  /** Requests that have come and are not answered, oldest first. */
  readonly waiting: SentRequest[] = [];
  requestsSeen = 0;
  writesSeen = 0;
  begun = false;
  ended = false;
}

export class FakeWorkerProcess {
  readonly pid: number;
  readonly number: number;
  readonly zygote: FakeZygote;
  readonly channels: readonly FakeChannel[];
  alive = true;
  /** Does nothing any more but die of SIGKILL. */
  hung = false;
  /** Not even that, before then. */
  stuckUntilMs = 0;

  constructor(pid: number, number: number, zygote: FakeZygote, channels: readonly FakeChannel[]) {
    this.pid = pid;
    this.number = number;
    this.zygote = zygote;
    this.channels = channels;
  }
}

/** What the supervisor holds of a zygote; `kill` is all that it is asked for. */
class FakeChild extends EventEmitter {
  readonly pid: number;
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  readonly #onKill: () => void;

  constructor(pid: number, onKill: () => void) {
    super();
    this.pid = pid;
    this.#onKill = onKill;
  }

  kill(): boolean {
    this.#onKill();
    return true;
  }
}

export class FakeZygote {
  readonly child: FakeChild;
  readonly control = new MemoryStream();
  readonly code: Code;
  /** As its start message has it. */
  generation = 0;
  threads = 1;
  alive = true;
  imported = false;
  /** Reads nothing and reaps nobody. */
  hung = false;
  /** Links that came along with messages, oldest first. */
  readonly offered: FakeLink[] = [];
  /** Channels for the worker that is forked next. */
  readonly collected: FakeChannel[] = [];
  linesRead = 0;

  constructor(pid: number, code: Code, onKill: (zygote: FakeZygote) => void) {
    this.child = new FakeChild(pid, () => onKill(this));
    this.code = code;
  }
}

class FakeLink implements WorkerLink {
  readonly offer = { kind: "descriptors" } as const;
  readonly channel = new FakeChannel();
  readonly #machine: FakeMachine;

  constructor(machine: FakeMachine) {
    this.#machine = machine;
  }

  sendOffer(control: ByteStream, message: Uint8Array): void {
    control.write(message, 0, message.length);
    this.#machine.offered(this, control);
  }

  onStream(callback: (stream: ByteStream) => void): void {
    callback(this.channel.player.stream);
  }

  passFile(): string | null {
    return null;
  }

  passSocket(): void {}

  passContentSocket(): void {}

  close(): void {}
}

/** Who wants to know what workers are given. */
export interface MachineWatcher {
  /** A worker has been sent a request. */
  onArrival(worker: FakeWorkerProcess, request: SentRequest): void;
  /** A worker has begun it. */
  onBegin(worker: FakeWorkerProcess, request: SentRequest): void;
}

export class FakeMachine implements Transport {
  readonly name = "epoll";
  readonly namedFileFolder = null;
  nowMs = 0;
  /** What the next zygote finds. */
  code: Code = "good";
  /** How long a request takes. */
  serviceMs = 3;
  /** So many of the next forks, and of the next links, fail. */
  forksToFail = 0;
  linksToFail = 0;
  readonly zygotes: FakeZygote[] = [];
  readonly workers: FakeWorkerProcess[] = [];
  /** Those of which the gateway may still hear. */
  #present: FakeWorkerProcess[] = [];
  readonly #watcher: MachineWatcher;
  readonly #agenda: { readonly atMs: number; readonly run: () => void }[] = [];
  #turnEndTasks: (() => void)[] = [];
  #pids = FIRST_PID;

  constructor(watcher: MachineWatcher) {
    this.#watcher = watcher;
  }

  get livingWorkers(): FakeWorkerProcess[] {
    return this.#present.filter(({ alive }) => alive);
  }

  get livingZygotes(): FakeZygote[] {
    return this.zygotes.filter(({ alive }) => alive);
  }

  listen(): Promise<Listener> {
    throw new Error("nobody listens here");
  }

  adopt(): Promise<Listener> {
    throw new Error("nobody listens here");
  }

  atTurnEnd(task: () => void): void {
    this.#turnEndTasks.push(task);
  }

  async prepare(): Promise<void> {}

  spawn(): SpawnedProcess {
    const zygote = new FakeZygote(++this.#pids, this.code, (one) => this.killZygote(one));
    this.zygotes.push(zygote);
    const child = zygote.child as unknown as ChildProcess;
    return { child, control: zygote.control };
  }

  async createWorkerLink(): Promise<WorkerLink> {
    if (this.linksToFail > 0) {
      this.linksToFail--;
      throw new Error("EMFILE");
    }
    return new FakeLink(this);
  }

  close(): void {}

  offered(link: FakeLink, control: ByteStream): void {
    const zygote = this.zygotes.find((one) => one.control === control);
    assert.ok(zygote !== undefined, "a link goes to a zygote");
    zygote.offered.push(link);
  }

  /** When something happens next; null where nothing will by itself. */
  get nextAtMs(): number | null {
    return this.#agenda[0]?.atMs ?? null;
  }

  /** Does what is due. */
  runDue(): void {
    for (let next = this.#agenda[0]; next !== undefined; next = this.#agenda[0]) {
      if (next.atMs > this.nowMs) return;
      this.#agenda.shift();
      next.run();
    }
  }

  /** Ends the gateway's turn, and has everybody read what they were sent in it. */
  endTurn(): void {
    do {
      for (const task of this.#turnEndTasks.splice(0)) task();
      for (const zygote of this.zygotes) {
        if (zygote.alive) this.#readControl(zygote);
        zygote.control.turn();
      }
      for (const worker of this.#present) {
        for (const channel of worker.channels) this.#readChannel(worker, channel);
      }
      this.#present = this.#present.filter(({ alive, channels }) => {
        return alive || channels.some(({ player }) => !player.stream.closeReported);
      });
    } while (this.#turnEndTasks.length > 0);
  }

  /** A worker ends, in order or not. Its parent hears of it where it listens. */
  endWorker(worker: FakeWorkerProcess, end: { status?: number; signal?: number }): void {
    if (!worker.alive) return;
    if (worker.stuckUntilMs > this.nowMs) {
      this.#at(worker.stuckUntilMs - this.nowMs, () => this.endWorker(worker, end));
      return;
    }
    worker.alive = false;
    for (const { player } of worker.channels) {
      this.#at(0, () => {
        if (!player.stream.closed) player.stream.deliverEnd();
      });
    }
    const { zygote, number, pid } = worker;
    const { status = null, signal = null } = end;
    this.#at(1, () => this.#say(zygote, { type: "exited", worker: number, pid, status, signal }));
  }

  /** A worker writes what no worker writes. */
  talkNonsense(worker: FakeWorkerProcess): void {
    const [channel] = worker.channels;
    if (worker.alive && channel?.player.stream.closed === false) {
      channel.player.send(frame({ slot: 4_000_000, generation: 7, kind: 4 }));
    }
  }

  /** A worker says that it has grown beyond what it may have. */
  reportGrowth(worker: FakeWorkerProcess): void {
    const [channel] = worker.channels;
    if (!worker.alive || worker.hung || channel?.begun !== false) return;
    if (channel.player.stream.closed) return;
    const head = JSON.stringify({ rssBytes: 2 ** 31, routes: [] });
    channel.player.send(frame({ kind: REPORT, head }));
  }

  /** A zygote's application writes to the control descriptor. */
  breakControl(zygote: FakeZygote): void {
    if (zygote.alive && !zygote.control.closed) zygote.control.deliver("this is no JSON\n");
  }

  killZygote(zygote: FakeZygote): void {
    this.#endZygote(zygote, null, "SIGKILL");
  }

  #at(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs;
    const place = this.#agenda.findIndex((other) => other.atMs > atMs);
    this.#agenda.splice(place < 0 ? this.#agenda.length : place, 0, { atMs, run });
  }

  /** With a zygote goes its process group. */
  #endZygote(zygote: FakeZygote, status: number | null, signal: NodeJS.Signals | null): void {
    if (!zygote.alive) return;
    zygote.alive = false;
    for (const worker of this.workers) {
      if (worker.zygote === zygote) this.endWorker(worker, { signal: SIGKILL });
    }
    this.#at(1, () => {
      if (!zygote.control.closed) zygote.control.deliverEnd();
      zygote.child.exitCode = status;
      zygote.child.signalCode = signal;
      zygote.child.emit("exit", status, signal);
    });
  }

  #say(zygote: FakeZygote, message: object): void {
    if (!zygote.alive || zygote.hung || zygote.control.closed) return;
    zygote.control.deliver(`${JSON.stringify(message)}\n`);
  }

  #readControl(zygote: FakeZygote): void {
    if (zygote.hung || zygote.control.writes.length === zygote.linesRead) {
      if (zygote.control.closed && zygote.imported && !zygote.hung)
        this.#endZygote(zygote, 0, null);
      return;
    }
    // It reads nothing while it imports, but for the line that says what.
    const lines = zygote.control.writes.slice(zygote.linesRead);
    for (const line of lines) {
      if (zygote.linesRead > 0 && !zygote.imported) return;
      zygote.linesRead++;
      this.#takeLine(zygote, JSON.parse(line.toString()) as Readonly<Record<string, unknown>>);
    }
  }

  #takeLine(zygote: FakeZygote, message: Readonly<Record<string, unknown>>): void {
    const number = Number(message["worker"]);
    switch (message["type"]) {
      case "start":
        zygote.generation = Number(message["generation"]);
        zygote.threads = Number(message["threads"]);
        this.#at(IMPORT_MS, () => this.#import(zygote));
        break;
      case "channel":
      case "fork": {
        const link = zygote.offered.shift();
        assert.ok(link !== undefined, "descriptors come with the message");
        zygote.collected.push(link.channel);
        if (message["type"] === "fork") this.#fork(zygote, number, zygote.collected.splice(0));
        break;
      }
      case "signal": {
        const worker = this.workers.find((one) => one.zygote === zygote && one.number === number);
        const signal = Number(message["signal"]);
        if (signal === DUMP_SIGNAL || worker === undefined) break;
        this.endWorker(worker, { signal });
        break;
      }
      case "ping":
        this.#at(1, () => this.#say(zygote, { type: "pong" }));
        break;
      case "end":
        this.#at(EXIT_MS, () => this.#endZygote(zygote, 0, null));
        break;
      default:
        assert.fail(`no zygote knows ${JSON.stringify(message)}`);
    }
  }

  #import(zygote: FakeZygote): void {
    if (!zygote.alive || zygote.hung) return;
    const { code } = zygote;
    if (code === "hangs-import") return;
    if (code === "ends-import") {
      this.#endZygote(zygote, 7, null);
      return;
    }
    if (code === "broken") {
      const details = "Traceback (most recent call last):\n";
      this.#say(zygote, { type: "failed", exitStatus: 3, message: "it is broken", details });
      this.#at(EXIT_MS, () => this.#endZygote(zygote, 3, null));
      return;
    }
    zygote.imported = true;
    this.#say(zygote, {
      type: "loaded",
      pid: zygote.child.pid,
      kind: "WSGI",
      reference: "shop:app",
      python: "3.14.0",
      executable: "python3",
      dumpSignal: DUMP_SIGNAL,
    });
  }

  #fork(zygote: FakeZygote, number: number, channels: readonly FakeChannel[]): void {
    assert.equal(channels.length, zygote.threads, "a channel for each thread");
    if (this.forksToFail > 0) {
      this.forksToFail--;
      this.#at(FORK_MS, () => {
        this.#say(zygote, { type: "fork-failed", worker: number, message: "[Errno 11]" });
      });
      return;
    }
    const worker = new FakeWorkerProcess(++this.#pids, number, zygote, channels);
    this.workers.push(worker);
    this.#present.push(worker);
    this.#at(FORK_MS, () => {
      this.#say(zygote, { type: "forked", worker: number, pid: worker.pid });
    });
    if (zygote.code === "ends-workers")
      this.#at(BOOT_MS, () => this.endWorker(worker, { status: 1 }));
    else if (zygote.code !== "silent") this.#at(BOOT_MS, () => this.#sayReady(worker));
  }

  #sayReady(worker: FakeWorkerProcess): void {
    if (!worker.alive || worker.hung) return;
    for (const { player } of worker.channels) {
      if (!player.stream.closed) player.send(readyFrame(worker.pid));
    }
  }

  #readChannel(worker: FakeWorkerProcess, channel: FakeChannel): void {
    const { player } = channel;
    player.stream.turn();
    if (!worker.alive) return;
    if (channel.writesSeen < player.stream.writes.length) {
      channel.writesSeen = player.stream.writes.length;
      const { requests } = player;
      for (const request of requests.slice(channel.requestsSeen)) {
        channel.waiting.push(request);
        this.#watcher.onArrival(worker, request);
      }
      channel.requestsSeen = requests.length;
    }
    if (worker.hung) return;
    if (!channel.begun && channel.waiting.length > 0) this.#begin(worker, channel);
    if (player.stream.sawEnd && !channel.begun && !channel.ended) {
      channel.ended = true;
      if (worker.channels.every(({ ended }) => ended)) {
        this.#at(EXIT_MS, () => !worker.hung && this.endWorker(worker, { status: 0 }));
      }
    }
  }

  #begin(worker: FakeWorkerProcess, channel: FakeChannel): void {
    const request = channel.waiting.shift();
    if (request === undefined) return;
    channel.begun = true;
    this.#watcher.onBegin(worker, request);
    if (worker.zygote.code === "crashes" && request.path !== READY_PATH) {
      this.#at(1, () => this.endWorker(worker, { signal: 11 }));
      return;
    }
    this.#at(this.serviceMs, () => {
      if (!worker.alive || worker.hung) return;
      channel.begun = false;
      if (!channel.player.stream.closed) {
        channel.player.send(answerFrame(request, statusFor(worker.zygote.code, request.path)));
      }
    });
  }
}

function statusFor(code: Code, path: string): number {
  if (path === READY_PATH) return code === "unready" ? 503 : 200;
  return code === "fails" ? 500 : 200;
}

function answerFrame({ slot, generation }: Address, status: number): Buffer {
  const head = `${status} Status\r\nContent-Length: 0\r\n`;
  return frame({
    slot,
    generation,
    kind: RESPONSE,
    elapsedUs: 2_000,
    status,
    head,
    contentLength: 0,
  });
}
