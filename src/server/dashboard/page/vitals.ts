/**
 * The figures of this moment: what an operator looks at first.
 */
import type { Snapshot } from "../../observation/snapshot.ts";
import { byId, element, setText } from "./elements.ts";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatMicroseconds,
  formatShare,
  UNKNOWN,
} from "./numbers.ts";

interface Figure {
  readonly label: string;
  readonly value: (snapshot: Snapshot) => string;
  /** A line below it. */
  readonly aside: (snapshot: Snapshot) => string;
  readonly isAlarming?: (snapshot: Snapshot) => boolean;
}

/** A server that is so near to its limit will be there soon. */
const DESCRIPTORS_ALARM_SHARE = 0.9;

const FIGURES: readonly Figure[] = [
  {
    label: "Requests a second",
    value: ({ latest }) => formatCount(latest?.requests ?? null),
    aside: ({ latest }) => (latest === null ? "" : `${formatBytes(latest.sentBytes)} sent`),
  },
  {
    label: "Failed a second",
    value: ({ latest }) => formatCount(latest?.serverErrors ?? null),
    aside: ({ latest }) =>
      latest === null ? "" : `5xx, and ${formatCount(latest.clientErrors)} of 4xx`,
    isAlarming: ({ latest }) => (latest?.serverErrors ?? 0) > 0,
  },
  {
    label: "Time to answer",
    value: ({ latest }) => formatMicroseconds(latest?.p50Us ?? null),
    aside: () => "median",
  },
  {
    label: "Slowest hundredth",
    value: ({ latest }) => formatMicroseconds(latest?.p99Us ?? null),
    aside: ({ latest }) => `p90 ${formatMicroseconds(latest?.p90Us ?? null)}`,
  },
  {
    label: "Waiting",
    value: ({ status }) => formatCount(status.queue.waiting),
    aside: ({ status }) =>
      status.queue.waiting === 0
        ? "for a worker"
        : `the oldest for ${formatAge(status.queue.oldestMs)}`,
  },
  {
    label: "Workers busy",
    value: ({ processes }) => formatCount(processes.filter(({ busy }) => busy.length > 0).length),
    aside: ({ processes }) => {
      const workers = processes.filter(({ kind }) => kind === "worker").length;
      const cpu = processes.reduce((sum, { cpuShare }) => sum + (cpuShare ?? 0), 0);
      return `of ${formatCount(workers)} · CPU ${formatShare(cpu)}`;
    },
  },
  {
    label: "Connections",
    value: ({ connections }) => formatCount(connections.open),
    aside: ({ connections }) => `${formatCount(connections.byPhase["idle"] ?? 0)} idle`,
  },
  {
    label: "Descriptors",
    value: ({ descriptors }) => formatCount(descriptors.used),
    aside: ({ descriptors: { limit } }) => (limit === null ? "" : `of ${formatCount(limit)}`),
    isAlarming: ({ descriptors: { used, limit } }) =>
      used !== null && limit !== null && used > limit * DESCRIPTORS_ALARM_SHARE,
  },
];

interface DrawnFigure {
  readonly figure: Figure;
  readonly root: HTMLElement;
  readonly number: HTMLElement;
  readonly unit: HTMLElement;
  readonly aside: HTMLElement;
}

export class Vitals {
  readonly #drawn: readonly DrawnFigure[];

  constructor() {
    this.#drawn = FIGURES.map((figure) => {
      const [number, unit] = [element("span", UNKNOWN), element("span.unit")];
      const aside = element("dd.aside-text");
      const value = element("dd.value", number, unit);
      const root = element("div.vital", element("dt", figure.label), value, aside);
      return { figure, root, number, unit, aside };
    });
    byId("vitals").append(...this.#drawn.map(({ root }) => root));
  }

  update(snapshot: Snapshot): void {
    for (const { figure, root, number, unit, aside } of this.#drawn) {
      // The unit is smaller than its number: `2.1` `ms`.
      const [value = "", ...units] = figure.value(snapshot).split("\u00a0");
      setText(number, value);
      setText(unit, units.join("\u00a0"));
      setText(aside, figure.aside(snapshot));
      root.dataset["alarm"] = String(figure.isAlarming?.(snapshot) ?? false);
    }
  }
}
