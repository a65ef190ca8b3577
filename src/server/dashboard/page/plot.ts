/**
 * One chart of the group: an axis with its numbers, one line for each series, and their values at
 * the right, of the last second or of the one that is pointed at.
 *
 * Knows neither marks nor the pointer. All measures are CSS pixels, so lines are as sharp as the
 * screen allows.
 */
import type { TrafficPoint } from "../../observation/snapshot.ts";
import { setAttributes, setText, svgElement } from "./elements.ts";
import { type Scale, spreadLabels } from "./scales.ts";

export interface Series {
  /** Also the class that draws it. */
  readonly key: string;
  readonly label: string;
  readonly value: (point: TrafficPoint) => number | null;
  /** `bars` stand on the axis and are there only where something happened. */
  readonly shape: "line" | "area" | "bars";
}

export interface PlotSettings {
  readonly title: string;
  readonly series: readonly Series[];
  readonly scaleOf: (values: readonly number[]) => Scale;
  readonly format: (value: number | null) => string;
  /** Of the part in which lines are. */
  readonly heightPx: number;
}

/** Where the plot lies in the drawing, and which stretch of time it shows. */
export interface PlotFrame {
  readonly top: number;
  readonly left: number;
  readonly right: number;
  readonly placeOf: (atMs: number) => number;
}

const LABEL_GAP_PX = 14;
/** Numbers of an axis are not nearer to each other. */
const TICK_GAP_MIN_PX = 17;
/** Room between the lines and what is written at the right of them. */
const LABEL_LEFT_PX = 30;
const KEY_LEFT_PX = 8;
const KEY_LENGTH_PX = 16;
/** From the baseline of a text to its middle. */
const TEXT_MIDDLE_PX = 4;
/** A second with one error among thousands is to be seen. */
const BAR_MIN_PX = 4;
/** Seconds further apart than this have a gap between them. */
const GAP_MS = 2_500;

interface DrawnSeries {
  readonly series: Series;
  readonly path: SVGElement;
  readonly area: SVGElement | null;
  readonly key: SVGElement;
  readonly label: SVGElement;
  readonly name: SVGElement;
  readonly number: SVGElement;
  readonly dot: SVGElement;
}

export class Plot {
  readonly root = svgElement("g");
  readonly settings: PlotSettings;
  readonly #title: SVGElement;
  readonly #grid = svgElement("g");
  readonly #drawn: readonly DrawnSeries[];
  #scale: Scale;
  #frame: PlotFrame | null = null;

