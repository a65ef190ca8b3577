/**
 * The program as one of several gateways, started by a leader (`src/cli/gateways/lead.ts`) with the
 * same options: what it is told beside them is in its environment, and all else over a stream.
 */
import { Socket } from "node:net";
import { OperatorError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { PatientClock } from "../../base/patient-clock.ts";
import { RefusalReport } from "../../handlers/refusal-report.ts";
import { openTransport } from "../../net/open-transport.ts";
import { raiseDescriptorLimit } from "../../os/descriptors.ts";
import { realClock } from "../../os/real-clock.ts";
import { Gateway, type GatewaySettings } from "../../server/gateway.ts";
import {
  type Ask,
  type GatewayOffer,
  LEADER_DESCRIPTOR,
} from "../../server/gateways/gateway-messages.ts";
import { LedGateway } from "../../server/gateways/led-gateway.ts";
import { LedSurroundings } from "../../server/gateways/led-surroundings.ts";
import { MessageStream } from "../../server/gateways/message-stream.ts";
import { openAccessLog } from "../access-log-settings.ts";
import { ErrorLog, openLog } from "../error-log.ts";
import { gatewaySettings, type Run } from "../gateway-settings.ts";
import { successionSettings } from "../system-settings.ts";
import { openTraces } from "../trace-settings.ts";
import { takeUmask } from "../umask.ts";
import { optionsOfOne } from "./gateways-settings.ts";

/**
 * What a terminal sends to all processes, a service manager to its whole control group, or a person
 * to the wrong one. The leader hears it too, and says what is to be done.
 */
const LEADERS_SIGNALS = [
  "SIGTERM",
  "SIGINT",
  "SIGQUIT",
  "SIGHUP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGUSR1",
  "SIGUSR2",
] as const;

/**
 * Serves until the leader says otherwise. Where it cannot, the leader is told why: it is the one
 * that says so, once for all gateways.
 *
 * @param prepare makes the run of the options
 * @param env what the application may see of the environment
 */
export async function serveLed(
  prepare: () => Run | null,
  env: NodeJS.ProcessEnv,
  offer: GatewayOffer,
): Promise<void> {
  for (const signal of LEADERS_SIGNALS) process.on(signal, () => {});
  const leader = new MessageStream<Ask>(
    new Socket({ fd: LEADER_DESCRIPTOR, readable: true, writable: true }),
  );
  try {
    const run = prepare();
    if (run !== null) await serveBesideOthers(run, env, offer, leader);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const { exitStatus, message: why, details } = error;
    await leader.sayLast({ told: { kind: "failed", exitStatus, why, details } });
    process.exit(exitStatus);
  }
}

/** @throws {OperatorError} exit status 1 to 4 */
async function serveBesideOthers(
  run: Run,
  env: NodeJS.ProcessEnv,
  offer: GatewayOffer,
  leader: MessageStream<Ask>,
): Promise<void> {
  const options = optionsOfOne(run.options);
  takeUmask(options);
  const errorLog = options.errorLog === null ? null : ErrorLog.open(options.errorLog);
  errorLog?.started();
  const log = namedLog(openLog(options), offer.index);
  const accessLog = openAccessLog(options, process.env, log);
  process.on("exit", () => accessLog?.end());
  const transport = openTransport("epoll", log, "waiting");
  raiseDescriptorLimit(log);
  const surroundings = new LedSurroundings(offer);
  const system = {
    bind: surroundings.bind,
    isSuccessor: false,
    surroundings,
    succession: successionSettings(options, process.env),
  };
  const ownRun = { ...run, options, workers: { range: offer.workers, reason: "its part" } };
  const settings = gatewaySettings(ownRun, transport, env, system, null, {
    refusals: new RefusalReport(log, realClock),
    access: accessLog,
    metrics: options.metrics === null ? null : { kind: "leader" },
    traces: await openTraces(options, process.env, run.version, log),
  });
  const clock = new PatientClock(realClock);
  const gateway = new Gateway(transport, besideOthers(settings, offer), log, clock);
  const actions = {
    backlog: options.backlog,
    reopenLogs: () => {
      accessLog?.reopen();
      if (errorLog?.reopen(log) === true) gateway.supervisor.reopenLogs();
    },
    exit: (status: number) => process.exit(status),
  };
  const led = new LedGateway(gateway, transport, surroundings, offer, leader, actions, log);
  process.on("uncaughtException", (error) => {
    log.error("the gateway failed", {}, error.stack ?? String(error));
    void led.fail();
  });
  await led.run();
}

/** What follows from there being other gateways: generations' numbers, and what WSGI is told. */
function besideOthers(settings: GatewaySettings, offer: GatewayOffer): GatewaySettings {
  const { supervisor } = settings;
  const { generation } = supervisor;
  const zygote = { ...generation.zygote, multiprocess: true };
  return {
    ...settings,
    supervisor: {
      ...supervisor,
      generationFirst: offer.generation,
      generation: { ...generation, zygote },
    },
  };
}

/** Each line says which gateway it is from. */
function namedLog(log: Log, gateway: number): Log {
  return {
    error: (message, fields, details) => log.error(message, { ...fields, gateway }, details),
    warn: (message, fields, details) => log.warn(message, { ...fields, gateway }, details),
    info: (message, fields, details) => log.info(message, { ...fields, gateway }, details),
    debug: (message, fields, details) => log.debug(message, { ...fields, gateway }, details),
  };
}
