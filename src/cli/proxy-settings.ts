/**
 * From the options about proxies and hosts to what is made of them. Owns their notation as lists;
 * decides nothing.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { BelievedFields } from "../handlers/forwarded-claim.ts";
import { type HostPattern, parseHostPattern } from "../handlers/allowed-hosts.ts";
import { type IpNetwork, IpNetworks, parseIpNetwork } from "../http/ip-network.ts";
import { trimOws } from "../http/fields.ts";

const FIELD_WORDS = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
] as const;

/**
 * The networks of an option: addresses, CIDR networks, `*` for every address, or `none` alone.
 *
 * @param texts as given; each may hold several, parted by commas
 * @throws {OperatorError} exit status 2: a member is none of these
 */
export function readNetworks(flag: string, texts: readonly string[]): IpNetworks {
  const members = membersOf(texts);
  if (members.length === 1 && members[0] === "none") return new IpNetworks([], false);
  const networks: IpNetwork[] = [];
  for (const member of members) {
    if (member === "*") continue;
    const parsed = parseIpNetwork(member);
    if (parsed.kind === "refused") {
      throw new OperatorError(EXIT_STATUS.usage, `${flag}: ${member} ${parsed.why}`);
    }
    networks.push(parsed.network);
  }
  return new IpNetworks(networks, members.includes("*"));
}

/**
 * Which fields of trusted proxies are believed.
 *
 * @param texts see {@link readNetworks}; `auto` alone, or names of fields
 * @param auto  what `auto` stands for
 * @throws {OperatorError} exit status 2: a member is no such name, or stands beside `auto`
 */
export function readBelievedFields(
  flag: string,
  texts: readonly string[],
  auto: BelievedFields,
): BelievedFields {
  const members = membersOf(texts).map((member) => member.toLowerCase());
  if (members.length === 1 && members[0] === "auto") return auto;
  const known: readonly string[] = FIELD_WORDS;
  const unknown = members.find((member) => !known.includes(member));
  if (unknown !== undefined) {
    const expected = `auto, or some of ${FIELD_WORDS.join(", ")}`;
    throw new OperatorError(EXIT_STATUS.usage, `${flag}: expected ${expected}, not ${unknown}`);
  }
  const has = (word: (typeof FIELD_WORDS)[number]): boolean => members.includes(word);
  return {
    forwarded: has("forwarded"),
    forwardedHost: has("forwarded"),
    xForwardedFor: has("x-forwarded-for"),
    xForwardedProto: has("x-forwarded-proto"),
    xForwardedHost: has("x-forwarded-host"),
    xForwardedPort: has("x-forwarded-port"),
  };
}

/**
 * The hosts that requests may be for; null for any, which is also what `*` stands for.
 *
 * @param texts see {@link readNetworks}
 * @throws {OperatorError} exit status 2: a member is no host
 */
export function readHostPatterns(flag: string, texts: readonly string[]): HostPattern[] | null {
  const members = membersOf(texts);
  if (members.length === 0 || members.includes("*")) return null;
  return members.map((member) => {
    const parsed = parseHostPattern(member);
    if (parsed.kind === "pattern") return parsed.pattern;
    throw new OperatorError(EXIT_STATUS.usage, `${flag}: ${member} ${parsed.why}`);
  });
}

/** The members of all texts, which are parted by commas as in the environment. */
export function membersOf(texts: readonly string[]): string[] {
  return texts
    .flatMap((text) => text.split(","))
    .map((member) => trimOws(member))
    .filter((member) => member !== "");
}
