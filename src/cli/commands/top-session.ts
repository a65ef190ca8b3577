/**
 * `portico top` at a terminal: takes what the gateway tells, draws it, and does what the keys say.
 * When the gateway is gone it looks for it again for a while: a reload of the whole program has
 * another PID.
 */
import { setTimeout as pause } from "node:timers/promises";
import { EXIT_STATUS, type ExitStatus, OperatorError } from "../../base/errors.ts";
import type { ObservedMoment } from "../../server/control/observe-command.ts";
import type { TrafficPoint } from "../../server/observation/snapshot.ts";
import { askOnce, type Conversation, type ConversationEnd, converse } from "./control-client.ts";
import type { MeantGateway } from "./gateway-search.ts";
import { stackOf } from "./stack-command.ts";
import type { ScreenStyle } from "./top-line.ts";
import { workersOf } from "./top-process-rows.ts";
import { renderTop, SPARKLINE_SECONDS, type StackView, type TopView } from "./top-screen.ts";
import type { Key, TopTerminal } from "./top-terminal.ts";
import { shown } from "./top-text.ts";

export interface TopSettings {
  readonly intervalMs: number;
  readonly style: ScreenStyle;
  /** @throws {OperatorError} there is none, or it is not clear which is meant */
  readonly find: () => Promise<MeantGateway>;
}

export interface TopEnd {
  readonly status: ExitStatus;
  /** A line for standard error, once the terminal is as it was; null for none. */
  readonly complaint: string | null;
}

/** Connections that are asked for: more than a tall terminal shows. */
const CONNECTIONS_SHOWN = 50;
/** What a gateway gets for its first answer, and beyond the interval for each of the others. */
const ANSWER_MAX_MS = 10_000;
/** How long a gateway that is gone is looked for, and how often. */
const SEARCH_MAX_MS = 10_000;
const SEARCH_INTERVAL_MS = 500;
const QUIT: TopEnd = { status: EXIT_STATUS.clean, complaint: null };

export class TopSession {
  readonly #settings: TopSettings;
  readonly #over = Promise.withResolvers<TopEnd>();
  readonly #stopped = new AbortController();
  #terminal: TopTerminal | null = null;
  #gateway: MeantGateway;
  #conversation: Conversation | null = null;
  #moment: ObservedMoment | null = null;
  #history: readonly TrafficPoint[] = [];
  #selectedPid: number | null = null;
  #stack: StackView | null = null;
  #notice: string | null = null;

  constructor(gateway: MeantGateway, settings: TopSettings) {
    this.#gateway = gateway;
    this.#settings = settings;
  }

  /** Until a key, {@link TopSession.end}, or the gateway's end. The terminal is open. */
  async run(terminal: TopTerminal): Promise<TopEnd> {
    this.#terminal = terminal;
    void this.#watch().catch((error: unknown) => this.#over.reject(error));
    try {
      return await this.#over.promise;
    } finally {
      this.#stopped.abort();
      this.#conversation?.close();
    }
  }

  end(status: ExitStatus = EXIT_STATUS.clean): void {
    this.#over.resolve({ ...QUIT, status });
  }

