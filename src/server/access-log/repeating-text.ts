/**
 * Text of lines that comes again: kept as its bytes, which are copied.
 *
 * Owns when they are made. Knows nothing of what the text says.
 */
import type { LineMemory } from "./line-memory.ts";

/** @param text latin-1 */
export function partOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Text that may come again; its bytes are made then, since they cost more than writing it once. */
export class RepeatingText {
  #text = "";
  #part: Buffer | null = null;
  #isNew = true;

  become(text: string): void {
    this.#text = text;
    this.#part = null;
    this.#isNew = true;
  }

  write(memory: LineMemory): void {
    if (this.#isNew) {
      this.#isNew = false;
      memory.text(this.#text);
      return;
    }
    memory.part((this.#part ??= partOf(this.#text)));
  }
}
