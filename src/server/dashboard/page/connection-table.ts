/**
 * The connections, by what they wait for, and the busiest of them one by one.
 */
import type { ConnectionSnapshot, ConnectionsSnapshot } from "../../observation/snapshot.ts";
import { byId, element, setText } from "./elements.ts";
import { KeyedRows, type Row } from "./keyed-rows.ts";
import { formatAge, formatBytes, formatCount, ofGateway, UNKNOWN } from "./numbers.ts";

type PhaseCount = readonly [phase: string, count: number];

const PHASE_SHAPES: Readonly<Record<string, string>> = {
  answer: "busy",
  head: "waiting",
  content: "waiting",
  lingering: "leaving",
};

export class ConnectionTable {
  readonly #note = byId("connections-note");
  readonly #phases = new KeyedRows<PhaseCount>(byId("phases"), ([phase]) => phase, makePhase);
  readonly #rows = new KeyedRows<ConnectionSnapshot>(
    byId("connection-rows"),
    ({ remote, local, descriptor }) => `${remote} ${local} ${descriptor}`,
    makeRow,
  );

  update({ open, byPhase, shown }: ConnectionsSnapshot): void {
    const others = open - shown.length;
    setText(
      this.#note,
      others > 0
        ? `the ${formatCount(shown.length)} busiest of ${formatCount(open)}; ` +
            `${formatCount(others)} more are open`
        : `${formatCount(open)} open`,
    );
    this.#phases.update(Object.entries(byPhase));
    this.#rows.update(shown);
  }
}

function makePhase([phase]: PhaseCount): Row<PhaseCount> {
  const count = element("span.count");
  const shape = element("span.shape");
  shape.dataset["shape"] = PHASE_SHAPES[phase] ?? "quiet";
  return {
    root: element("li", shape, phase, count),
    update([, value]) {
      setText(count, formatCount(value));
    },
  };
}

function makeRow(connection: ConnectionSnapshot): Row<ConnectionSnapshot> {
  const { remote, local, descriptor, gateway } = connection;
  const [shape, phase] = [element("span.shape"), element("span")];
  const numbers = {
    age: cell("number", "age"),
    requests: cell("number", "requests"),
    received: cell("number", "in"),
    sent: cell("number", "out"),
    unsent: cell("number", "unsent"),
  };
  const request = cell("wide.request", null);
  const phaseCell = cell("phase", null);
  phaseCell.append(shape, phase);
  const root = element(
    "tr",
    cell("address", null, remote),
    cell("address", "to", local + ofGateway(gateway)),
    cell("number", "FD", descriptor === null ? UNKNOWN : String(descriptor)),
    phaseCell,
    ...Object.values(numbers),
    request,
  );
  root.setAttribute("role", "row");
  return {
    root,
    update(changed) {
      shape.dataset["shape"] = PHASE_SHAPES[changed.phase] ?? "quiet";
      setText(phase, changed.phase);
      setText(numbers.age, formatAge(changed.ageMs));
      setText(numbers.requests, formatCount(changed.requests));
      setText(numbers.received, formatBytes(changed.receivedBytes));
      setText(numbers.sent, formatBytes(changed.sentBytes));
      setText(numbers.unsent, changed.unsentBytes === 0 ? "" : formatBytes(changed.unsentBytes));
      setText(request, changed.request ?? "");
      request.title = changed.request ?? "";
    },
  };
}

/** @param label stands before it where there are no columns */
function cell(name: string, label: string | null, text = ""): HTMLElement {
  const made = element(`td.${name}`, text);
  made.setAttribute("role", "cell");
  if (label !== null) made.dataset["label"] = label;
  return made;
}
