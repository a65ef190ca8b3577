import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { ALL_FIELDS, read } from "./proxied-request.ts";

const name = fc.constantFrom(
  "Forwarded",
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Real-IP",
);
const piece = fc.constantFrom(
  ..."for=|host=|proto=|https|http|6.6.6.6|127.0.0.1|10.0.0.1|[::1]|evil.example|unknown|_x".split(
    "|",
  ),
  ...',|, |;|"|\\|:|80|\t| |='.split("|"),
);
const value = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
const lines = fc.array(
  fc.tuple(name, value).map(([field, text]) => `${field}: ${text}`),
  { maxLength: 6 },
);

test("property: an untrusted peer changes nothing, whatever it sends", () => {
  const peer = fc.constantFrom("203.0.113.5", "2001:db8::5", "128.0.0.1");
  fc.assert(
    fc.property(lines, peer, fc.boolean(), (sent, from, explicit) => {
      const other = explicit ? { peer: from, believed: ALL_FIELDS } : { peer: from };
      const found = read(sent, other);
      assert.deepEqual({ ...found, overrides: null }, { ...read([], other), overrides: null });
      assert.ok([...found.overrides.values()].every((override) => override === null));
      assert.ok(sent.every((line) => found.overrides.has(line.split(":")[0]?.toLowerCase() ?? "")));
    }),
  );
});

/** What an appending proxy that was spoken to by `from` makes of the list. */
function appended(list: string, element: string): string {
  return list === "" ? element : `${list}, ${element}`;
}

test("property: behind k proxies that append, it is the true client, whatever it sent", () => {
  const proxies = fc.array(fc.constantFrom("10.0.0.1", "10.9.9.9", "127.0.0.1"), { maxLength: 5 });
  const who = fc.constantFrom("203.0.113.9", "2001:db8::9");
  const scheme = fc.constantFrom("http" as const, "https" as const);
  fc.assert(
    fc.property(value, value, proxies, who, scheme, (list, proto, between, from, by) => {
      // The client speaks to the first proxy by `by`, and each proxy to the next by http.
      let forwardedFor = list;
      let forwardedProto = proto;
      for (const [index, sender] of [from, ...between].entries()) {
        forwardedFor = appended(forwardedFor, sender);
        forwardedProto = appended(forwardedProto, index === 0 ? by : "http");
      }
      const found = read([
        `X-Forwarded-For: ${forwardedFor}`,
        `X-Forwarded-Proto: ${forwardedProto}`,
      ]);
      assert.deepEqual([found.remoteHost, found.scheme], [from, by]);
      assert.equal(
        found.overrides.get("x-forwarded-for") ?? forwardedFor,
        [from, ...between].join(", "),
      );
    }),
  );
});

test("property: the same by Forwarded", () => {
  const proxies = fc.array(fc.constantFrom("10.0.0.1", "10.9.9.9"), { maxLength: 5 });
  const host = fc.constantFrom("shop.portico.dev", "a,for=6.6.6.6", "a;b");
  const who = fc.constantFrom("203.0.113.9", "[2001:db8::9]");
  fc.assert(
    fc.property(value, proxies, host, who, (list, between, asked, from) => {
      let forwarded = appended(list, `for="${from}";proto=https;host="${asked}"`);
      for (const sender of between) {
        forwarded = appended(forwarded, `for=${sender};proto=http;host=inner`);
      }
      const found = read([`Forwarded: ${forwarded}`], { host: "web" });
      assert.equal(read([`Forwarded: ${forwarded}`]).host, "shop.portico.dev");
      assert.equal(found.remoteHost, from.replaceAll(/[[\]]/g, ""));
      assert.deepEqual([found.scheme, found.host], ["https", asked]);
      assert.ok((found.overrides.get("forwarded") ?? forwarded).startsWith(`for="${from}"`));
    }),
  );
});

test("property: a proxy that writes one kind cannot be overruled by the other", () => {
  const x = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"];
  fc.assert(
    fc.property(value, (forged) => {
      const byX = read([...x, `Forwarded: ${forged}`]);
      const byForwarded = read([
        "Forwarded: for=203.0.113.9;proto=https",
        `X-Forwarded-For: ${forged}`,
      ]);
      for (const found of [byX, byForwarded]) {
        if (found.contradictory) continue;
        assert.deepEqual(
          [found.remoteHost, found.scheme, found.host],
          ["203.0.113.9", "https", "shop.portico.dev"],
        );
      }
    }),
  );
});
