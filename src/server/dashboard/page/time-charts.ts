/**
 * The last ten minutes: several plots over one axis of time, what happened to the server as marks
 * on it, and a cursor that reads any second, by pointer or by keyboard.
 */
import type { MarkSnapshot, TrafficPoint } from "../../observation/snapshot.ts";
import { setAttributes, setText, svgElement } from "./elements.ts";
import { MARK_GLYPHS } from "./marks.ts";
import { formatCount, formatMicroseconds, formatMinute, formatTime } from "./numbers.ts";
import { Plot, type PlotFrame } from "./plot.ts";
import { linearScale, logarithmicScale } from "./scales.ts";

/** A stretch of time that the charts show. */
interface Span {
  readonly ms: number;
  readonly tickMs: number;
  readonly title: string;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const SPAN: Span = { ms: 600_000, tickMs: 120_000, title: "Last ten minutes" };
/** Of a server that has just been started: ten minutes would be a line at the edge. */
const SHORT_SPANS: readonly Span[] = [
  { ms: 120_000, tickMs: 30_000, title: "Last two minutes" },
  { ms: 300_000, tickMs: 60_000, title: "Last five minutes" },
];
/** Left for the numbers of the axes, right for the values. */
const LEFT_PX = 54;
const RIGHT_PX = 106;
/** The same where there is little room. */
const NARROW_LEFT_PX = 46;
const NARROW_RIGHT_PX = 94;
const NARROW_PX = 480;
/** Above the first plot, for the glyphs of marks. */
const MARKS_PX = 16;
const TITLE_PX = 26;
const GAP_PX = 14;
const AXIS_PX = 24;
const WIDTH_MIN_PX = 240;
/** A finger, and a mouse, are not to the second. */
const MARK_REACH_MS = 4_000;
const PLATE_HEIGHT_PX = 17;
const MARKS_SHOWN_MAX = 50;
/** What is shorter is drawn as this: nobody looks for it, and the rest would have no room. */
const DURATION_MIN_US = 10;
/** Half of the room that a time at the axis takes. */
const TICK_HALF_PX = 18;

const PLOTS = [
  new Plot({
    title: "Requests a second",
    heightPx: 104,
    scaleOf: (values) => linearScale(Math.max(0, ...values), 4),
    format: formatCount,
    series: [
      { key: "requests", label: "all", shape: "area", value: ({ requests }) => requests },
      { key: "failed", label: "5xx", shape: "bars", value: ({ serverErrors }) => serverErrors },
    ],
  }),
  new Plot({
    title: "Time to answer",
    heightPx: 136,
    scaleOf: durationScale,
    format: formatMicroseconds,
    series: [
      { key: "p99", label: "p99", shape: "line", value: ({ p99Us }) => p99Us },
      { key: "p90", label: "p90", shape: "line", value: ({ p90Us }) => p90Us },
      { key: "p50", label: "p50", shape: "line", value: ({ p50Us }) => p50Us },
    ],
  }),
  new Plot({
    title: "Of that, in the queue",
    heightPx: 72,
    scaleOf: durationScale,
    format: formatMicroseconds,
    series: [{ key: "queue", label: "p99", shape: "line", value: ({ queueP99Us }) => queueP99Us }],
  }),
];

export class TimeCharts {
  readonly #parent: HTMLElement;
  readonly #svg: SVGElement;
  readonly #axis = svgElement("g");
  readonly #markLines = svgElement("g");
  readonly #cursor = svgElement("g", { hidden: "" });
  readonly #cursorLine = svgElement("line.cursor");
  readonly #cursorPlate = svgElement("rect.cursor-plate", { rx: 3, height: PLATE_HEIGHT_PX });
  readonly #cursorText = svgElement("text.cursor-time");
  #points: readonly TrafficPoint[] = [];
  #marks: readonly MarkSnapshot[] = [];
  /** The second that is pointed at; null for the last one. */
  #cursorMs: number | null = null;
  #width = 0;
  #span = SPAN;