  constructor(settings: PlotSettings) {
    this.settings = settings;
    this.#scale = settings.scaleOf([]);
    this.#title = svgElement("text.plot-title");
    setText(this.#title, settings.title);
    this.#drawn = settings.series.map(drawSeries);
    this.root.append(this.#title, this.#grid);
    for (const { area, path } of this.#drawn) this.root.append(...(area ? [area] : []), path);
    for (const { key, label, dot } of this.#drawn) this.root.append(key, label, dot);
  }

  /** @param points those that are within the frame's time, the oldest first */
  draw(points: readonly TrafficPoint[], frame: PlotFrame): void {
    this.#frame = frame;
    const values = this.settings.series.flatMap(({ value, shape }) =>
      points.flatMap((point) => (shape === "bars" ? [] : (value(point) ?? []))),
    );
    this.#scale = this.settings.scaleOf(values);
    this.#drawGrid(frame);
    for (const drawn of this.#drawn) this.#drawLine(drawn, points, frame);
  }

  /**
   * The values at the right.
   *
   * @param isPointedAt whether a dot is drawn on each line
   */
  read(point: TrafficPoint | null, isPointedAt: boolean): void {
    const frame = this.#frame;
    if (frame === null) return;
    const bottom = frame.top + this.settings.heightPx;
    const places = this.#drawn.map(({ series }) => {
      const value = point === null ? null : series.value(point);
      return value === null ? bottom : this.#heightOf(value, frame);
    });
    const spread = spreadLabels(places, LABEL_GAP_PX, frame.top + TEXT_MIDDLE_PX, bottom);
    this.#drawn.forEach(({ series, key, label, number, dot }, index) => {
      const y = spread[index] ?? bottom;
      const value = point === null ? null : series.value(point);
      const keyLeft = frame.right + KEY_LEFT_PX;
      setAttributes(key, { x1: keyLeft, x2: keyLeft + KEY_LENGTH_PX, y1: y, y2: y });
      setAttributes(label, { x: frame.right + LABEL_LEFT_PX, y: y + TEXT_MIDDLE_PX });
      setText(number, this.settings.format(value));
      const isDotted = isPointedAt && point !== null && value !== null && series.shape !== "bars";
      dot.toggleAttribute("hidden", !isDotted);
      if (isDotted) setAttributes(dot, { cx: frame.placeOf(point.atMs), cy: places[index] ?? 0 });
    });
  }

  /** For somebody who cannot see it. */
  describe(point: TrafficPoint): string {
    const { format, title } = this.settings;
    const values = this.settings.series.map(({ label, value }) => {
      return `${label} ${format(value(point))}`;
    });
    return `${title}: ${values.join(", ")}`;
  }

  #heightOf(value: number, { top }: PlotFrame): number {
    return round(top + (1 - this.#scale.place(value)) * this.settings.heightPx);
  }

  #drawGrid(frame: PlotFrame): void {
    const { format } = this.settings;
    setAttributes(this.#title, { x: 0, y: frame.top - 10 });
    const wanted = this.#scale.ticks.length * 2;
    while (this.#grid.childElementCount < wanted) {
      this.#grid.append(svgElement("line.grid"), svgElement("text", { "text-anchor": "end" }));
    }
    while (this.#grid.childElementCount > wanted) this.#grid.lastElementChild?.remove();
    const gapPx = this.settings.heightPx / Math.max(this.#scale.ticks.length - 1, 1);
    const stride = Math.ceil(TICK_GAP_MIN_PX / gapPx);
    this.#scale.ticks.forEach((tick, index) => {
      const y = Math.round(this.#heightOf(tick, frame)) + 0.5;
      const [line, text] = [this.#grid.children[index * 2], this.#grid.children[index * 2 + 1]];
      if (line === undefined || text === undefined) return;
      setAttributes(line, { x1: frame.left, x2: frame.right, y1: y, y2: y });
      setAttributes(text, { x: frame.left - 8, y: y + TEXT_MIDDLE_PX });
      setText(text, index % stride === 0 ? format(tick) : "");
    });
  }

  #drawLine(drawn: DrawnSeries, points: readonly TrafficPoint[], frame: PlotFrame): void {
    const { series, path, area } = drawn;
    const bottom = frame.top + this.settings.heightPx;
    if (series.shape === "bars") {
      setAttributes(path, { d: this.#bars(series, points, frame) });
      return;
    }
    const stretches = stretchesOf(series, points).map((stretch) =>
      stretch.map(
        ([atMs, value]) => `${round(frame.placeOf(atMs))} ${this.#heightOf(value, frame)}`,
      ),
    );
    // A lone second is a dot: a line that goes nowhere, with round ends.
    const lines = stretches.map(
      (places) => `M${places.join("L")}${places.length > 1 ? "" : "h.01"}`,
    );
    setAttributes(path, { d: lines.join("") });
    if (area === null) return;
    const areas = stretches.map((places) => {
      const left = places[0]?.split(" ", 1)[0];
      const right = places.at(-1)?.split(" ", 1)[0];
      return `M${left} ${bottom}L${places.join("L")}L${right} ${bottom}Z`;
    });
    setAttributes(area, { d: areas.join("") });
  }

  #bars(series: Series, points: readonly TrafficPoint[], frame: PlotFrame): string {
    const bottom = frame.top + this.settings.heightPx;
    const bars = points.flatMap((point) => {
      const value = series.value(point) ?? 0;
      if (value === 0) return [];
      const top = Math.min(this.#heightOf(value, frame), bottom - BAR_MIN_PX);
      return [`M${round(frame.placeOf(point.atMs))} ${bottom}V${top}`];
    });
    return bars.join("");
  }
}

function drawSeries(series: Series): DrawnSeries {
  const kind = series.shape === "bars" ? "bars" : "line";
  const path = svgElement(`path.${kind}.${series.key}`);
  const key = svgElement(`line.key.${kind}.${series.key}`);
  const label = svgElement("text.series-label");
  const name = svgElement("tspan.name");
  const number = svgElement("tspan");
  setText(name, `${series.label} `);
  label.append(name, number);
  const area = series.shape === "area" ? svgElement("path.area") : null;
  const dot = svgElement("circle.cursor-dot", { r: 3, hidden: "" });
  return { series, path, area, key, label, name, number, dot };
}

/** The stretches of time in which there are values. */
function stretchesOf(
  { value }: Series,
  points: readonly TrafficPoint[],
): (readonly [atMs: number, value: number])[][] {
  const stretches: (readonly [number, number])[][] = [];
  let lastMs = -Infinity;
  for (const point of points) {
    const found = value(point);
    if (found === null) continue;
    if (point.atMs - lastMs > GAP_MS) stretches.push([]);
    stretches.at(-1)?.push([point.atMs, found]);
    lastMs = point.atMs;
  }
  return stretches;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
