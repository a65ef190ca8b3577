/**
 * Parts of lines that stay the same while a client repeats itself: its address, its fields. They
 * are put together once, and kept with its connection.
 *
 * Owns when they are of no use any more. Knows no format: whoever makes lines counts its parts.
 */

export class RepeatedParts {
  /** Latin-1, by the number that the format gives each; cleared when the client says otherwise. */
  readonly parts: Buffer[] = [];
  #section: object | null = null;
  #provenance: object | null = null;

  /**
   * Drops what was kept for another header section or another client.
   *
   * @param section    the same object while the client repeats its fields
   * @param provenance likewise, of what is believed about it
   */
  keepFor(section: object | null, provenance: object | null): void {
    if (section === this.#section && provenance === this.#provenance) return;
    this.#section = section;
    this.#provenance = provenance;
    this.parts.length = 0;
  }

  /** Gives back the memory, as for an idle connection. */
  forget(): void {
    this.keepFor(null, null);
  }
}
