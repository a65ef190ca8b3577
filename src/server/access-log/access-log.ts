/**
 * The access log: a line for each exchange, in a form that was chosen at the start, to a place that
 * can be opened anew.
 *
 * Owns that a record becomes a line only while somebody can read it, and what is said where the
 * file cannot be opened anew. Must not know connections.
 */
import type { Log } from "../../base/log.ts";
import type { LogFile } from "../../os/log-output.ts";
import type { AccessRecord } from "./access-record.ts";
import type { GatheredLines } from "./gathered-lines.ts";
import type { LineFormat } from "./line-format.ts";

export class AccessLog {
  /** Whether records are asked for fields of the answer, whose heads then have to be kept. */
  readonly readsResponseFields: boolean;
  readonly #write: LineFormat["write"];
  readonly #lines: GatheredLines;
  readonly #log: Log;
  #file: LogFile | null;

  /** @param file where it goes, if that is one that can be opened anew */
  constructor(format: LineFormat, lines: GatheredLines, file: LogFile | null, log: Log) {
    this.readsResponseFields = format.readsResponseFields;
    this.#write = format.write;
    this.#lines = lines;
    this.#file = file;
    this.#log = log;
  }

  /** Whether it can be opened anew. */
  get isFile(): boolean {
    return this.#file !== null;
  }

  /** Has a line of it. Not of a health answer: a probe comes every second, and says nothing. */
  add(record: AccessRecord): void {
    const lines = this.#lines;
    if (lines.isReaderGone) return;
    this.#write(record, lines.beginLine());
    lines.endLine();
  }

  /** To the user whom the program becomes, so that the file can be opened anew. */
  giveTo({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
    this.#file?.giveTo(uid, gid);
  }

  /** USR1: the file was moved away, and a new one is to be made in its place. */
  reopen(): void {
    const earlier = this.#file;
    if (earlier === null) return;
    try {
      const file = earlier.reopened();
      this.#file = file;
      this.#lines.replaceOutput(file, () => earlier.close());
      this.#log.info("the access log was opened anew");
    } catch (error) {
      this.#log.warn("the access log cannot be opened anew, so the old file goes on", {
        cause: (error as NodeJS.ErrnoException).code ?? String(error),
      });
    }
  }

  /** The process ends, whatever for: what is left is written. */
  end(): void {
    this.#lines.end();
  }
}
