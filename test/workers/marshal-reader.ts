/**
 * Reads the part of Python's `marshal` format that the gateway writes, so that tests see what a
 * worker would see. That Python itself reads the same is for `marshal-writer.test.ts` to show.
 */
import assert from "node:assert/strict";

export type MarshalValue =
  | null
  | number
  | string
  | Buffer
  | readonly MarshalValue[]
  | ReadonlyMap<MarshalValue, MarshalValue>;

/** @throws {AssertionError} for another type code, or for bytes behind the value */
export function readMarshal(bytes: Buffer): MarshalValue {
  let at = 0;

  function length32(): number {
    at += 4;
    return bytes.readUInt32LE(at - 4);
  }

  function slice(count: number): Buffer {
    assert.ok(at + count <= bytes.length, "a value is cut short");
    at += count;
    return Buffer.from(bytes.subarray(at - count, at));
  }

  function items(count: number): MarshalValue[] {
    return Array.from({ length: count }, () => value());
  }

  function dict(): Map<MarshalValue, MarshalValue> {
    const entries = new Map<MarshalValue, MarshalValue>();
    while (bytes[at] !== 0x30) {
      const key = value();
      entries.set(key, value());
    }
    at++;
    return entries;
  }

  function long(): number {
    const count = length32();
    let sum = 0;
    for (let place = 0; place < count; place++) sum += slice(2).readUInt16LE() * 2 ** (15 * place);
    return sum;
  }

  function value(): MarshalValue {
    const code = slice(1).toString("latin1");
    switch (code) {
      case "N":
        return null;
      case "i":
        return slice(4).readInt32LE();
      case "l":
        return long();
      case "s":
        return slice(length32());
      case "z":
      case "Z":
        return slice(slice(1).readUInt8()).toString("latin1");
      case "a":
        return slice(length32()).toString("latin1");
      case "u":
        return slice(length32()).toString("utf8");
      case ")":
        return items(slice(1).readUInt8());
      case "[":
        return items(length32());
      case "{":
        return dict();
      default:
        throw new assert.AssertionError({ message: `unknown type code ${code}` });
    }
  }

  const result = value();
  assert.equal(at, bytes.length, "nothing stands behind the value");
  return result;
}