  draw(): void {
    const { style } = this.#settings;
    const terminal = this.#terminal;
    if (terminal === null || this.#moment === null) return;
    const view: TopView = {
      snapshot: this.#moment.snapshot,
      history: this.#history,
      selectedPid: this.#selectedPid,
      notice: this.#notice,
      stack: this.#stack,
    };
    terminal.draw(renderTop(view, terminal.size, style));
  }

  onKey(key: Key): void {
    switch (key) {
      case "quit":
        this.end();
        return;
      case "pause":
        this.#terminal?.suspend();
        return;
      case "stack":
        if (this.#stack === null) void this.#showStack();
        else this.#stack = null;
        break;
      case "leave":
        this.#stack = null;
        break;
      case "up":
        this.#move(-1);
        break;
      case "down":
        this.#move(1);
        break;
      case "page-up":
        this.#move(-this.#pageRows);
        break;
      case "page-down":
        this.#move(this.#pageRows);
        break;
      default:
        key satisfies never;
    }
    this.draw();
  }

  get #pageRows(): number {
    return Math.max(1, Math.floor((this.#terminal?.size.rows ?? 2) / 2));
  }

  async #watch(): Promise<void> {
    for (;;) {
      const end = await this.#observe();
      if (this.#stopped.signal.aborted) return;
      if (end.kind === "answered" && end.answer.kind === "refused") {
        this.#giveUp(EXIT_STATUS.failure, end.answer.why);
        return;
      }
      if (!(await this.#findAgain())) return;
    }
  }

  /** @returns why there are no more answers */
  async #observe(): Promise<ConversationEnd> {
    const { intervalMs } = this.#settings;
    const request = { command: "observe", arguments: { intervalMs, shown: CONNECTIONS_SHOWN } };
    const { path } = this.#gateway;
    const conversation = converse(path, request, ANSWER_MAX_MS, (result, patience) => {
      patience.set(intervalMs + ANSWER_MAX_MS);
      this.#take(result as ObservedMoment);
    });
    this.#conversation = conversation;
    const end = await conversation.end;
    conversation.close();
    return end;
  }

  #take(moment: ObservedMoment): void {
    this.#notice = null;
    this.#moment = moment;
    const known = [...this.#history, ...moment.history];
    const { atMs } = moment.snapshot;
    this.#history = known.filter((point) => point.atMs > atMs - (SPARKLINE_SECONDS + 1) * 1_000);
    const workers = workersOf(moment.snapshot.processes);
    if (!workers.some(({ pid }) => pid === this.#selectedPid)) {
      const busy = workers.find((worker) => worker.busy.length > 0);
      this.#selectedPid = (busy ?? workers[0])?.pid ?? null;
    }
    this.draw();
  }

  /** @returns whether it is there again, or another one in its place */
  async #findAgain(): Promise<boolean> {
    const { name } = this.#gateway;
    this.#history = [];
    this.#notice = `${shown(name)} does not answer any more; looking for it   q quit`;
    this.draw();
    const { signal } = this.#stopped;
    for (let waitedMs = 0; waitedMs < SEARCH_MAX_MS; waitedMs += SEARCH_INTERVAL_MS) {
      await pause(SEARCH_INTERVAL_MS, null, { signal }).catch(() => null);
      if (signal.aborted) return false;
      const found = await this.#settings.find().catch(noneIfOperators);
      if (found === null || !(await isThere(found))) continue;
      this.#gateway = found;
      return true;
    }
    this.#giveUp(EXIT_STATUS.notRunning, `${shown(name)} does not answer any more`);
    return false;
  }

  #giveUp(status: ExitStatus, why: string): void {
    this.#over.resolve({ status, complaint: `portico: top: ${shown(why)}\n` });
  }

  #move(rows: number): void {
    if (this.#stack !== null) {
      const { lines, above } = this.#stack;
      const last = Math.max(0, lines.length - this.#pageRows);
      this.#stack = { ...this.#stack, above: Math.min(Math.max(0, above + rows), last) };
      return;
    }
    const workers = workersOf(this.#moment?.snapshot.processes ?? []);
    const at = workers.findIndex(({ pid }) => pid === this.#selectedPid);
    const next = Math.min(Math.max(0, at + rows), workers.length - 1);
    this.#selectedPid = workers[next]?.pid ?? null;
  }

  async #showStack(): Promise<void> {
    const pid = this.#selectedPid;
    if (pid === null) return;
    this.#stack = { pid, lines: ["being asked for"], above: 0 };
    const { text, why } = await stackOf(this.#gateway, pid);
    // Somebody has gone on meanwhile.
    if (this.#stack?.pid !== pid) return;
    const lines = (text ?? why ?? "").trimEnd().split("\n").map(shown);
    this.#stack = { pid, lines, above: 0 };
    this.draw();
  }
}

/** Whether somebody answers there. */
async function isThere({ path }: MeantGateway): Promise<boolean> {
  const request = { command: "status", arguments: {} };
  const end = await askOnce(path, request, ANSWER_MAX_MS);
  return end.kind === "answered";
}

function noneIfOperators(error: unknown): null {
  if (error instanceof OperatorError) return null;
  throw error;
}
