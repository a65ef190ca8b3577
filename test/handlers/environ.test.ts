import assert from "node:assert/strict";
import { test } from "node:test";

import { environEntries, pathInfo } from "../../src/handlers/environ.ts";
import type { Endpoints } from "../../src/handlers/handler.ts";
import type { HeaderMap } from "../../src/handlers/header-map.ts";
import { type Provenance, ProvenanceReader } from "../../src/handlers/provenance.ts";
import { IpNetworks } from "../../src/http/ip-network.ts";
import { HeaderSection, RequestHead, RequestTarget } from "../../src/http1/request-head.ts";

const TCP: Endpoints = {
  remote: { family: "inet", host: "192.0.2.7", port: 50_123 },
  local: { family: "inet", host: "192.0.2.1", port: 8000 },
  scheme: "http",
};
const UNIX: Endpoints = {
  remote: { family: "unix", path: "" },
  local: { family: "unix", path: "/run/a.sock" },
  scheme: "http",
};

const NOBODY = new IpNetworks([], false);

type Field = readonly [name: string, value: string];

function section(fields: readonly Field[], method = "GET", versionMinor: 0 | 1 = 1): HeaderSection {
  return new HeaderSection(
    method,
    versionMinor,
    fields.map(([name]) => name),
    fields.map(([, value]) => value),
    { kind: "none" },
    true,
    false,
    fields.find(([name]) => name === "host")?.[1] ?? null,
  );
}

interface Circumstances {
  readonly authority?: string;
  readonly endpoints?: Endpoints;
  readonly method?: string;
  readonly versionMinor?: 0 | 1;
  readonly headerMap?: HeaderMap;
  /** What a trusted proxy said, as the provenance has it. */
  readonly provenance?: Partial<Provenance>;
}

/** The entries as an object; each name is there once. */
function environ(fields: readonly Field[], other: Circumstances = {}): Record<string, string> {
  const { authority = null, endpoints = TCP } = other;
  const header = section(fields, other.method, other.versionMinor);
  const target = new RequestTarget("/", "origin", "/", "", authority);
  const provenance = {
    ...new ProvenanceReader(NOBODY).read(new RequestHead(target, header), endpoints),
    ...other.provenance,
  };
  const entries = environEntries(header, provenance, endpoints.local, other.headerMap ?? "drop");
  const names = entries.map(([name]) => name);
  assert.equal(new Set(names).size, names.length, "no name is there twice");
  return Object.fromEntries(entries);
}

test("the CGI variables of a request over TCP", () => {
  assert.deepEqual(environ([["host", "example.org:8080"]]), {
    REQUEST_METHOD: "GET",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_NAME: "192.0.2.1",
    SERVER_PORT: "8000",
    REMOTE_ADDR: "192.0.2.7",
    REMOTE_PORT: "50123",
    "wsgi.url_scheme": "http",
    HTTP_HOST: "example.org:8080",
  });
});

test("method, version and scheme are the request's", () => {
  const { REQUEST_METHOD, SERVER_PROTOCOL, ...rest } = environ([], {
    method: "PATCH",
    versionMinor: 0,
    endpoints: { ...TCP, scheme: "https" },
  });
  assert.deepEqual([REQUEST_METHOD, SERVER_PROTOCOL], ["PATCH", "HTTP/1.0"]);
  assert.equal(rest["wsgi.url_scheme"], "https");
  assert.equal("HTTP_HOST" in rest, false);
});

test("fields become HTTP_ names; repeated ones are joined by commas, cookies by semicolons", () => {
  const entries = environ([
    ["x-list", "a"],
    ["cookie", "a=1"],
    ["accept", ""],
    ["x-list", "b, c"],
    ["cookie", "b=2; c=3"],
    ["x-caf", "\xe9"],
  ]);
  assert.equal(entries["HTTP_X_LIST"], "a, b, c");
  assert.equal(entries["HTTP_COOKIE"], "a=1; b=2; c=3");
  assert.equal(entries["HTTP_ACCEPT"], "");
  assert.equal(entries["HTTP_X_CAF"], "\xe9");
});

test("Content-Type and Content-Length have names of their own, or are not there", () => {
  const entries = environ([
    ["content-type", "text/plain"],
    ["content-length", "5"],
  ]);
  assert.equal(entries["CONTENT_TYPE"], "text/plain");
  assert.equal(entries["CONTENT_LENGTH"], "5");
  const names = Object.keys(entries).filter((name) => name.startsWith("HTTP_"));
  assert.deepEqual(names, []);
  const without = environ([]);
  assert.ok(!("CONTENT_TYPE" in without) && !("CONTENT_LENGTH" in without));
});

test("what could be taken for something else is dropped", () => {
  const entries = environ([
    ["proxy", "http://evil.example"],
    ["transfer-encoding", "chunked"],
    ["x_user", "admin"],
    ["x-user", "guest"],
    ["content_length", "7"],
    ["proxy-authorization", "kept"],
  ]);
  const names = Object.keys(entries).filter((name) => /^(?:HTTP|CONTENT)_/.test(name));
  assert.deepEqual(names.toSorted(), ["HTTP_PROXY_AUTHORIZATION", "HTTP_X_USER"]);
  assert.equal(entries["HTTP_X_USER"], "guest");
});

