/** Changes bytes a little, in ways that a grammar does not know. */
import type { Dice } from "./dice.ts";

/** Bytes that end something, and those beside them. */
const BYTES = [...Buffer.from('\0\t\n\r !"#%*,/09:;=?@AFZ[\\]_afgz\x7f\x80\xff', "latin1")];

/** What stands between bytes in HTTP, and what one program might read differently from another. */
export const DICTIONARY: readonly string[] = [
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "\r",
  "\n",
  "0\r\n\r\n",
  " HTTP/1.1\r\n",
  " HTTP/1.0\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "HEAD ",
  "CONNECT a:1",
  "OPTIONS *",
  "http://a",
  "Host: a\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Expect: 100-continue\r\n",
  "chunked",
  ", ",
  ";a=b",
  '"',
  "\\",
  "[::1]",
  ":65535",
  "%00",
  "ffffffffffffff",
  "9007199254740991",
  "9007199254740992",
];

const STEPS_MAX = 4;
const REPEAT_MAX = 12;
/** Inputs do not grow beyond it. */
export const INPUT_MAX_BYTES = 16_384;

type Mutation = (dice: Dice, bytes: Buffer, other: Buffer) => Buffer;

function replaced(bytes: Buffer, start: number, end: number, by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);
}

/** A place, and one behind it, mostly close. */
function range(dice: Dice, bytes: Buffer): [number, number] {
  const start = dice.below(bytes.length + 1);
  const length = dice.chance(0.7) ? dice.between(1, 4) : dice.below(bytes.length + 1);
  return [start, Math.min(bytes.length, start + length)];
}

const MUTATIONS: readonly Mutation[] = [
  // One byte becomes another.
  (dice, bytes) => {
    const at = dice.below(bytes.length);
    return replaced(bytes, at, at + 1, Buffer.of(dice.pick(BYTES)));
  },
  // One bit is flipped.
  (dice, bytes) => {
    const at = dice.below(bytes.length);
    return replaced(bytes, at, at + 1, Buffer.of((bytes[at] ?? 0) ^ (1 << dice.below(8))));
  },
  // A byte comes in.
  (dice, bytes) => {
    const at = dice.below(bytes.length + 1);
    return replaced(
      bytes,
      at,
      at,
      Buffer.of(dice.chance(0.7) ? dice.pick(BYTES) : dice.below(256)),
    );
  },
  // Some bytes go.
  (dice, bytes) => replaced(bytes, ...range(dice, bytes), Buffer.alloc(0)),
  // Some bytes stand there again, perhaps many times.
  (dice, bytes) => {
    const [start, end] = range(dice, bytes);
    const times = dice.chance(0.1) ? dice.between(20, 200) : dice.between(1, REPEAT_MAX);
    const copies = Buffer.concat(dice.many(times, () => bytes.subarray(start, end)));
    return replaced(bytes, end, end, copies);
  },
  // Something that means a lot comes in, or stands in the place of something else.
  (dice, bytes) => {
    const [start, end] = range(dice, bytes);
    const word = Buffer.from(dice.pick(DICTIONARY), "latin1");
    return replaced(bytes, start, dice.chance(0.5) ? start : end, word);
  },
  // A part of another input comes in.
  (dice, bytes, other) => {
    const at = dice.below(bytes.length + 1);
    return replaced(bytes, at, at, other.subarray(...range(dice, other)));
  },
  // The beginning of one and the end of another.
  (dice, bytes, other) =>
    Buffer.concat([
      bytes.subarray(0, dice.below(bytes.length + 1)),
      other.subarray(dice.below(other.length + 1)),
    ]),
  // A line changes its place.
  (dice, bytes) => {
    const lines = bytes.toString("latin1").split(/(?<=\n)/);
    const [line = ""] = lines.splice(dice.below(lines.length), 1);
    lines.splice(dice.below(lines.length + 1), 0, line);
    return Buffer.from(lines.join(""), "latin1");
  },
  // A number changes.
  (dice, bytes) => {
    const text = bytes.toString("latin1");
    const numbers = [...text.matchAll(/[0-9a-f]+/gi)];
    if (numbers.length === 0) return bytes;
    const { index, 0: digits } = dice.pick(numbers);
    const number = String(Number.parseInt(digits, 16) + dice.between(-2, 2));
    return replaced(bytes, index, index + digits.length, Buffer.from(number));
  },
  // The end is missing.
  (dice, bytes) => bytes.subarray(0, dice.below(bytes.length + 1)),
];

/** @param other something that parts are taken from */
export function mutate(dice: Dice, bytes: Buffer, other: Buffer): Buffer {
  let changed = bytes;
  const steps = dice.between(1, STEPS_MAX);
  for (let step = 0; step < steps; step++) {
    if (changed.length === 0) return Buffer.from(dice.pick(DICTIONARY), "latin1");
    changed = dice.pick(MUTATIONS)(dice, changed, other);
  }
  return changed.subarray(0, INPUT_MAX_BYTES);
}