  constructor(parent: HTMLElement) {
    this.#parent = parent;
    this.#svg = svgElement("svg", {
      tabindex: 0,
      role: "slider",
      "aria-label": "Second of the last ten minutes",
      "aria-valuemin": -SPAN.ms / SECOND_MS,
      "aria-valuemax": 0,
      "aria-valuenow": 0,
    });
    this.#cursor.append(this.#cursorLine, this.#cursorPlate, this.#cursorText);
    this.#svg.append(this.#markLines, ...PLOTS.map(({ root }) => root), this.#axis, this.#cursor);
    parent.append(this.#svg);
    this.#svg.addEventListener("pointermove", (event) => this.#point(event));
    this.#svg.addEventListener("pointerdown", (event) => this.#point(event));
    this.#svg.addEventListener("pointerleave", () => this.#moveCursor(null));
    this.#svg.addEventListener("keydown", (event) => this.#onKey(event));
    this.#svg.addEventListener("focus", () => {
      if (this.#svg.matches(":focus-visible")) this.#moveCursor(this.#lastMs);
    });
    this.#svg.addEventListener("blur", () => this.#moveCursor(null));
    new ResizeObserver(() => this.#draw()).observe(parent);
  }

  /** @param points of ten minutes at most, the oldest first */
  update(points: readonly TrafficPoint[], marks: readonly MarkSnapshot[]): void {
    this.#points = points;
    this.#marks = marks;
    const lengthMs = this.#lastMs - (points[0]?.atMs ?? this.#lastMs);
    this.#span = SHORT_SPANS.find(({ ms }) => lengthMs < ms) ?? SPAN;
    this.#draw();
  }

  /** Which stretch of time is shown. */
  get title(): string {
    return this.#span.title;
  }

