/**
 * Measures how long a request head takes to be parsed, in one thread and without any socket: heads
 * of 4, 12 and 40 fields, by our receiver and by llhttp as `node:http` uses it.
 *
 *     node bench/parse-head.ts
 *
 * A head is "repeated" when its header section is byte for byte that of the request before; a "new"
 * one differs from it in the last byte of its last field, so that the comparison is paid for too.
 * llhttp remembers nothing, so that one figure stands for both; it is measured with new heads.
 *
 * Each parser has its round in turn, so that what disturbs the machine disturbs all; a figure is
 * the median of the rounds, and behind it stands the best one.
 */
import os from "node:os";
import { llhttp, nodeHttp, type ParseHead, portico } from "./http-parsers.ts";
import { fieldsOf, headOf } from "./request-heads.ts";
import { median } from "./summary.ts";

const WARM_UP_ROUNDS = 2;
const ROUNDS = 11;
const HEADS_PER_ROUND = 40_000;

/**
 * Nanoseconds a head, in one round. Heads that differ are copied one after the other into the same
 * memory, as `recv` does, and the copying is counted.
 */
function measure(parse: ParseHead, memory: Buffer, heads: readonly Buffer[]): number {
  heads[0]?.copy(memory);
  const begin = process.hrtime.bigint();
  for (let index = 0; index < HEADS_PER_ROUND; index++) {
    const head = heads[index % heads.length] ?? memory;
    if (heads.length > 1) head.copy(memory);
    parse(memory, head.length);
  }
  return Number(process.hrtime.bigint() - begin) / HEADS_PER_ROUND;
}

interface Column {
  readonly title: string;
  readonly parse: ParseHead;
  readonly heads: readonly Buffer[];
  readonly rounds: number[];
}

/** One row of the table: a parser a column, each with a connection of its own. */
function row(count: number): Record<string, string | number> {
  const fields = fieldsOf(count);
  const heads = [headOf(fields, "a"), headOf(fields, "b")];
  const columns: Column[] = [
    { title: "new", parse: portico(), heads, rounds: [] },
    { title: "repeated", parse: portico(), heads: heads.slice(0, 1), rounds: [] },
    { title: "llhttp, rawHeaders", parse: llhttp(), heads, rounds: [] },
    { title: "node:http, headers", parse: nodeHttp(), heads, rounds: [] },
  ];
  const memory = Buffer.alloc(65_536);
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const { parse, heads: own, rounds } of columns) {
      const figure = measure(parse, memory, own);
      if (round >= 0) rounds.push(figure);
    }
  }
  const figures = columns.map(({ title, rounds }) => [
    `${title} (ns)`,
    `${Math.round(median(rounds))} (best ${Math.round(Math.min(...rounds))})`,
  ]);
  return { fields: count, bytes: heads[0]?.length ?? 0, ...Object.fromEntries(figures) };
}

console.log(`Node.js ${process.version}, ${os.cpus()[0]?.model ?? "unknown processor"}`);
console.table([4, 12, 40].map(row));
