/**
 * A reload of all gateways at once: each makes the new code ready, and it is given the traffic
 * everywhere or nowhere.
 */
import type { ReloadOutcome } from "../../workers/supervisor-status.ts";
import type { GatewayGroup } from "./gateway-group.ts";
import type { PrepareOutcome } from "./gateway-messages.ts";
import type { GatewayProcess } from "./gateway-process.ts";

/** What a gateway gets to say which generations it has. */
const STATUS_TIMEOUT_MS = 2_000;

/**
 * Brings the code as it is now into service in all gateways that accept. One that ends meanwhile
 * counts for nothing: whoever comes in its place imports what is there by then.
 */
export async function reloadTogether(group: GatewayGroup): Promise<ReloadOutcome> {
  return group.exclusively(
    (accepting) => prepareAndDecide(group, accepting),
    ({ kind }) => kind === "serving",
  );
}

async function prepareAndDecide(
  group: GatewayGroup,
  accepting: readonly GatewayProcess[],
): Promise<ReloadOutcome> {
  const generation = (await newest(group, accepting)) + 1;
  group.generation = generation;
  const outcomes = await Promise.all(
    accepting.map((process) => process.ask("prepare", { generation })),
  );
  const objection = findObjection(outcomes);
  const why = objection?.kind === "failed" ? objection.why : null;
  const verdict = objection === null ? null : `another gateway is not ready: ${why ?? "it stops"}`;
  await Promise.all(accepting.map((process) => process.ask("decide", { objection: verdict })));
  if (objection === null) return { kind: "serving", generation };
  if (objection.kind === "stopping") return objection;
  return { kind: "failed", generation, why: objection.why, details: objection.details };
}

/** The first one that stands against it; null where there is none. */
function findObjection(
  outcomes: readonly (PrepareOutcome | null)[],
): Exclude<PrepareOutcome, { readonly kind: "ready" }> | null {
  const answers = outcomes.filter((outcome) => outcome !== null);
  for (const outcome of answers) if (outcome.kind !== "ready") return outcome;
  if (answers.length > 0) return null;
  return { kind: "failed", why: "all gateways ended meanwhile", details: null };
}

/** A gateway may have imported the code by itself, so that its numbers are ahead of the others'. */
async function newest(group: GatewayGroup, accepting: readonly GatewayProcess[]): Promise<number> {
  const statuses = await Promise.all(
    accepting.map((process) => process.ask("status", null, STATUS_TIMEOUT_MS)),
  );
  const numbers = statuses.flatMap(
    (status) => status?.generations.map(({ number }) => number) ?? [],
  );
  return Math.max(group.generation, ...numbers);
}
