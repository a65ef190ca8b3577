/**
 * The process tree: who is whose child, how each fares, and what each worker is doing now.
 */
import type { ProcessSnapshot, RequestSnapshot } from "../../observation/snapshot.ts";
import { button, byId, element, setShown, setText } from "./elements.ts";
import { KeyedRows, type Row } from "./keyed-rows.ts";
import { formatAge, formatBytes, formatCount, formatShare, UNKNOWN } from "./numbers.ts";
import { processTree, type TreeNode } from "./process-tree.ts";

/** Of a worker with many threads; the others are counted. */
const TASKS_SHOWN_MAX = 4;
/** A request of this age is worth a look. */
const SLOW_MS = 5_000;
const ZOMBIE = "Z";
/** States of what does nothing any more, as far as can be seen. */
const GONE: ReadonlySet<string> = new Set(["exited", "ended", "silent"]);

export class ProcessTable {
  readonly #rows: KeyedRows<TreeNode>;
  readonly #note = byId("processes-note");

  /** @param showStack of a process with this PID */
  constructor(showStack: (pid: number) => void) {
    this.#rows = new KeyedRows(
      byId("process-rows"),
      ({ process: { pid, kind } }) => `${kind} ${pid}`,
      ({ process: { pid } }) => makeRow(() => showStack(pid)),
    );
  }

  update(processes: readonly ProcessSnapshot[]): void {
    this.#rows.update(processTree(processes));
    const zombies = processes.filter(({ systemState }) => systemState === ZOMBIE).length;
    const rss = processes.reduce((sum, { rssBytes }) => sum + (rssBytes ?? 0), 0);
    setText(
      this.#note,
      `${processes.length} · ${formatBytes(rss)} · ` +
        (zombies === 0 ? "no zombies" : `${zombies} not reaped (zombies)`),
    );
  }
}

function makeRow(showStack: () => void): Row<TreeNode> {
  const [name, note] = [element("span.name"), element("span.note")];
  const branch = element("div.branch", name, note);
  const [shape, state] = [element("span.shape"), element("span")];
  const meter = element("i");
  const numbers = {
    pid: numberCell("PID"),
    parent: numberCell("parent"),
    age: numberCell("age"),
    requests: numberCell("requests"),
    cpu: numberCell("CPU"),
    memory: numberCell("memory"),
  };
  const share = element("span");
  numbers.cpu.append(share, element("span.meter", meter));
  const tasks = element("div.tasks");
  const rows = new KeyedRows<RequestSnapshot & { readonly index: number }>(
    tasks,
    ({ index }) => String(index),
    makeTask,
  );
  const rest = element("span.muted");
  const stack = button("Stack", "", showStack);
  stack.setAttribute("aria-haspopup", "dialog");
  const root = element(
    "tr",
    cell("process", branch),
    numbers.pid,
    numbers.parent,
    cell("state", shape, state),
    numbers.age,
    numbers.requests,
    numbers.cpu,
    numbers.memory,
    cell("wide", element("div.doing", element("div.doing-text", tasks, rest), stack)),
  );
  root.setAttribute("role", "row");
  return {
    root,
    update({ process: shown, guides: lines }) {
      drawGuides(branch, lines);
      setText(name, nameOf(shown));
      setText(note, noteOf(shown));
      root.dataset["kind"] = shown.kind;
      root.dataset["pid"] = String(shown.pid);
      setNumber(numbers.pid, String(shown.pid));
      setNumber(numbers.parent, shown.ppid === null ? UNKNOWN : String(shown.ppid));
      shape.dataset["shape"] = shapeOf(shown);
      setText(state, stateOf(shown));
      setNumber(numbers.age, formatAge(shown.ageMs));
      setNumber(numbers.requests, shown.requests === null ? "" : formatCount(shown.requests));
      setText(share, formatShare(shown.cpuShare));
      meter.style.setProperty("--share", String(Math.min(shown.cpuShare ?? 0, 1)));
      setNumber(numbers.memory, formatBytes(shown.rssBytes));
      const { busy } = shown;
      rows.update(busy.slice(0, TASKS_SHOWN_MAX).map((task, index) => ({ ...task, index })));
      const more = busy.length - TASKS_SHOWN_MAX;
      setText(rest, restOf(shown, more));
      const isWorker = shown.kind === "worker";
      setShown(stack, isWorker);
      stack.ariaLabel = `Python stack of worker PID ${shown.pid}`;
    },
  };
}

function makeTask(): Row<RequestSnapshot> {
  const [request, age] = [element("span.request"), element("span.age")];
  const root = element("div.task", request, age);
  return {
    root,
    update(task) {
      setText(request, task.request);
      root.title = task.requestId === null ? task.request : `${task.request} (${task.requestId})`;
      setText(age, formatAge(task.ageMs));
      root.dataset["alarm"] = String(task.ageMs >= SLOW_MS);
    },
  };
}

function drawGuides(branch: HTMLElement, lines: readonly string[]): void {
  const key = lines.join(" ");
  if (branch.dataset["lines"] === key) return;
  branch.dataset["lines"] = key;
  for (const old of branch.querySelectorAll(".guide")) old.remove();
  const guides = lines.map((line) => {
    const guide = element("span.guide");
    guide.dataset["line"] = line;
    return guide;
  });
  branch.prepend(...guides);
}

function nameOf({ kind, number, name }: ProcessSnapshot): string {
  if (kind === "other") return name ?? "process";
  // Of several gateways each has a number; the only one has none.
  return number === null ? kind : `${kind} ${number}`;
}

function noteOf({ kind, generation }: ProcessSnapshot): string {
  return kind === "zygote" && generation !== null ? `generation ${generation}` : "";
}

function stateOf({ state, systemState, busy, kind }: ProcessSnapshot): string {
  if (systemState === ZOMBIE) return "zombie";
  if (kind === "worker" && state === "ready") return busy.length > 0 ? "busy" : "idle";
  return state ?? (systemState === "R" ? "running" : "asleep");
}

function shapeOf({ state, systemState, busy, kind }: ProcessSnapshot): string {
  if (systemState === ZOMBIE || GONE.has(state ?? "")) return "gone";
  if (busy.length > 0) return "busy";
  switch (state) {
    case "serving":
      return "good";
    case "ready":
      return "ready";
    case "starting":
    case "importing":
    case "warming":
    case "standing-by":
      return "waiting";
    case null:
      return kind === "guardian" || kind === "other" ? "quiet" : "good";
    default:
      return "leaving";
  }
}

function restOf({ kind, busy, state }: ProcessSnapshot, more: number): string {
  if (more > 0) return `and ${more} more`;
  return kind === "worker" && busy.length === 0 && state === "ready" ? "waits for a request" : "";
}

function cell(name: string, ...children: (Node | string)[]): HTMLElement {
  const made = element(`td.${name}`, ...children);
  made.setAttribute("role", "cell");
  return made;
}

/** @param label stands before it where there are no columns */
function numberCell(label: string): HTMLElement {
  const made = cell("number");
  made.dataset["label"] = label;
  return made;
}

function setNumber(changed: HTMLElement, text: string): void {
  setText(changed, text);
  changed.dataset["empty"] = String(text === "" || text === UNKNOWN);
}
