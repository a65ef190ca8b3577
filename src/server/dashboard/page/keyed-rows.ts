/**
 * Rows that stay the same elements as long as they stand for the same thing: focus, selection and
 * scrolling survive each second, and only what has changed is drawn again.
 */

/** A row of a table or list, and how it takes new data. */
export interface Row<T> {
  readonly root: HTMLElement;
  update(item: T): void;
}

export class KeyedRows<T> {
  readonly #parent: HTMLElement;
  readonly #keyOf: (item: T) => string;
  readonly #make: (item: T) => Row<T>;
  #rows = new Map<string, Row<T>>();

  constructor(parent: HTMLElement, keyOf: (item: T) => string, make: (item: T) => Row<T>) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  /** @param items in their order; of two with one key the first is shown */
  update(items: readonly T[]): void {
    const rows = new Map<string, Row<T>>();
    for (const item of items) {
      const key = this.#keyOf(item);
      if (rows.has(key)) continue;
      const row = this.#rows.get(key) ?? this.#make(item);
      row.update(item);
      rows.set(key, row);
    }
    for (const [key, row] of this.#rows) if (!rows.has(key)) row.root.remove();
    this.#rows = rows;
    // Moving a row that is in its place would take the focus out of it.
    let before = this.#parent.firstElementChild;
    for (const { root } of rows.values()) {
      if (root === before) before = before.nextElementSibling;
      else this.#parent.insertBefore(root, before);
    }
  }
}
