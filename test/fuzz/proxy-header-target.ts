/** PROXY headers: any cut comes to the same, and what is read has been there in these words. */
import assert from "node:assert/strict";
import { parseIpAddress } from "../../src/http/ip-address.ts";
import type { ProxyProtocol } from "../../src/net/proxy-header.ts";
import type { SocketAddress } from "../../src/os/socket-address.ts";
import { CUTS } from "../http1/cut-and-replay.ts";
import { acceptVectors, rejectVectors, replay, type Replay } from "../net/proxy-header-vectors.ts";
import { type Dice, hashOf } from "./dice.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { mutate } from "./mutate.ts";

const PROTOCOLS: readonly ProxyProtocol[] = ["v1", "v2", "auto"];
const LINE_MAX_BYTES = 107;

const vectors = [...acceptVectors(), ...rejectVectors()].map(({ bytes }) => bytes);

/** Version 1 as one expression: what the program reads by hand. */
const host = "([0-9a-fA-F.:]+)";
const port = "(0|[1-9][0-9]{0,4})";
const LINE = new RegExp(
  `^PROXY (?:(UNKNOWN)(?: [^\\r\\n]*)?|(TCP4|TCP6) ${host} ${host} ${port} ${port})\\r\\n`,
);

function isLine(text: string): boolean {
  const match = LINE.exec(text);
  if (match === null || match[0].length > LINE_MAX_BYTES) return false;
  const [, unknown, protocol, remote = "", local = "", ...ports] = match;
  if (unknown !== undefined) return true;
  const isOfFamily = (address: string): boolean =>
    parseIpAddress(address) !== null && address.includes(":") === (protocol === "TCP6");
  const areAddresses = isOfFamily(remote) && isOfFamily(local);
  return areAddresses && ports.every((number) => Number(number) <= 65_535);
}

function checkAddress(address: SocketAddress): void {
  if (address.family === "unix") {
    assert.ok(Buffer.byteLength(address.path, "latin1") <= 108, "a path of at most 108 bytes");
    return;
  }
  assert.ok(parseIpAddress(address.host) !== null, "an address is an address");
  assert.ok(address.port >= 0 && address.port <= 65_535, "a port is a port");
}

function checkResult(input: Buffer, protocol: ProxyProtocol, result: Replay): void {
  if ("code" in result) return;
  const { header, rest } = result;
  assert.ok(rest.length <= input.length, "no byte comes from nowhere");
  assert.ok(input.subarray(input.length - rest.length).equals(rest), "the rest is the rest");
  if (header === null) {
    assert.ok(protocol === "auto" && rest.length === input.length, "nothing is taken of no header");
  } else if (header.kind === "client") {
    checkAddress(header.remote);
    checkAddress(header.local);
  }
}

function kindOf(result: Replay): string {
  return "code" in result ? result.code : (result.header?.kind ?? "none");
}

export const proxyHeaderTarget: FuzzTarget = {
  name: "proxy-header",
  seeds: () => [...vectors],
  generate: (dice: Dice) => mutate(dice, dice.pick(vectors), dice.pick(vectors)),

  check(input) {
    for (const protocol of PROTOCOLS) {
      const whole = replay([input], protocol);
      checkResult(input, protocol, whole);
      for (const [way, cut] of Object.entries(CUTS)) {
        if (way === "by byte" && input.length > 300) continue;
        const pieces = cut(input, hashOf(input));
        assert.deepEqual(replay(pieces, protocol), whole, `another outcome when cut ${way}`);
      }
    }
    const asLine = replay([input], "v1");
    assert.equal("header" in asLine, isLine(input.toString("latin1")), "version 1 by its grammar");
    return PROTOCOLS.map((protocol) => kindOf(replay([input], protocol))).join();
  },
};
