/**
 * A load carried out by several processes, children of this one: each does its part of the plan,
 * and what they counted is added up. This process sends nothing.
 */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { LoadNews, LoadOrder } from "./load-messages.ts";
import type { LoadParty, PartyResult } from "./load-party.ts";
import { type LoadPlan, partOf } from "./load-plan.ts";
import type { LoadProgress, Opening } from "./load-run.ts";
import { Measurements } from "./measurements.ts";

const NO_PROGRESS: LoadProgress = {
  elapsedMs: 0,
  begun: 0,
  answered: 0,
  failed: 0,
  waiting: 0,
  isEnding: false,
};

type Ended = Extract<LoadNews, { kind: "ended" }>;

/** Beside this file, and of the same kind: TypeScript in a checkout, JavaScript where compiled. */
const CHILD_PROGRAM = path.join(
  import.meta.dirname,
  `load-child${path.extname(import.meta.filename)}`,
);

export class ForkedParty implements LoadParty {
  readonly #members: readonly Member[];

  /** @param count of processes; at most as many as the plan has connections */
  constructor(plan: LoadPlan, count: number) {
    this.#members = Array.from(
      { length: count },
      (_, index) => new Member(partOf(plan, index, count)),
    );
  }

  async open(): Promise<Opening> {
    const openings = await Promise.all(this.#members.map((member) => member.open()));
    return {
      opened: openings.reduce((sum, { opened }) => sum + opened, 0),
      failure: openings.find(({ failure }) => failure !== null)?.failure ?? null,
    };
  }

  async start(): Promise<PartyResult> {
    const ends = await Promise.all(this.#members.map((member) => member.start()));
    const told = ends.filter((end) => end !== null);
    const measurements = new Measurements();
    for (const end of told) measurements.add(Measurements.fromData(end.measurements));
    return {
      measurements,
      windowMs: Math.max(0, ...told.map(({ windowMs }) => windowMs)),
      cpu: {
        userMs: told.reduce((sum, { cpu }) => sum + cpu.userMs, 0),
        systemMs: told.reduce((sum, { cpu }) => sum + cpu.systemMs, 0),
      },
      lostProcesses: ends.length - told.length,
    };
  }

  stop(): void {
    for (const member of this.#members) member.stop();
  }

  progress(): LoadProgress {
    const all = this.#members.map(({ progress }) => progress);
    const sum = (of: (one: LoadProgress) => number): number =>
      all.reduce((total, one) => total + of(one), 0);
    return {
      elapsedMs: Math.max(...all.map(({ elapsedMs }) => elapsedMs)),
      begun: sum(({ begun }) => begun),
      answered: sum(({ answered }) => answered),
      failed: sum(({ failed }) => failed),
      waiting: sum(({ waiting }) => waiting),
      isEnding: all.some(({ isEnding }) => isEnding),
    };
  }

  close(): void {
    for (const member of this.#members) member.close();
  }
}

/** One of the processes. */
class Member {
  progress = NO_PROGRESS;
  readonly #child: ChildProcess;
  readonly #plan: LoadPlan;
  readonly #opened = Promise.withResolvers<Opening>();
  readonly #ended = Promise.withResolvers<Ended | null>();

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#child = fork(CHILD_PROGRAM, { serialization: "json" });
    this.#child.on("message", (news) => this.#take(news as LoadNews));
    const gone = (why: string): void => {
      const message = `a process of the load ended before its time (${why})`;
      this.#opened.resolve({ opened: 0, failure: { kind: "other", message } });
      this.#ended.resolve(null);
    };
    this.#child.once("exit", (status, signal) => gone(signal ?? `status ${status}`));
    this.#child.once("error", (error) => gone(error.message));
  }

  open(): Promise<Opening> {
    this.#order({ kind: "open", plan: this.#plan });
    return this.#opened.promise;
  }

  /** @returns null where the process ended before it had told */
  start(): Promise<Ended | null> {
    this.#order({ kind: "start" });
    return this.#ended.promise;
  }

  stop(): void {
    this.#order({ kind: "stop" });
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #order(order: LoadOrder): void {
    // An error of the channel is followed by the child's end, which says it all.
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  #take(news: LoadNews): void {
    switch (news.kind) {
      case "opened":
        this.#opened.resolve(news.opening);
        return;
      case "progress":
        this.progress = news.progress;
        return;
      case "ended":
        this.#ended.resolve(news);
        return;
      default:
        news satisfies never;
    }
  }
}
