/**
 * Writes Python's `marshal` format, the little of it that the worker protocol uses. Every type code
 * written here is read alike by CPython 3.9 to 3.14. There is no reader on purpose: marshal travels
 * to workers only.
 *
 * Owns a growing buffer. Knows nothing of HTTP or of sockets.
 */
import { invariant } from "../base/errors.ts";

const TYPE_NONE = 0x4e; // N
const TYPE_INT = 0x69; // i: signed 32 bit
const TYPE_LONG = 0x6c; // l: digits of 15 bit, the lowest first
const TYPE_BYTES = 0x73; // s
const TYPE_SHORT_ASCII = 0x7a; // z: at most 255 characters
const TYPE_SHORT_ASCII_INTERNED = 0x5a; // Z
const TYPE_ASCII = 0x61; // a
const TYPE_UNICODE = 0x75; // u: UTF-8
const TYPE_SMALL_TUPLE = 0x29; // )
const TYPE_LIST = 0x5b; // [
const TYPE_DICT = 0x7b; // {
const TYPE_NULL = 0x30; // 0: ends a dict

/**
 * Most bytes that one UTF-16 code unit of a string can take, and the most that any fixed part
 * takes.
 */
const UTF8_BYTES_PER_CHARACTER_MAX = 3;
const FIXED_BYTES_MAX = 5;
const INT_MAX = 0x7fff_ffff;
const LONG_DIGIT_BASE = 2 ** 15;
/** 53 bits in digits of 15. */
const LONG_DIGITS_MAX = 4;

/**
 * Encodes a string that CPython keeps for ever once it has read it (it is interned). Only for names
 * from a fixed list: an interned string that a client chose would be a leak that the client
 * controls.
 *
 * @param name ASCII, at most 255 characters
 */
export function encodeInternedString(name: string): Buffer {
  invariant(/^[\x20-\x7e]{1,255}$/.test(name), "an interned string is short printable ASCII");
  const bytes = Buffer.alloc(2 + name.length);
  bytes[0] = TYPE_SHORT_ASCII_INTERNED;
  bytes[1] = name.length;
  bytes.write(name, 2, "latin1");
  return bytes;
}

export class MarshalWriter {
  /** What was written: `bytes[0..length)`. A new buffer takes its place when it grows. */
  bytes: Buffer;
  length = 0;

  constructor(capacityBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** Leaves `count` bytes to be filled in later, and returns where they begin. */
  skip(count: number): number {
    this.#reserve(count);
    const at = this.length;
    this.length += count;
    return at;
  }

  none(): void {
    this.#reserve(1);
    this.bytes[this.length++] = TYPE_NONE;
  }

  /** @param value from -2^31 to 2^53 - 1 */
  int(value: number): void {
    if (value > INT_MAX) {
      this.#long(value);
      return;
    }
    this.#reserve(FIXED_BYTES_MAX);
    this.bytes[this.length] = TYPE_INT;
    this.bytes.writeInt32LE(value, this.length + 1);
    this.length += 5;
  }

  /** Begins a tuple of `count` elements, at most 255, which the caller writes next. */
  tuple(count: number): void {
    this.#reserve(2);
    this.bytes[this.length] = TYPE_SMALL_TUPLE;
    this.bytes[this.length + 1] = count;
    this.length += 2;
  }

  /** Begins a list of `count` elements, which the caller writes next. */
  list(count: number): void {
    this.#reserve(FIXED_BYTES_MAX);
    this.bytes[this.length] = TYPE_LIST;
    this.bytes.writeUInt32LE(count, this.length + 1);
    this.length += 5;
  }

  /** Begins a dict; the caller writes keys and values in turn, then calls `endDict`. */
  dict(): void {
    this.#reserve(1);
    this.bytes[this.length++] = TYPE_DICT;
  }

  endDict(): void {
    this.#reserve(1);
    this.bytes[this.length++] = TYPE_NULL;
  }

  /**
   * @param value each character is one byte (latin-1), as PEP 3333 wants its native strings. Any
   *   other, such as a file's path, becomes the same string in Python, too.
   */
  string(value: string): void {
    const count = value.length;
    this.#reserve(FIXED_BYTES_MAX + count * UTF8_BYTES_PER_CHARACTER_MAX);
    const bytes = this.bytes;
    const start = this.length;
    let at = start;
    if (count < 256) {
      bytes[at++] = TYPE_SHORT_ASCII;
      bytes[at++] = count;
    } else {
      bytes[at++] = TYPE_ASCII;
      at = bytes.writeUInt32LE(count, at);
    }
    for (let index = 0; index < count; index++) {
      const character = value.charCodeAt(index);
      if (character >= 0x80) {
        this.#unicode(value);
        return;
      }
      bytes[at++] = character;
    }
    this.length = at;
  }

  /** Writes `source[start..end)` as a bytes object. */
  bytesObject(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.#reserve(FIXED_BYTES_MAX + count);
    this.bytes[this.length] = TYPE_BYTES;
    this.bytes.writeUInt32LE(count, this.length + 1);
    this.bytes.set(source.subarray(start, end), this.length + 5);
    this.length += 5 + count;
  }

  /** Copies what was encoded before. */
  encoded(source: Buffer): void {
    const count = source.length;
    this.#reserve(count);
    source.copy(this.bytes, this.length, 0, count);
    this.length += count;
  }

  #long(value: number): void {
    this.#reserve(FIXED_BYTES_MAX + 2 * LONG_DIGITS_MAX);
    const start = this.length;
    this.bytes[start] = TYPE_LONG;
    let at = start + FIXED_BYTES_MAX;
    for (let rest = value; rest > 0; rest = Math.floor(rest / LONG_DIGIT_BASE)) {
      at = this.bytes.writeUInt16LE(rest % LONG_DIGIT_BASE, at);
    }
    this.bytes.writeInt32LE((at - start - FIXED_BYTES_MAX) / 2, start + 1);
    this.length = at;
  }

  #unicode(value: string): void {
    const bytes = this.bytes;
    const start = this.length;
    bytes[start] = TYPE_UNICODE;
    const count = bytes.write(value, start + FIXED_BYTES_MAX, "utf8");
    bytes.writeUInt32LE(count, start + 1);
    this.length = start + FIXED_BYTES_MAX + count;
  }

  #reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + count));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
