/**
 * Draws results as an SVG: CPU time of a request by work and server, as horizontal bars.
 *
 * Pure: results in, text out. The picture needs nothing from outside, follows the reader's light or
 * dark theme, and says its figures as text, so that nothing hangs on colours.
 */
import { formatFigure } from "./metrics.ts";
import type { Results, WorkResult } from "./report.ts";

/** The works of the picture, in its order. */
export const CHARTED_WORKS: readonly string[] = ["hello", "flask", "django", "pyramid"];

const METRIC = "cpuUsPerRequest";
const WIDTH = 760;
const MARGIN = 24;
const NAME_WIDTH = 140;
const FIGURE_WIDTH = 80;
const BAR_HEIGHT = 16;
const BAR_STEP = 22;
const TITLE_HEIGHT = 102;
const GROUP_TITLE_HEIGHT = 30;
const GROUP_GAP = 16;
const BARS_LEFT = MARGIN + NAME_WIDTH;
const BARS_WIDTH = WIDTH - BARS_LEFT - FIGURE_WIDTH - MARGIN;

const STYLE = `
    .ground { fill: #ffffff; }
    text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
    .title { font-size: 18px; font-weight: 600; }
    .group { font-size: 15px; font-weight: 600; }
    .note { fill: #59636e; font-size: 12px; }
    .name { text-anchor: end; }
    .bar { fill: #9aa7b4; }
    .ours { fill: #1a7f5a; }
    .ours-text { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; }
      text { fill: #e6edf3; }
      .note { fill: #9198a1; }
      .bar { fill: #57616d; }
      .ours { fill: #3fb58b; }
    }
  `;

interface Bar {
  readonly server: string;
  readonly isOurs: boolean;
  readonly value: number;
}

interface Group {
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** Whether everything that belongs into the picture was measured. */
export function canBeCharted(works: readonly Pick<WorkResult, "name" | "summaries">[]): boolean {
  return groupsOf(works).length === CHARTED_WORKS.length;
}

/** @returns the text of an SVG file; works that were not measured are not in it */
export function chart(results: Pick<Results, "time" | "machine" | "works">): string {
  const groups = groupsOf(results.works);
  let top = TITLE_HEIGHT;
  const drawn = groups.map((group) => {
    const text = drawGroup(group, top);
    top += GROUP_TITLE_HEIGHT + group.bars.length * BAR_STEP + GROUP_GAP;
    return text;
  });
  const { commit, cpu, kernel, node } = results.machine;
  const notes = [
    "User and system time of all processes of a server, best round. Shorter is better. " +
      "Each group has its own scale.",
    `Commit ${commit}, ${results.time.slice(0, 10)}, Node.js ${node}`,
    `${cpu}, ${kernel}`,
  ];
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" ` +
      `aria-label="${escape(describe(groups))}">`,
    `  <style>${STYLE}</style>`,
    `  <rect class="ground" width="${WIDTH}" height="${top}" rx="8"/>`,
    `  <text class="title" x="${MARGIN}" y="32">CPU time of a request, in microseconds</text>`,
    ...notes.map(
      (note, index) =>
        `  <text class="note" x="${MARGIN}" y="${52 + 18 * index}">${escape(note)}</text>`,
    ),
    ...drawn,
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

function groupsOf(works: readonly Pick<WorkResult, "name" | "summaries">[]): Group[] {
  return CHARTED_WORKS.flatMap((name) => {
    const summaries = works.find((work) => work.name === name)?.summaries ?? [];
    const bars = summaries.flatMap(({ entrant, server, best: { [METRIC]: value } }) =>
      value === undefined ? [] : [{ server: entrant, isOurs: server === "portico", value }],
    );
    return bars.length === 0 ? [] : [{ name, bars }];
  });
}

function drawGroup({ name, bars }: Group, top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ server, isOurs, value }, index) => {
    const y = top + GROUP_TITLE_HEIGHT + index * BAR_STEP;
    const baseline = y + 13;
    const width = Math.max((value / longest) * BARS_WIDTH, 1).toFixed(1);
    const mark = isOurs ? " ours-text" : "";
    return [
      `  <text class="name${mark}" x="${BARS_LEFT - 8}" y="${baseline}">${escape(server)}</text>`,
      `  <rect class="bar${isOurs ? " ours" : ""}" x="${BARS_LEFT}" y="${y}" ` +
        `width="${width}" height="${BAR_HEIGHT}" rx="2"/>`,
      `  <text class="figure${mark}" x="${(BARS_LEFT + Number(width) + 8).toFixed(1)}" ` +
        `y="${baseline}">${figureOf(value)}</text>`,
    ].join("\n");
  });
  const title = `<text class="group" x="${MARGIN}" y="${top + 18}">${titleOf(name)}</text>`;
  return [`  ${title}`, ...rows].join("\n");
}

function titleOf(work: string): string {
  if (work === "hello") return "Bare WSGI";
  return `${work[0]?.toUpperCase() ?? ""}${work.slice(1)}`;
}

function figureOf(value: number): string {
  return `${formatFigure(METRIC, value)} µs`;
}

/** The picture in words, for those who do not see it. */
function describe(groups: readonly Group[]): string {
  const said = groups.map(({ name, bars }) => {
    const figures = bars.map(({ server, value }) => `${server} ${figureOf(value)}`);
    return `${titleOf(name)}: ${figures.join(", ")}`;
  });
  return `CPU time of a request. ${said.join(". ")}.`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
