/**
 * What a worker's Python is at, line by line, as it is now.
 */
import { byId, setText } from "./elements.ts";
import { formatTime } from "./numbers.ts";
import type { ServerLink } from "./server-link.ts";

export class StackDialog {
  readonly #link: ServerLink;
  readonly #dialog = byId("stack") as HTMLDialogElement;
  readonly #text = byId("stack-text");
  readonly #note = byId("stack-note");
  #pid = 0;

  constructor(link: ServerLink) {
    this.#link = link;
    byId("stack-close").addEventListener("click", () => this.#dialog.close());
    byId("stack-again").addEventListener("click", () => void this.#load());
  }

  show(pid: number): void {
    this.#pid = pid;
    setText(byId("stack-heading"), `Python stack of worker PID ${pid}`);
    setText(this.#text, "");
    this.#dialog.showModal();
    void this.#load();
  }

  async #load(): Promise<void> {
    const pid = this.#pid;
    setText(this.#note, "asking …");
    const { ok, content } = await this.#link.ask(`/stack?pid=${pid}`);
    // Somebody may have asked for another meanwhile.
    if (pid !== this.#pid) return;
    setText(this.#text, ok ? String(content["text"]) : "");
    this.#text.toggleAttribute("hidden", !ok);
    const why = `There is none: ${String(content["why"])}`;
    setText(this.#note, ok ? `at ${formatTime(Date.now())}` : why);
  }
}