test("the authority of an absolute-form overrides Host, also where there is none", () => {
  const withHost = environ([["host", "other.example"]], { authority: "example.org:81" });
  assert.equal(withHost["HTTP_HOST"], "example.org:81");
  const without = environ([], { authority: "example.org:81", versionMinor: 0 });
  assert.equal(without["HTTP_HOST"], "example.org:81");
});

test("over a Unix socket the server's name and port come from Host, and are never empty", () => {
  const cases: readonly [host: string | null, name: string, port: string][] = [
    ["example.org:8080", "example.org", "8080"],
    ["example.org", "example.org", "80"],
    ["[2001:db8::1]", "[2001:db8::1]", "80"],
    ["[2001:db8::1]:8080", "[2001:db8::1]", "8080"],
    ["example.org:", "example.org", "80"],
    ["", "localhost", "80"],
    [null, "localhost", "80"],
  ];
  for (const [host, name, port] of cases) {
    const entries = environ(host === null ? [] : [["host", host]], { endpoints: UNIX });
    assert.deepEqual([entries["SERVER_NAME"], entries["SERVER_PORT"]], [name, port], String(host));
    assert.deepEqual([entries["REMOTE_ADDR"], entries["REMOTE_PORT"]], ["", ""]);
  }
  const https = environ([["host", "a"]], { endpoints: { ...UNIX, scheme: "https" } });
  assert.equal(https["SERVER_PORT"], "443");
});

test("what a proxy says takes the place of the socket's addresses and of fields", () => {
  const fields: readonly Field[] = [
    ["host", "127.0.0.1:8000"],
    ["x-forwarded-for", "6.6.6.6, 203.0.113.9"],
    ["forwarded", "for=6.6.6.6"],
    ["x-other", "kept"],
  ];
  const provenance: Partial<Provenance> = {
    remoteHost: "203.0.113.9",
    remotePort: "",
    scheme: "https",
    host: "shop.example",
    forwarded: true,
    overrides: new Map([
      ["x-forwarded-for", "203.0.113.9"],
      ["forwarded", null],
    ]),
  };
  assert.deepEqual(environ(fields, { provenance }), {
    REQUEST_METHOD: "GET",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_NAME: "shop.example",
    SERVER_PORT: "443",
    REMOTE_ADDR: "203.0.113.9",
    REMOTE_PORT: "",
    "wsgi.url_scheme": "https",
    HTTP_HOST: "shop.example",
    HTTP_X_FORWARDED_FOR: "203.0.113.9",
    HTTP_X_OTHER: "kept",
  });
  const port = environ([], { provenance: { ...provenance, host: "[2001:db8::1]:8443" } });
  assert.deepEqual([port["SERVER_NAME"], port["SERVER_PORT"]], ["[2001:db8::1]", "8443"]);
  const nameless = environ([], { provenance: { ...provenance, host: null } });
  assert.deepEqual([nameless["SERVER_NAME"], nameless["SERVER_PORT"]], ["192.0.2.1", "443"]);
});

test("dangerous: names with underscores are combined, but none that somebody relies on", () => {
  const entries = environ(
    [
      ["x_user", "b"],
      ["x-user", "a"],
      ["x_only", "c"],
      ["x_on_ly", "d"],
      ["x_user", "e"],
      ...["content_length", "content_type", "transfer_encoding", "sec_fetch_site", "x_real_ip"].map(
        (name): Field => [name, "evil"],
      ),
      ...["x_forwarded_for", "x-forwarded_proto", "x_forwarded_user", "cf_connecting_ip"].map(
        (name): Field => [name, "evil"],
      ),
    ],
    { headerMap: "dangerous" },
  );
  const fields = Object.entries(entries).filter(([name]) => /^(?:HTTP|CONTENT)_/.test(name));
  assert.deepEqual(Object.fromEntries(fields), {
    HTTP_X_USER: "a, b, e",
    HTTP_X_ONLY: "c",
    HTTP_X_ON_LY: "d",
  });
});

test("PATH_INFO is what stands behind the root path", () => {
  const cases: readonly [path: string, rootPath: string, expected: string][] = [
    ["/a/b", "", "/a/b"],
    ["/app/a", "/app", "/a"],
    ["/app", "/app", ""],
    ["/app/", "/app", "/"],
    ["/app//a", "/app", "//a"],
    ["/application", "/app", "/application"],
    ["/other", "/app", "/other"],
    ["/caf\xc3\xa9/a", "/caf\xc3\xa9", "/a"],
  ];
  for (const [path, rootPath, expected] of cases) {
    assert.equal(pathInfo(path, rootPath), expected, `${path} behind ${rootPath}`);
  }
});
