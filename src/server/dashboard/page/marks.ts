/**
 * What happened to the server: a glyph for each kind, in the charts and in the list.
 */
import type { MarkSnapshot } from "../../observation/snapshot.ts";
import { element, setText } from "./elements.ts";
import { KeyedRows, type Row } from "./keyed-rows.ts";
import { formatTime } from "./numbers.ts";

export const MARK_GLYPHS: Readonly<Record<MarkSnapshot["kind"], string>> = {
  started: "▲",
  reload: "◆",
  rollback: "◀",
  "reload-failed": "✕",
  scale: "↕",
  "worker-lost": "▼",
  "gateway-lost": "▽",
};

/** The list of marks, the newest first. */
export class MarkList {
  readonly #rows: KeyedRows<MarkSnapshot>;

  constructor(parent: HTMLElement) {
    this.#rows = new KeyedRows(parent, keyOf, makeRow);
  }

  update(marks: readonly MarkSnapshot[]): void {
    this.#rows.update(marks.toReversed());
  }
}

function keyOf({ atMs, kind, text }: MarkSnapshot): string {
  return `${atMs} ${kind} ${text}`;
}

function makeRow(): Row<MarkSnapshot> {
  const [time, glyph, text] = [element("time"), element("span.glyph"), element("span.text")];
  glyph.ariaHidden = "true";
  return {
    root: element("li", time, glyph, text),
    update(mark) {
      setText(time, formatTime(mark.atMs));
      setText(glyph, MARK_GLYPHS[mark.kind]);
      setText(text, mark.text);
    },
  };
}
