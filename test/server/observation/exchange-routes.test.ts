/** Routes are the operator's names, whatever clients ask for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ExchangeRoutes } from "../../../src/server/observation/exchange-routes.ts";

const ROUTES = new Map([
  ["/api", "api"],
  ["/api/users/", "users"],
  ["/static", "files"],
  ["/media", "files"],
]);

function routeOf(routes: ExchangeRoutes, path: string | null): string | undefined {
  return routes.names[routes.indexOf(path)];
}

test("the longest prefix decides; what fits none is other", () => {
  const routes = new ExchangeRoutes(ROUTES);
  assert.deepEqual(routes.names, ["api", "users", "files", "other"]);
  for (const [path, route] of [
    ["/api", "api"],
    ["/api/users", "api"],
    ["/api/users/7", "users"],
    ["/apiary", "other"],
    ["/%61pi/x", "api"],
    ["/media/a.png", "files"],
    ["/static/a.css", "files"],
    ["*", "other"],
    [null, "other"],
  ] as const) {
    assert.equal(routeOf(routes, path), route, String(path));
    assert.equal(routeOf(routes, path), route, `${path} once more`);
  }
});

test("without names there is one route", () => {
  const routes = new ExchangeRoutes();
  assert.equal(routeOf(routes, "/api"), "other");
  assert.deepEqual(routes.names, ["other"]);
});

test("whatever number of paths makes no other route", () => {
  const routes = new ExchangeRoutes(ROUTES);
  for (let id = 0; id < 5_000; id++) assert.equal(routeOf(routes, `/api/users/${id}`), "users");
  assert.equal(routeOf(routes, `/static/${"x".repeat(300)}`), "files");
});
