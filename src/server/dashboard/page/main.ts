/**
 * The live page: takes events from the server, keeps the seconds of the last ten minutes, and has
 * each part of the page draw itself.
 */
import type { Snapshot, TrafficPoint } from "../../observation/snapshot.ts";
import { Actions } from "./actions.ts";
import { ConnectionTable } from "./connection-table.ts";
import { byId, element, setShown, setText } from "./elements.ts";
import { ErrorList } from "./error-list.ts";
import type { StreamEvent } from "./event-stream.ts";
import { MarkList } from "./marks.ts";
import { formatAge, formatCount, formatTime } from "./numbers.ts";
import { PointHistory } from "./point-history.ts";
import { ProcessTable } from "./process-table.ts";
import { type LinkState, ServerLink } from "./server-link.ts";
import { StackDialog } from "./stack-dialog.ts";
import { SystemTables } from "./system-tables.ts";
import { TimeCharts } from "./time-charts.ts";
import { rememberedToken, TokenDialog } from "./token-dialog.ts";
import { Vitals } from "./vitals.ts";

/** A line that tells how something went stays so long. */
const NOTICE_MS = 6_000;
const LINK_SHAPES: Readonly<Record<LinkState["kind"], string>> = {
  opening: "waiting",
  live: "good",
  paused: "waiting",
  lost: "gone",
  "token-needed": "waiting",
};

const isTokenNeeded = document.body.dataset["token"] === "needed";
const link = new ServerLink(rememberedToken(), isTokenNeeded, { onState, onEvent });
const tokenDialog = new TokenDialog();
const stackDialog = new StackDialog(link);
const actions = new Actions(link, tell);
const vitals = new Vitals();
const charts = new TimeCharts(byId("charts"));
const errors = new ErrorList((text) => setText(byId("said"), text));
const marks = new MarkList(byId("marks"));
const processes = new ProcessTable((pid) => stackDialog.show(pid));
const systemTables = new SystemTables();
const connections = new ConnectionTable();
const history = new PointHistory();

let linkState: LinkState = { kind: "opening" };
let snapshot: Snapshot | null = null;
let noticeTimer: ReturnType<typeof setTimeout> | undefined;
let isDrawing = false;

function onEvent({ name, data }: StreamEvent): void {
  switch (name) {
    case "welcome": {
      const { actions: areAllowed } = JSON.parse(data) as { actions: boolean };
      actions.allow(areAllowed);
      setText(
        byId("foot"),
        areAllowed ? "" : "Nothing can be changed here: reload and scale need --dashboard-token.",
      );
      break;
    }
    case "points":
      history.add(JSON.parse(data) as TrafficPoint[]);
      break;
    case "snapshot":
      snapshot = JSON.parse(data) as Snapshot;
      if (snapshot.latest !== null) history.add([snapshot.latest]);
      drawSoon();
      break;
    default:
      // A newer server may say more.
      break;
  }
}

/** Once in a frame, however many snapshots have come. */
function drawSoon(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    if (snapshot !== null) draw(snapshot);
  });
}

function draw(shown: Snapshot): void {
  const { status } = shown;
  document.title =
    linkState.kind === "lost"
      ? `✕ lost · ${status.application}`
      : `${formatCount(shown.latest?.requests ?? 0)}/s · ${status.application} · Portico`;
  setText(byId("application"), status.application);
  drawSummary(shown);
  actions.update(status.workers, status.gateways?.length ?? 1);
  vitals.update(shown);
  charts.update(history.points, shown.marks);
  setText(byId("traffic-heading"), charts.title);
  errors.update(shown.errors, history.serverErrors);
  marks.update(shown.marks);
  processes.update(shown.processes);
  systemTables.update(shown);
  connections.update(shown.connections);
  drawLink();
}

function drawSummary({ atMs, status }: Snapshot): void {
  const serving = status.generations.find(({ state }) => state === "serving");
  const shape = element("span.shape");
  shape.dataset["shape"] = status.state === "serving" ? "good" : "leaving";
  const facts = [
    element("span.state", shape, status.state),
    ...(serving === undefined ? [] : [element("span", `generation ${serving.number}`)]),
    element("span", `PID ${status.pid}`),
    ...gatewayFacts(status),
    element("span", `up ${formatAge(atMs - status.startedAtMs)}`),
    element("span.version", `version ${status.version}`),
  ];
  const summary = byId("summary");
  if (summary.textContent !== facts.map(({ textContent }) => textContent).join("")) {
    summary.replaceChildren(...facts);
  }
}

/** How many there are, where there are several, and how many of them are left out. */
function gatewayFacts({ gateways = [] }: Snapshot["status"]): HTMLElement[] {
  if (gateways.length === 0) return [];
  const silent = gateways.filter(({ state }) => state === null);
  if (silent.length === 0) return [element("span", `${gateways.length} gateways`)];
  const shape = element("span.shape");
  shape.dataset["shape"] = "gone";
  const numbers = silent.map(({ index }) => index).join(", ");
  return [element("span.state", shape, `gateway ${numbers} does not answer, and is left out`)];
}

function onState(state: LinkState): void {
  linkState = state;
  drawLink();
  const notice = byId("notice");
  if (state.kind === "lost") {
    clearTimeout(noticeTimer);
    const since = snapshot === null ? "" : ` These figures are from ${formatTime(snapshot.atMs)}.`;
    const retry = ` Trying again in ${formatAge(state.retryInMs)}.`;
    setText(byId("notice-text"), `No connection: ${state.why}.${since}${retry}`);
    setShown(byId("notice-button"), true);
    setShown(notice, true);
    drawSoon();
  } else if (state.kind === "live" || state.kind === "token-needed") {
    setShown(notice, false);
  }
  if (state.kind === "token-needed") {
    tokenDialog.ask(state.why, (token) => {
      link.token = token;
      link.open();
    });
  }
}

function drawLink(): void {
  const { kind } = linkState;
  // Between two attempts it is still lost.
  if (kind !== "opening" || document.body.dataset["link"] !== "lost") {
    document.body.dataset["link"] = kind;
  }
  const shape = byId("link").querySelector<HTMLElement>(".shape");
  if (shape !== null) shape.dataset["shape"] = LINK_SHAPES[kind];
  const time = snapshot === null ? "" : formatTime(snapshot.atMs);
  const texts: Readonly<Record<LinkState["kind"], string>> = {
    opening: "connecting",
    live: time === "" ? "live" : `live ${time}`,
    paused: "paused",
    lost: "connection lost",
    "token-needed": "locked",
  };
  setText(byId("link-text"), texts[kind]);
}

/** How something went that was asked for here. */
function tell(text: string): void {
  clearTimeout(noticeTimer);
  setText(byId("notice-text"), text);
  setShown(byId("notice-button"), false);
  setShown(byId("notice"), true);
  noticeTimer = setTimeout(() => setShown(byId("notice"), false), NOTICE_MS);
}

byId("notice-button").addEventListener("click", () => link.open());
link.open();
