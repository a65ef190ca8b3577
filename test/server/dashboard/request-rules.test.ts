/** Which names the live page's server answers to, and to whose pages. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isLoopback, isOwnHost, isOwnSite } from "../../../src/server/dashboard/request-rules.ts";

describe("requests to the live page", () => {
  test("without a token come by a name that nobody else can point here", () => {
    const own = ["127.0.0.1:9000", "127.0.0.1", "[::1]:9000", "localhost", "LOCALHOST:1"];
    const others = [
      "evil.example",
      "evil.example:9000",
      "localhost.evil.example",
      "127.0.0.1.evil",
    ];
    const broken = [undefined, "", ":9000", "user@localhost", "localhost:99999", "[::1", "a b"];
    for (const host of [...own, "shop.localhost:9000", "192.0.2.7:9000"]) {
      assert.ok(isOwnHost(host, false), host);
    }
    for (const host of [...others, ...broken]) assert.ok(!isOwnHost(host, false), String(host));
    for (const host of [...own, ...others]) assert.ok(isOwnHost(host, true), host);
    for (const host of broken) assert.ok(!isOwnHost(host, true), String(host));
  });

  test("come from its own page, or from no browser", () => {
    const host = "127.0.0.1:9000";
    const from = (origin: string | undefined, fetchSite: string | undefined): boolean =>
      isOwnSite({ host, origin, fetchSite });
    assert.ok(from(undefined, undefined));
    assert.ok(from(undefined, "none"));
    assert.ok(from(`http://${host}`, "same-origin"));
    assert.ok(from(`https://${host}`, undefined));
    assert.ok(!from(undefined, "cross-site"));
    assert.ok(!from(undefined, "same-site"));
    assert.ok(!from(`http://${host}`, "cross-site"));
    assert.ok(!from("http://127.0.0.1:9001", undefined));
    assert.ok(!from("null", undefined));
    // A proxy in front may ask under another name than the browser did.
    assert.ok(from("https://page.example", "same-origin"));
  });

  test("can come from other machines unless the address is loopback's", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LocalHost"]) {
      assert.ok(isLoopback(host), host);
    }
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example", "localhost.example", ""]) {
      assert.ok(!isLoopback(host), host);
    }
  });
});
