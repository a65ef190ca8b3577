/**
 * The addresses that options ask for: no two of them may want the same one. Without this the kernel
 * would say so of the second, in words that send people to look for another program.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import {
  type BindAddress,
  formatBindAddress,
  isSameAddress,
  type NamedAddress,
  takesAddress,
} from "../net/bind-address.ts";
import type { Options } from "../options/registry.ts";
import { readAddress } from "./observation-settings.ts";

interface Asked {
  readonly flag: "--bind" | "--metrics" | "--dashboard";
  readonly address: NamedAddress;
}

const REMEDIES = {
  "--bind": "leave one of the two out",
  "--metrics": "choose another address, or a path of the site, such as --metrics /metrics",
  "--dashboard": "choose another address",
} as const;

/**
 * @param bind what clients come to: as asked for, or handed over
 * @throws {OperatorError} exit status 2: two options want one address, or one is no address
 */
export function refuseSharedAddresses(options: Options, bind: readonly BindAddress[]): void {
  const { metrics, dashboard } = options;
  const asked: Asked[] = bind
    .filter((address) => address.kind !== "descriptor")
    .map((address) => ({ flag: "--bind", address }));
  if (metrics !== null && !metrics.startsWith("/")) {
    asked.push({ flag: "--metrics", address: readAddress("--metrics", metrics) });
  }
  if (dashboard !== null) {
    asked.push({ flag: "--dashboard", address: readAddress("--dashboard", dashboard) });
  }
  // In the order in which they are opened.
  asked.forEach((second, at) => {
    const first = asked.slice(0, at).find((one) => isTaken(one, second));
    if (first !== undefined) throw refusal(first, second);
  });
}

/** Among the sockets of the site, one may stand for all interfaces, and another for IPv6's. */
function isTaken(first: Asked, second: Asked): boolean {
  return first.flag === second.flag
    ? isSameAddress(first.address, second.address)
    : takesAddress(first.address, second.address);
}

function refusal(first: Asked, second: Asked): OperatorError {
  const { flag } = second;
  const text = formatBindAddress(second.address);
  const why =
    first.flag === flag
      ? "it is given twice"
      : `${first.flag} ${formatBindAddress(first.address)} has that address already`;
  return new OperatorError(EXIT_STATUS.usage, `${flag} ${text}: ${why}; ${REMEDIES[flag]}`);
}
