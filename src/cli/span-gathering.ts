/**
 * From the variables that OpenTelemetry gives a meaning to for its batch processor (`OTEL_BSP_...`)
 * to how spans are gathered. The processor of the packages does not read them by itself.
 *
 * Owns which values can be meant, and every complaint.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { type SpanGathering, USUAL_GATHERING } from "../server/traces/span-queue.ts";

const QUEUE_SIZE = "OTEL_BSP_MAX_QUEUE_SIZE";
const BATCH_SIZE = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
const DELAY = "OTEL_BSP_SCHEDULE_DELAY";
const TIMEOUT = "OTEL_BSP_EXPORT_TIMEOUT";

/** A span takes about 2 kB while it waits. */
const WAITING_MAX = 1_000_000;
const HOUR_MS = 3_600_000;
const WHOLE_NUMBER = /^\d{1,9}$/;

/**
 * @throws {OperatorError} exit status 2: a variable that is no number of its range, or a message
 *   that would hold more than may wait
 */
export function spanGathering(env: NodeJS.ProcessEnv): SpanGathering {
  const usual = USUAL_GATHERING;
  const waitingMax = read(env, QUEUE_SIZE, "spans", 1, WAITING_MAX) ?? usual.waitingMax;
  const batchMax = read(env, BATCH_SIZE, "spans", 1, WAITING_MAX);
  if (batchMax !== null && batchMax > waitingMax) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      `${BATCH_SIZE}=${batchMax}: no message can hold more than wait, ${QUEUE_SIZE}, which is ` +
        `${waitingMax}; set that one too`,
    );
  }
  return {
    waitingMax,
    batchMax: batchMax ?? Math.min(usual.batchMax, waitingMax),
    gatheringMaxMs: read(env, DELAY, "milliseconds", 0, HOUR_MS) ?? usual.gatheringMaxMs,
    exportMaxMs: read(env, TIMEOUT, "milliseconds", 1, HOUR_MS) ?? usual.exportMaxMs,
  };
}

/** @returns null where it is not set; one that is empty is not (the standard says so) */
function read(
  env: NodeJS.ProcessEnv,
  name: string,
  unit: string,
  min: number,
  max: number,
): number | null {
  const text = env[name]?.trim() ?? "";
  if (text === "") return null;
  const value = WHOLE_NUMBER.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new OperatorError(
    EXIT_STATUS.usage,
    `${name}=${text}: expected a whole number of ${unit} from ${min} to ${max}`,
  );
}
