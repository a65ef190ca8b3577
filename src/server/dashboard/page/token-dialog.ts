/**
 * The token: from the address, behind `#`, which no server ever sees; from this tab's storage; or
 * from the person, who is asked.
 */
import { byId, setText } from "./elements.ts";

const STORED_AS = "portico-token";
const FRAGMENT = "#token=";

/** @returns null where there is none yet. One in the address is taken out of it. */
export function rememberedToken(): string | null {
  if (location.hash.startsWith(FRAGMENT)) {
    const token = decoded(location.hash.slice(FRAGMENT.length));
    sessionStorage.setItem(STORED_AS, token);
    history.replaceState(null, "", location.pathname + location.search);
    return token;
  }
  return sessionStorage.getItem(STORED_AS);
}

/** A token may hold a percent sign, and need not be encoded by who wrote the address. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export class TokenDialog {
  readonly #dialog = byId("token-dialog") as HTMLDialogElement;
  readonly #input = byId("token") as HTMLInputElement;
  #onToken: (token: string) => void = () => {};

  constructor() {
    byId("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const token = this.#input.value.trim();
      if (token === "") return;
      sessionStorage.setItem(STORED_AS, token);
      this.#dialog.close();
      this.#onToken(token);
    });
    // There is nothing behind it to see.
    this.#dialog.addEventListener("cancel", (event) => event.preventDefault());
  }

  /** @param why there was one, and it was wrong; null where there was none */
  ask(why: string | null, onToken: (token: string) => void): void {
    this.#onToken = onToken;
    setText(byId("token-error"), why ?? "");
    this.#input.value = "";
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }
}