  get #lastMs(): number {
    return this.#points.at(-1)?.atMs ?? Date.now();
  }

  #draw(): void {
    const width = Math.max(this.#parent.clientWidth, WIDTH_MIN_PX);
    this.#width = width;
    let top = MARKS_PX;
    for (const plot of PLOTS) {
      top += TITLE_PX;
      plot.draw(this.#points, this.#frameAt(top));
      top += plot.settings.heightPx + GAP_PX;
    }
    const bottom = top - GAP_PX;
    setAttributes(this.#svg, {
      width,
      height: bottom + AXIS_PX,
      viewBox: `0 0 ${width} ${bottom + AXIS_PX}`,
    });
    this.#drawAxis(bottom);
    this.#drawMarks(bottom);
    this.#drawCursor(bottom);
  }

  #frameAt(top: number): PlotFrame {
    const isNarrow = this.#width < NARROW_PX;
    const left = isNarrow ? NARROW_LEFT_PX : LEFT_PX;
    const right = this.#width - (isNarrow ? NARROW_RIGHT_PX : RIGHT_PX);
    const beginMs = this.#lastMs - this.#span.ms;
    const placeOf = (atMs: number): number =>
      left + ((atMs - beginMs) / this.#span.ms) * (right - left);
    return { top, left, right, placeOf };
  }

  #drawAxis(bottom: number): void {
    const { placeOf, left, right } = this.#frameAt(0);
    const beginMs = this.#lastMs - this.#span.ms;
    const isFine = this.#span.tickMs < MINUTE_MS;
    const ticks: number[] = [];
    const firstMs = Math.ceil(beginMs / this.#span.tickMs) * this.#span.tickMs;
    for (let atMs = firstMs; atMs <= this.#lastMs; atMs += this.#span.tickMs) ticks.push(atMs);
    this.#axis.replaceChildren(
      ...ticks.flatMap((atMs) => {
        const x = Math.round(placeOf(atMs)) + 0.5;
        // At the ends there is no room for half of it.
        if (x < left + 12 || x > right - 4) return [];
        const text = svgElement("text", { x, y: bottom + 17, "text-anchor": "middle" });
        setText(text, isFine ? formatTime(atMs) : formatMinute(atMs));
        return [svgElement("line.grid", { x1: x, x2: x, y1: bottom, y2: bottom + 5 }), text];
      }),
    );
  }

  #drawMarks(bottom: number): void {
    const { placeOf } = this.#frameAt(0);
    const beginMs = this.#lastMs - this.#span.ms;
    const shown = this.#marks.filter(({ atMs }) => atMs >= beginMs).slice(-MARKS_SHOWN_MAX);
    this.#markLines.replaceChildren(
      ...shown.flatMap(({ atMs, kind, text }) => {
        const x = Math.round(placeOf(Math.min(atMs, this.#lastMs))) + 0.5;
        const line = svgElement("line.mark-line", { x1: x, x2: x, y1: MARKS_PX, y2: bottom });
        const glyph = svgElement("text.mark-glyph", { x, y: MARKS_PX - 4, "data-kind": kind });
        const title = svgElement("title");
        setText(title, `${formatTime(atMs)} ${text}`);
        glyph.append(MARK_GLYPHS[kind], title);
        return [line, glyph];
      }),
    );
  }

  #drawCursor(bottom: number): void {
    const point = this.#pointAt(this.#cursorMs);
    const isPointedAt = this.#cursorMs !== null && point !== null;
    for (const plot of PLOTS) plot.read(point, isPointedAt);
    this.#cursor.toggleAttribute("hidden", !isPointedAt);
    this.#makeRoom(0, 0);
    if (!isPointedAt) return;
    const { placeOf, left } = this.#frameAt(0);
    const x = Math.round(placeOf(point.atMs)) + 0.5;
    setAttributes(this.#cursorLine, { x1: x, x2: x, y1: MARKS_PX, y2: bottom });
    const mark = this.#markNear(point.atMs);
    const text = formatTime(point.atMs) + (mark === null ? "" : `  ${mark.text}`);
    setText(this.#cursorText, text);
    const plateWidth = (this.#cursorText as SVGTextElement).getComputedTextLength() + 14;
    const plateLeft = Math.max(
      Math.min(x - plateWidth / 2, this.#width - plateWidth),
      Math.min(left - plateWidth / 2, 0),
    );
    this.#makeRoom(plateLeft, plateWidth);
    setAttributes(this.#cursorPlate, { x: plateLeft, y: bottom + 4, width: plateWidth });
    setAttributes(this.#cursorText, { x: plateLeft + plateWidth / 2, y: bottom + 16.5 });
    setAttributes(this.#svg, {
      "aria-valuenow": Math.round((point.atMs - this.#lastMs) / SECOND_MS),
      "aria-valuetext": [text, ...PLOTS.map((plot) => plot.describe(point))].join(". "),
    });
  }

  /** Times at the axis that the cursor's would touch are left out. */
  #makeRoom(left: number, width: number): void {
    for (const text of this.#axis.querySelectorAll("text")) {
      const x = Number(text.getAttribute("x"));
      const isNear = x > left - TICK_HALF_PX && x < left + width + TICK_HALF_PX;
      text.toggleAttribute("hidden", width > 0 && isNear);
    }
  }

  /** The second that is nearest; null where there is none. */
  #pointAt(atMs: number | null): TrafficPoint | null {
    const last = this.#points.at(-1) ?? null;
    if (atMs === null || last === null) return last;
    let nearest = last;
    for (const point of this.#points) {
      if (Math.abs(point.atMs - atMs) < Math.abs(nearest.atMs - atMs)) nearest = point;
    }
    return nearest;
  }

  #markNear(atMs: number): MarkSnapshot | null {
    const near = this.#marks.filter((mark) => Math.abs(mark.atMs - atMs) <= MARK_REACH_MS);
    return near.toSorted((one, other) => distance(one, atMs) - distance(other, atMs))[0] ?? null;
  }

  #point(event: Event): void {
    const { left: pageLeft } = this.#svg.getBoundingClientRect();
    const { left, right } = this.#frameAt(0);
    const share = ((event as PointerEvent).clientX - pageLeft - left) / (right - left);
    const isInside = share >= -0.02 && share <= 1.02;
    this.#moveCursor(
      isInside ? this.#lastMs - this.#span.ms * (1 - Math.min(Math.max(share, 0), 1)) : null,
    );
  }

  #onKey(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -SECOND_MS,
      ArrowDown: -SECOND_MS,
      ArrowRight: SECOND_MS,
      ArrowUp: SECOND_MS,
      PageDown: -SECOND_MS * 60,
      PageUp: SECOND_MS * 60,
      Home: -SPAN.ms,
      End: SPAN.ms,
    };
    const step = steps[event.key];
    if (event.key === "Escape") this.#moveCursor(null);
    if (step === undefined) return;
    event.preventDefault();
    const firstMs = this.#points[0]?.atMs ?? this.#lastMs;
    const moved = (this.#cursorMs ?? this.#lastMs) + step;
    this.#moveCursor(Math.min(Math.max(moved, firstMs), this.#lastMs));
  }

  #moveCursor(atMs: number | null): void {
    if (this.#cursorMs === atMs) return;
    this.#cursorMs = atMs;
    this.#draw();
  }
}

function distance({ atMs }: MarkSnapshot, otherMs: number): number {
  return Math.abs(atMs - otherMs);
}

function durationScale(values: readonly number[]): ReturnType<typeof logarithmicScale> {
  // Before there is a value: from a tenth of a millisecond to ten.
  return values.length === 0
    ? logarithmicScale(100, 10_000)
    : logarithmicScale(Math.max(Math.min(...values), DURATION_MIN_US), Math.max(...values));
}
