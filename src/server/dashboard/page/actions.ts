/**
 * Reload and scale: there only where the server allows them.
 */
import type { WorkerRange } from "../../../workers/worker-scaling.ts";
import { byId, setShown, setText } from "./elements.ts";
import type { ServerLink } from "./server-link.ts";

export class Actions {
  readonly #link: ServerLink;
  readonly #tell: (text: string) => void;
  readonly #reload = byId("reload") as HTMLButtonElement;
  readonly #fewer = byId("fewer") as HTMLButtonElement;
  readonly #more = byId("more") as HTMLButtonElement;
  #range: WorkerRange | null = null;
  #fewest = 1;

  /** @param tell what came of it, in a line */
  constructor(link: ServerLink, tell: (text: string) => void) {
    this.#link = link;
    this.#tell = tell;
    this.#reload.addEventListener("click", () => void this.#onReload());
    this.#fewer.addEventListener("click", () => void this.#shift(-1));
    this.#more.addEventListener("click", () => void this.#shift(1));
  }

  allow(areAllowed: boolean): void {
    setShown(byId("actions"), areAllowed);
  }

  /** @param fewest that there can be: one, or one for each gateway */
  update(range: WorkerRange, fewest: number): void {
    this.#fewest = fewest;
    this.#range = range;
    const { min, max } = range;
    setText(byId("range"), min === max ? String(min) : `${min}–${max}`);
    this.#fewer.disabled = max <= fewest;
  }

  async #onReload(): Promise<void> {
    this.#reload.disabled = true;
    setText(this.#reload, "Reloading …");
    const { ok, content } = await this.#link.ask("/reload", {});
    setText(this.#reload, "Reload");
    this.#reload.disabled = false;
    const { generation } = (content["result"] ?? {}) as { generation?: number };
    this.#tell(
      ok ? `Generation ${generation} serves.` : `The reload failed: ${String(content["why"])}`,
    );
  }

  /** A range is moved at its upper end, and at both where they are one. */
  async #shift(by: 1 | -1): Promise<void> {
    if (this.#range === null) return;
    const { min, max } = this.#range;
    const shifted = max + by;
    const wanted = { min: min === max ? shifted : Math.min(min, shifted), max: shifted };
    this.update(wanted, this.#fewest);
    const { ok, content } = await this.#link.ask("/scale", wanted);
    if (!ok) this.#tell(`That did not work: ${String(content["why"])}`);
  }
}
