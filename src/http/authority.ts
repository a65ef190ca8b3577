/**
 * `uri-host [ ":" port ]`: the value of the Host field and the authority of an http URI, without
 * userinfo (RFC 3986 section 3.2, RFC 9110 sections 4.2 and 7.2).
 *
 * Decides only whether a text has that form. Which hosts are served is policy, and not known here.
 */
import { parseIPv6Address } from "./ip-address.ts";
import { hexDigit } from "./target.ts";

const PORT_MAX = 65_535;

/** 1 for the characters of `reg-name` other than `%`: unreserved and sub-delims. */
const REG_NAME = /* @__PURE__ */ charTable(
  "-._~!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
);

function charTable(chars: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const char of chars) table[char.charCodeAt(0)] = 1;
  return table;
}

export interface Authority {
  /** As written; an IP literal with its brackets. */
  readonly host: string;
  /** Digits as written; null where there is no colon; "" where nothing follows it. */
  readonly port: string | null;
}

/**
 * Takes an authority apart.
 *
 * The host may be empty, as RFC 3986 has it; an http URI's may not (RFC 9110 section 4.2.1), which
 * is for the caller to refuse. A port above 65535 names nothing, and is not an authority.
 *
 * @returns null where the text is not a host with an optional port; also for userinfo (`user@host`)
 */
export function parseAuthority(text: string): Authority | null {
  const hostEnd = text.startsWith("[") ? ipLiteralEnd(text) : regNameEnd(text);
  if (hostEnd === -1) return null;
  const host = text.slice(0, hostEnd);
  if (hostEnd === text.length) return { host, port: null };
  const port = text.slice(hostEnd + 1);
  return text[hostEnd] === ":" && isPort(port) ? { host, port } : null;
}

function isPort(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return false;
  }
  return Number(text) <= PORT_MAX;
}

/** Where the `reg-name` or IPv4 address at the beginning ends; -1 for a bad percent-encoding. */
function regNameEnd(text: string): number {
  let index = 0;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code === 0x25) {
      const encoded =
        hexDigit(text.charCodeAt(index + 1)) !== -1 && hexDigit(text.charCodeAt(index + 2)) !== -1;
      if (!encoded) return -1;
      index += 3;
    } else if (code <= 0xff && REG_NAME[code] === 1) {
      index++;
    } else {
      break;
    }
  }
  return index;
}

/** The index behind the closing bracket of an `IP-literal`, or -1. */
function ipLiteralEnd(text: string): number {
  const close = text.indexOf("]");
  if (close === -1) return -1;
  const address = text.slice(1, close);
  return parseIPv6Address(address) !== null || isIpvFuture(address) ? close + 1 : -1;
}

/** `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )` */
function isIpvFuture(text: string): boolean {
  return /^v[0-9a-f]+\.[-\w.~!$&'()*+,;=:]+$/i.test(text);
}
