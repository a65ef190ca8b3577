/**
 * What commands say of themselves: `portico COMMAND --help`. Pure text, from their records.
 */
import type { OptionSpec } from "../../options/option-spec.ts";
import { type CommandRecord, commandOption } from "./command-records.ts";

const COLUMNS = 100;
const FLAG_COLUMNS = 26;

const WHICH_IS_MEANT =
  "Without an option that says which portico is meant, it is the only one of this user that " +
  "runs; where there are several, they are listed.";

/** Whole lines, at most 100 columns wide. */
export function commandHelp(record: CommandRecord): string {
  const { name, argument, summary, help, options } = record;
  const statuses: readonly (readonly [status: string, meaning: string])[] = [
    ["0", record.done],
    ["1", record.failed],
    ["2", "the command line is wrong, or it is not clear which portico is meant"],
    ["5", "no portico is running there"],
    ...(record.unknown === null ? [] : [["6", record.unknown] as const]),
  ];
  return [
    `Usage: portico ${name}${argument === null ? "" : ` ${argument}`} [options]`,
    "",
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    "",
    ...wrap(help),
    "",
    ...wrap(WHICH_IS_MEANT),
    "",
    "Options:",
    ...options.map((key) => optionLine(commandOption(key))),
    "",
    "Exit status:",
    ...statuses.map(([status, meaning]) => `  ${status}  ${meaning}`),
    "",
  ].join("\n");
}

function optionLine({ flag, short, placeholder, summary }: OptionSpec): string {
  const names = `${short === undefined ? "" : `${short}, `}${flag}`;
  const usage = placeholder === undefined ? names : `${names} ${placeholder}`;
  return `  ${usage.padEnd(FLAG_COLUMNS)}${summary}`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
