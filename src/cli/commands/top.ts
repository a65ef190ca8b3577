/**
 * `portico top`: at a terminal a view that renews itself, elsewhere what there is to see now, once.
 */
import type { ReadStream, WriteStream } from "node:tty";
import { EXIT_STATUS, type ExitStatus } from "../../base/errors.ts";
import { escapeAndCutForLog } from "../../base/escape.ts";
import type { Viewer } from "../../server/control/control-place.ts";
import { asciiJson } from "../../server/control/control-protocol.ts";
import type { ObservedMoment } from "../../server/control/observe-command.ts";
import type { CommandArguments } from "./command-arguments.ts";
import type { CommandOutput } from "./command-output.ts";
import { converse } from "./control-client.ts";
import { conversationEndText, nobodyThere } from "./conversation-end.ts";
import { findGateway, type MeantGateway } from "./gateway-search.ts";
import type { ScreenStyle } from "./top-line.ts";
import { renderTop, SPARKLINE_SECONDS } from "./top-screen.ts";
import { TopSession } from "./top-session.ts";
import { TopTerminal } from "./top-terminal.ts";

/** Of the process; tests bring their own. */
export interface TopStreams {
  readonly input: ReadStream;
  /** Standard output, where it is one. */
  readonly terminal: WriteStream;
  /** The same, for what is printed once; and standard error. */
  readonly output: CommandOutput;
}

const INTERVAL_MS = 1_000;
const FIRST_ANSWER_MAX_MS = 10_000;
/** In a list that is not cut to a screen. */
const CONNECTIONS_SHOWN = 20;
/** For lines that go to a file or a program. */
const PLAIN: ScreenStyle = { colours: false, unicode: false };
const WHY_MAX_CHARS = 1_000;
/** As a shell reports what ended by a signal. */
const ENDED_BY = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * @throws {OperatorError} exit status 2 or 5: it is not clear which one is meant, or there is none
 */
export async function runTop(
  args: CommandArguments,
  viewer: Viewer,
  streams: TopStreams,
): Promise<number> {
  const gateway = await findGateway(args, viewer);
  const { input, output } = streams;
  const isInteractive = input.isTTY && streams.terminal.isTTY && !args.once && !args.json;
  if (!isInteractive) return printOnce(gateway, args.json, output);
  const style = screenStyle(viewer.env);
  const session = new TopSession(gateway, {
    intervalMs: args.intervalMs ?? INTERVAL_MS,
    style,
    find: () => findGateway(args, viewer),
  });
  const terminal = new TopTerminal(input, streams.terminal, {
    onKey: (key) => session.onKey(key),
    onResize: () => session.draw(),
    onGone: () => session.end(EXIT_STATUS.failure),
  });
  let endedBy: keyof typeof ENDED_BY | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    endedBy = signal as keyof typeof ENDED_BY;
    session.end();
  };
  for (const signal of Object.keys(ENDED_BY)) process.on(signal, onSignal);
  try {
    terminal.open();
    const { status, complaint } = await session.run(terminal);
    terminal.close();
    if (complaint !== null) output.complain(complaint);
    return endedBy === null ? status : ENDED_BY[endedBy];
  } finally {
    terminal.close();
    for (const signal of Object.keys(ENDED_BY)) process.off(signal, onSignal);
  }
}

async function printOnce(
  gateway: MeantGateway,
  json: boolean,
  output: CommandOutput,
): Promise<ExitStatus> {
  const request = { command: "observe", arguments: { shown: CONNECTIONS_SHOWN } };
  const first = Promise.withResolvers<ObservedMoment>();
  const conversation = converse(gateway.path, request, FIRST_ANSWER_MAX_MS, (result) => {
    first.resolve(result as ObservedMoment);
  });
  const moment = await Promise.race([first.promise, conversation.end]);
  conversation.close();
  if ("kind" in moment) {
    const { kind } = moment;
    if (kind === "nobody") {
      output.complain(nobodyThere(gateway));
      return EXIT_STATUS.notRunning;
    }
    const isRefused = kind === "answered" && moment.answer.kind === "refused";
    const why = isRefused ? moment.answer.why : endText(moment);
    output.complain(
      `portico: top: ${escapeAndCutForLog(`${gateway.name}: ${why}`, WHY_MAX_CHARS)}\n`,
    );
    return EXIT_STATUS.failure;
  }
  if (json) {
    output.out(`${asciiJson(moment, 2)}\n`);
    return EXIT_STATUS.clean;
  }
  const { snapshot, history } = moment;
  const view = {
    snapshot,
    history: history.slice(-SPARKLINE_SECONDS),
    selectedPid: null,
    notice: null,
    stack: null,
  };
  const size = { columns: Infinity, rows: Infinity };
  output.out(`${renderTop(view, size, PLAIN).join("\n")}\n`);
  return EXIT_STATUS.clean;
}

function endText(end: Awaited<ReturnType<typeof converse>["end"]>): string {
  return end.kind === "answered" ? "it shows nothing of itself" : conversationEndText(end);
}

/** As no-color.org, terminfo(5) and locale(7) have it. */
export function screenStyle(env: Readonly<Record<string, string | undefined>>): ScreenStyle {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return {
    colours: !env["NO_COLOR"] && env["TERM"] !== "dumb",
    unicode: /utf-?8/i.test(locale) && env["TERM"] !== "linux",
  };
}
