/**
 * The program of a load's child process: carries out its parent's orders, and ends with it.
 */
import { LocalParty } from "./local-party.ts";
import type { LoadNews, LoadOrder } from "./load-messages.ts";

/** How often the parent hears how far it is. */
const PROGRESS_INTERVAL_MS = 250;

let party: LocalParty | null = null;

function tell(news: LoadNews): void {
  // Where the parent is gone, "disconnect" ends the process.
  if (process.connected) process.send?.(news);
}

async function start(running: LocalParty): Promise<void> {
  const timer = setInterval(
    () => tell({ kind: "progress", progress: running.progress() }),
    PROGRESS_INTERVAL_MS,
  );
  const { measurements, windowMs, cpu } = await running.start();
  clearInterval(timer);
  tell({ kind: "ended", measurements: measurements.toData(), windowMs, cpu });
}

async function carryOut(order: LoadOrder): Promise<void> {
  switch (order.kind) {
    case "open":
      party = new LocalParty(order.plan);
      tell({ kind: "opened", opening: await party.open() });
      return;
    case "start":
      if (party !== null) await start(party);
      return;
    case "stop":
      party?.stop();
      return;
    default:
      order satisfies never;
  }
}

process.on("message", (order) => void carryOut(order as LoadOrder));
process.on("disconnect", () => process.exit());
// A terminal sends it to all processes; the parent says what is to be done.
process.on("SIGINT", () => {});
