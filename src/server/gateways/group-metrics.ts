/**
 * The metrics of several gateways as one: asks all when somebody asks, and adds what they say to
 * what those had counted that are gone. So a counter does not go back with a gateway; what it had
 * counted after it was asked last is lost with it.
 *
 * Owns what was told last in each place, which is as much as a gateway can tell, and once more as
 * much for all that were there before.
 */
import { residentBytes } from "../../os/process-memory.ts";
import { ownCpuMs } from "../observation/cpu-times.ts";
import {
  type MetricSample,
  type NumberMeaning,
  tellNumbers,
  type ToldFamily,
} from "../observation/metric-family.ts";
import { CPU_TIME, RESIDENT_MEMORY, START_TIME } from "../observation/process-metrics.ts";
import { combinedMetrics, counted, type PartMetrics, succeeded } from "./combined-metrics.ts";
import type { GatewayProcess } from "./gateway-process.ts";

/** What a gateway gets to answer: less than whoever scrapes waits, which is 10 s mostly. */
const ANSWER_MAX_MS = 2_000;
const MS_PER_S = 1_000;

const GATEWAYS: NumberMeaning = {
  kind: "gauge",
  combined: "sum",
  name: "portico_gateways",
  help: "Gateways, by whether they told their figures for this scrape",
  labels: ["state"],
};

const RESTARTS: NumberMeaning = {
  kind: "counter",
  combined: "sum",
  name: "portico_gateway_restarts_total",
  help: "Gateways that ended and whose place another took",
  labels: [],
};

/** What there is with several gateways only. */
export const GROUP_METRICS: readonly NumberMeaning[] = [GATEWAYS, RESTARTS];

export type MeasuredProcess = Pick<GatewayProcess, "index" | "isAccepting" | "ask">;

/** The part of the group that is measured. */
export interface MeasuredGroup {
  /** How many there are to be. */
  readonly size: number;
  readonly alive: readonly MeasuredProcess[];
  readonly replaced: number;
}

/** What was told in the place of one gateway. */
interface PlaceFigures {
  process: MeasuredProcess;
  last: readonly ToldFamily[];
  /** By those that were there before this one. */
  before: readonly ToldFamily[];
}

export class GroupMetrics {
  readonly #group: MeasuredGroup;
  readonly #startedAtMs: number;
  readonly #places = new Map<number, PlaceFigures>();

  /** @param startedAtMs when the leader was started, since the epoch */
  constructor(group: MeasuredGroup, startedAtMs: number) {
    this.#group = group;
    this.#startedAtMs = startedAtMs;
  }

  /** All figures, of those gateways that answer within {@link ANSWER_MAX_MS}. */
  async tell(): Promise<ToldFamily[]> {
    const asked = this.#group.alive.filter(({ isAccepting }) => isAccepting);
    const answered = new Set<MeasuredProcess>();
    await Promise.all(
      asked.map(async (process) => {
        const families = await process.ask("metrics", null, ANSWER_MAX_MS);
        if (families === null) return;
        answered.add(process);
        this.#note(process, families);
      }),
    );
    const parts = [...this.#places].map(([index, { process, last, before }]): PartMetrics => ({
      gateway: String(index),
      families: succeeded(before, answered.has(process) ? last : counted(last)),
    }));
    return combinedMetrics([
      ...parts,
      { gateway: "leader", families: this.#own(new Set(asked), answered) },
    ]);
  }

  #note(process: MeasuredProcess, families: readonly ToldFamily[]): void {
    const place = this.#places.get(process.index);
    if (place === undefined) {
      this.#places.set(process.index, { process, last: families, before: [] });
      return;
    }
    if (place.process !== process) place.before = counted(succeeded(place.before, place.last));
    place.process = process;
    place.last = families;
  }

  #own(asked: ReadonlySet<MeasuredProcess>, answered: ReadonlySet<MeasuredProcess>): ToldFamily[] {
    const { alive, size, replaced } = this.#group;
    const states = { serving: 0, silent: 0, starting: 0, gone: size - alive.length };
    for (const process of alive) {
      const wasAsked = asked.has(process) ? "silent" : "starting";
      states[answered.has(process) ? "serving" : wasAsked]++;
    }
    const memory = residentBytes(process.pid);
    return [
      tellNumbers(RESIDENT_MEMORY, memory === null ? [] : [one(memory, { process: "leader" })]),
      tellNumbers(CPU_TIME, [one(ownCpuMs() / MS_PER_S, { process: "leader" })]),
      tellNumbers(START_TIME, [one(this.#startedAtMs / MS_PER_S)]),
      tellNumbers(
        GATEWAYS,
        Object.entries(states).map(([state, count]) => one(count, { state })),
      ),
      tellNumbers(RESTARTS, [one(replaced)]),
    ];
  }
}

function one(value: number, labels: MetricSample<number>["labels"] = {}): MetricSample<number> {
  return { labels, value };
}
