/**
 * Reads a folder of wire cases: for each the bytes, in a file, and what must come of them, in JSON.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface VectorFiles {
  readonly name: string;
  readonly bytes: Buffer;
  /** As the file has it; whoever asks knows what form that has. */
  readonly expected: Readonly<Record<string, unknown>>;
}

export function readVectorFolder(folder: string): VectorFiles[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => {
      const name = file.slice(0, -".json".length);
      const text = readFileSync(join(folder, file), "utf8");
      const expected = JSON.parse(text) as VectorFiles["expected"];
      return { name, expected, bytes: readFileSync(join(folder, `${name}.http`)) };
    });
}
