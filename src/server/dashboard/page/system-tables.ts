/**
 * The listening sockets with their queues, and what the process has used of what it may.
 */
import type { ListenerSnapshot, Snapshot } from "../../observation/snapshot.ts";
import { byId, element, setText } from "./elements.ts";
import { KeyedRows, type Row } from "./keyed-rows.ts";
import { formatAge, formatBytes, formatCount, ofGateway, UNKNOWN } from "./numbers.ts";

/** A queue or a supply that is so nearly used up is shown as trouble. */
const ALARM_SHARE = 0.8;
const ZOMBIE = "Z";

interface Fact {
  readonly label: string;
  readonly text: (snapshot: Snapshot) => string;
  /** null where there is nothing that it is a part of. */
  readonly share: (snapshot: Snapshot) => number | null;
}

const FACTS: readonly Fact[] = [
  {
    label: "Descriptors",
    text: ({ descriptors: { used, limit, gateway } }) =>
      `${formatCount(used)} of ${formatCount(limit)}${ofGateway(gateway)}`,
    share: ({ descriptors: { used, limit } }) => (used === null || !limit ? null : used / limit),
  },
  {
    label: "Zombies",
    text: ({ processes }) => {
      const zombies = processes.filter(({ systemState }) => systemState === ZOMBIE);
      return zombies.length === 0
        ? "none"
        : `${zombies.length}: PID ${zombies.map(({ pid }) => pid).join(", ")}`;
    },
    share: () => null,
  },
  {
    label: "Memory",
    text: ({ processes }) =>
      `${formatBytes(processes.reduce((sum, { rssBytes }) => sum + (rssBytes ?? 0), 0))} resident`,
    share: () => null,
  },
  {
    label: "Queue, last minute",
    text: ({ status: { queue } }) =>
      queue.wait.count === 0
        ? "no requests"
        : `at most ${formatAge(queue.wait.maxMs)}, half ${formatAge(queue.wait.p50Ms)}`,
    share: () => null,
  },
];

export class SystemTables {
  readonly #listeners = new KeyedRows<ListenerSnapshot>(
    byId("listener-rows"),
    ({ address, descriptor }) => `${address} ${descriptor}`,
    makeListener,
  );
  readonly #facts = FACTS.map((fact) => {
    const [text, meter] = [element("dd"), makeMeter()];
    byId("system").append(
      element("div", element("dt", fact.label), text, element("dd", meter.root)),
    );
    return { fact, text, meter };
  });

  update(snapshot: Snapshot): void {
    this.#listeners.update(snapshot.listeners);
    for (const { fact, text, meter } of this.#facts) {
      setText(text, fact.text(snapshot));
      meter.show(fact.share(snapshot));
    }
  }
}

function makeListener({ address, gateway }: ListenerSnapshot): Row<ListenerSnapshot> {
  const [descriptor, queue, backlog] = [element("td.number"), element("td"), element("td.number")];
  const [queued, meter] = [element("span"), makeMeter()];
  queue.append(queued, meter.root);
  descriptor.dataset["label"] = "descriptor";
  queue.dataset["label"] = "accept queue";
  backlog.dataset["label"] = "backlog";
  const root = element(
    "tr",
    element("td.address", address + ofGateway(gateway)),
    descriptor,
    queue,
    backlog,
  );
  root.setAttribute("role", "row");
  for (const cell of root.children) cell.setAttribute("role", "cell");
  return {
    root,
    update(listener) {
      setText(descriptor, listener.descriptor === null ? UNKNOWN : String(listener.descriptor));
      setText(queued, formatCount(listener.queued));
      meter.show(listener.queued === null ? null : listener.queued / listener.effectiveBacklog);
      setText(
        backlog,
        listener.backlog === listener.effectiveBacklog
          ? formatCount(listener.backlog)
          : `${formatCount(listener.effectiveBacklog)}, cut from ${formatCount(listener.backlog)}`,
      );
    },
  };
}

function makeMeter(): { readonly root: HTMLElement; show(share: number | null): void } {
  const bar = element("i");
  const root = element("span.meter.long", bar);
  root.ariaHidden = "true";
  return {
    root,
    show(share) {
      root.toggleAttribute("hidden", share === null);
      bar.style.setProperty("--share", String(Math.min(share ?? 0, 1)));
      root.dataset["alarm"] = String((share ?? 0) >= ALARM_SHARE);
    },
  };
}
