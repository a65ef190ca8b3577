/**
 * A load carried out by this process.
 */
import { openConnector } from "../net/open-connector.ts";
import type { Connector } from "../net/connector.ts";
import { realClock } from "../os/real-clock.ts";
import type { LoadParty, PartyResult } from "./load-party.ts";
import type { LoadPlan } from "./load-plan.ts";
import { type LoadProgress, LoadRun, type Opening } from "./load-run.ts";

const US_PER_MS = 1_000;

export class LocalParty implements LoadParty {
  readonly #connector: Connector;
  readonly #run: LoadRun;
  #closed = false;

  constructor(plan: LoadPlan) {
    this.#connector = openConnector();
    this.#run = new LoadRun(plan, this.#connector, () => realClock.nowMs());
  }

  open(): Promise<Opening> {
    return this.#run.open();
  }

  async start(): Promise<PartyResult> {
    const before = process.cpuUsage();
    const { measurements, windowMs } = await this.#run.start();
    const { user, system } = process.cpuUsage(before);
    const cpu = { userMs: user / US_PER_MS, systemMs: system / US_PER_MS };
    return { measurements, windowMs, cpu, lostProcesses: 0 };
  }

  stop(): void {
    this.#run.stop();
  }

  progress(): LoadProgress {
    return this.#run.progress();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#run.close();
    this.#connector.close();
  }
}
