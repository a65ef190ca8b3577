/**
 * A real browser for tests: Chromium without a window, driven by the DevTools protocol over a pair
 * of pipes.
 *
 * Owns the browser's process and what of the protocol the tests need. Knows nothing of what is
 * tested; scripts for pages are text, since they run elsewhere.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

/** Time for the browser to answer one command. Its start on a busy machine takes seconds. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Time for it to end when it is told to; then it is killed. */
const END_TIMEOUT_MS = 5_000;
/** Output on standard error that is kept for messages. */
const OUTPUT_KEPT_MAX_CHARS = 20_000;
/** Messages of the protocol end in NUL. */
const MESSAGE_END = 0;

type Values = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: Values;
  readonly error?: { readonly message: string };
}

interface Pending {
  readonly resolve: (result: Values) => void;
  readonly reject: (error: Error) => void;
}

export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, () => void>();
  #lastId = 0;
  #unread: Buffer[] = [];
  #output = "";

  constructor(program: string) {
    this.#folder = mkdtempSync(path.join(os.tmpdir(), "portico-browser-"));
    this.#child = spawn(
      program,
      [
        "--headless",
        "--remote-debugging-pipe",
        `--user-data-dir=${this.#folder}`,
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        // The sandbox is not to be had as root nor in most containers; only our pages are opened.
        "--no-sandbox",
        "about:blank",
      ],
      { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"], detached: true },
    );
    this.#child.stderr?.on("data", (bytes: Buffer) => {
      this.#output = (this.#output + bytes.toString()).slice(-OUTPUT_KEPT_MAX_CHARS);
    });
    this.#fromBrowser.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#toBrowser.on("error", () => {});
    this.#child.once("exit", () => this.#fail("the browser has ended"));
    this.#child.once("error", (error) => this.#fail(`the browser cannot be started: ${error}`));
  }

  /** A tab with an empty page. */
  async open(): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const attached = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, attached["sessionId"] as string);
    await page.send("Page.enable");
    return page;
  }

  /** @throws {Error} the browser's complaint, or that it has ended or not answered */
  async send(method: string, params: Values = {}, sessionId?: string): Promise<Values> {
    const id = ++this.#lastId;
    const answered = new Promise<Values>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    const stopWaiting = new AbortController();
    const late = pause(ANSWER_TIMEOUT_MS, null, { signal: stopWaiting.signal }).then(
      () => assert.fail(`no answer to ${method}\n${this.#output}`),
      () => ({}),
    );
    this.#toBrowser.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    try {
      return await Promise.race([answered, late]);
    } finally {
      stopWaiting.abort();
      this.#pending.delete(id);
    }
  }

  /** Calls `listener` at the next event of that name in a tab; one listener for each. */
  listen(sessionId: string, event: string, listener: () => void): void {
    this.#listeners.set(`${sessionId} ${event}`, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isRunning = (): boolean =>
      this.#child.exitCode === null && this.#child.signalCode === null;
    if (isRunning()) {
      const ended = once(this.#child, "exit");
      this.#toBrowser.write(`${JSON.stringify({ id: ++this.#lastId, method: "Browser.close" })}\0`);
      await Promise.race([ended, pause(END_TIMEOUT_MS, null, { ref: false })]);
    }
    try {
      // Its helpers are in its process group, and some outlive it for a moment.
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // All of them have ended.
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  get #toBrowser(): Writable {
    return this.#child.stdio[3] as Writable;
  }

  get #fromBrowser(): Readable {
    return this.#child.stdio[4] as Readable;
  }

  #receive(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(MESSAGE_END); end !== -1;) {
      const text = Buffer.concat([...this.#unread, bytes.subarray(start, end)]).toString("utf8");
      this.#unread = [];
      this.#take(JSON.parse(text) as Message);
      start = end + 1;
      end = bytes.indexOf(MESSAGE_END, start);
    }
    if (start < bytes.length) this.#unread.push(bytes.subarray(start));
  }

  #take(message: Message): void {
    if (message.id === undefined) {
      const key = `${message.sessionId} ${message.method}`;
      const listener = this.#listeners.get(key);
      this.#listeners.delete(key);
      listener?.();
      return;
    }
    const pending = this.#pending.get(message.id);
    if (message.error === undefined) pending?.resolve(message.result ?? {});
    else pending?.reject(new Error(message.error.message));
  }

  #fail(what: string): void {
    for (const { reject } of this.#pending.values()) reject(new Error(`${what}\n${this.#output}`));
  }
}

/** A tab. */
export class Page implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #sessionId: string;

  constructor(browser: Browser, sessionId: string) {
    this.#browser = browser;
    this.#sessionId = sessionId;
  }

  send(method: string, params: Values = {}): Promise<Values> {
    return this.#browser.send(method, params, this.#sessionId);
  }

  /** Goes to an address as if it was typed, and waits until all of the page is loaded. */
  async visit(url: string): Promise<void> {
    await this.#loading(async () => {
      const { errorText } = await this.send("Page.navigate", { url });
      assert.equal(errorText, undefined, `${url}: ${String(errorText)}`);
    });
  }

  /** Runs a script that makes the tab go elsewhere, and waits until that is loaded. */
  async leave(script: string): Promise<void> {
    await this.#loading(async () => {
      await this.evaluate(`${script}; null`);
    });
  }

  /**
   * @param script an expression; a promise is waited for
   * @returns its value, as far as JSON holds it
   * @throws {Error} what the script threw
   */
  async evaluate(script: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression: script,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return (result as { value?: unknown }).value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.send("Page.close");
  }

  async #loading(begin: () => Promise<void>): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.#browser.listen(this.#sessionId, "Page.loadEventFired", resolve);
    });
    const stopWaiting = new AbortController();
    const late = pause(ANSWER_TIMEOUT_MS, null, { signal: stopWaiting.signal }).then(
      () => assert.fail("no page was loaded"),
      () => {},
    );
    try {
      await begin();
      await Promise.race([loaded, late]);
    } finally {
      stopWaiting.abort();
    }
  }
}
