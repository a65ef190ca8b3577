/**
 * Decides which goals were met, from the best round of each entrant: what else the machine does can
 * only make a figure worse. The medians are named beside it.
 *
 * Pure. Must not know how a figure was taken.
 */
import { formatFigure, isWithin, type Metric, METRICS } from "./metrics.ts";
import type { Summary } from "./summary.ts";

/** In place of an entrant's name: the best of all servers but Portico. */
export const EVERY_PEER = "every peer";

/**
 * The limit, in the metric's unit; or what makes a limit of a peer's figure. The peer is an entrant
 * or {@link EVERY_PEER}.
 */
export type Bound =
  | { readonly kind: "limit"; readonly limit: number }
  | { readonly kind: "times"; readonly times: number; readonly peer: string }
  | { readonly kind: "plus"; readonly plus: number; readonly peer: string };

export interface Goal {
  readonly metric: Metric;
  readonly bound: Bound;
  /** The entrant that is to reach it. */
  readonly entrant: string;
  /** It cannot be reached once the CPUs are full: then the goal is open, not missed. */
  readonly isOpenWhenBusy: boolean;
}

/** A goal of Portico itself that is met or missed, apart from what is chosen. */
export function goal(
  metric: Metric,
  bound: Bound,
  choices: Partial<Pick<Goal, "entrant" | "isOpenWhenBusy">> = {},
): Goal {
  return { metric, bound, entrant: "portico", isOpenWhenBusy: false, ...choices };
}

export function times(factor: number, peer: string): Bound {
  return { kind: "times", times: factor, peer };
}

/** From here on the CPUs are taken for full: the rest is what a scheduler leaves lying. */
export const BUSY_PERCENT = 95;

export type Outcome = "met" | "missed" | "open";

export interface Verdict {
  readonly outcome: Outcome;
  readonly metric: Metric;
  readonly entrant: string;
  /** Whose figure the limit came from; null where there is no peer. */
  readonly peer: string | null;
  readonly figure: number;
  readonly limit: number;
  /** All of it, to be printed. */
  readonly sentence: string;
}

/** One verdict for each goal for which figures are there. */
export function judge(goals: readonly Goal[], summaries: readonly Summary[]): Verdict[] {
  return goals.flatMap((one) => judgeOne(one, summaries) ?? []);
}

function judgeOne(one: Goal, summaries: readonly Summary[]): Verdict | null {
  const { metric, entrant } = one;
  const ours = summaries.find((summary) => summary.entrant === entrant);
  const figure = ours?.best[metric];
  const limit = limitOf(one, summaries, "best");
  if (ours === undefined || figure === undefined || limit === null) return null;
  const busy = ours.median.machineBusyPercent ?? 0;
  const isExcused = one.isOpenWhenBusy && busy >= BUSY_PERCENT;
  const missed = isExcused ? "open" : "missed";
  const outcome = isWithin(metric, figure, limit.figure) ? "met" : missed;
  const excuse = outcome === "open" ? ` The CPUs were full (${busy.toFixed(0)} %).` : "";
  const compared =
    limit.peer === null
      ? ""
      : `, ${comparison(one, figure, limit.theirs)} ${limit.peer}'s ` +
        formatFigure(metric, limit.theirs);
  return {
    outcome,
    metric,
    entrant,
    peer: limit.peer,
    figure,
    limit: limit.figure,
    sentence:
      `Goal ${outcome}: ${METRICS[metric].heading}: ${entrant} ${formatFigure(metric, figure)}` +
      `${compared}${medianNote(one, ours, summaries)}; wanted: ${wanted(one)}.${excuse}`,
  };
}

interface Limit {
  readonly figure: number;
  readonly peer: string | null;
  /** The peer's figure; NaN where there is no peer. */
  readonly theirs: number;
}

/** @returns null where no such peer was measured */
function limitOf(
  { metric, bound }: Goal,
  summaries: readonly Summary[],
  reading: "best" | "median",
): Limit | null {
  if (bound.kind === "limit") return { figure: bound.limit, peer: null, theirs: Number.NaN };
  const peers = summaries.filter(({ entrant, server }) =>
    bound.peer === EVERY_PEER ? server !== "portico" : entrant === bound.peer,
  );
  const [best] = peers
    .flatMap(({ entrant, [reading]: { [metric]: theirs } }) =>
      theirs === undefined ? [] : [{ peer: entrant, theirs }],
    )
    .toSorted((a, b) => (isWithin(metric, a.theirs, b.theirs) ? -1 : 1));
  if (best === undefined) return null;
  const { theirs } = best;
  return { ...best, figure: bound.kind === "times" ? bound.times * theirs : theirs + bound.plus };
}

/** How ours stands to theirs, so that the peer's name may follow. */
function comparison({ metric, bound }: Goal, ours: number, theirs: number): string {
  if (bound.kind === "times") return `${(ours / theirs).toFixed(2)} x`;
  const more = ours >= theirs ? "more" : "less";
  return `${formatFigure(metric, Math.abs(ours - theirs))} ${more} than`;
}

function medianNote(one: Goal, ours: Summary, summaries: readonly Summary[]): string {
  const figure = ours.median[one.metric];
  const limit = limitOf(one, summaries, "median");
  if (figure === undefined || limit === null) return "";
  const said =
    limit.peer === null
      ? formatFigure(one.metric, figure)
      : `${comparison(one, figure, limit.theirs)} ${limit.peer}'s`;
  return ` (medians: ${said})`;
}

function wanted({ metric, bound }: Goal): string {
  const most = METRICS[metric].better === "lower" ? "at most" : "at least";
  switch (bound.kind) {
    case "limit":
      return `${most} ${formatFigure(metric, bound.limit)}`;
    case "times":
      return `${most} ${bound.times} x`;
    case "plus":
      return `${most} ${formatFigure(metric, bound.plus)} more`;
    default:
      return bound satisfies never;
  }
}
