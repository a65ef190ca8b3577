/**
 * What `portico load` says of itself: `portico load --help`. Pure text, from the records.
 */
import type { OptionSpec } from "../../options/option-spec.ts";
import { formatValue } from "../../options/values.ts";
import { LOAD_OPTION_KEYS, loadOption } from "./load-options.ts";

const FLAG_COLUMNS = 32;

const OPENING = `\
Usage: portico load [options] URL
       portico load [options] unix:PATH

Puts load on an HTTP server, and says how it did. URL is http://HOST[:PORT][/PATH][?QUERY].

Without --rate each connection sends as soon as it has its answer: how much the server can do. With
--rate requests are sent at their times, whether the server keeps up or not, and latency is counted
from the time at which a request was due: how long clients wait at that rate.
`;

const CLOSING = `\
Ctrl-C ends it and prints what there is; once more ends it at once.

Exit status:
  0    each request was answered, whatever the status of the answer
  1    the server cannot be reached, or some requests got no whole answer
  2    the command line is wrong
  130  ended at once, by a second Ctrl-C
`;

/** Whole lines, at most 100 columns wide. */
export function loadHelp(): string {
  const lines = LOAD_OPTION_KEYS.map((key) => optionLine(loadOption(key)));
  return `${OPENING}\nOptions:\n${lines.join("\n")}\n\n${CLOSING}`;
}

function optionLine(spec: OptionSpec): string {
  const { flag, short, placeholder, summary } = spec;
  const names = short === undefined ? `    ${flag}` : `${short}, ${flag}`;
  const usage = placeholder === undefined ? names : `${names} ${placeholder}`;
  const shown = formatValue(spec, spec.fallback);
  const hasDefault = spec.kind !== "boolean" && shown !== "none";
  return `  ${usage.padEnd(FLAG_COLUMNS)}  ${summary}${hasDefault ? ` [${shown}]` : ""}`;
}
