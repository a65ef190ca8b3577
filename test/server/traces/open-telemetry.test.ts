import assert from "node:assert/strict";
import { test } from "node:test";

import type { TraceParent } from "../../../src/http/trace-context.ts";
import { loadOpenTelemetry, openSampling } from "../../../src/server/traces/open-telemetry.ts";
import { TraceIds } from "../../../src/server/traces/trace-ids.ts";

const IDS: TraceParent = { traceId: "1".repeat(32), spanId: "2".repeat(16), isSampled: true };
const PARENT: TraceParent = { ...IDS, isSampled: false };
const LIBRARY = await loadOpenTelemetry();

test("a ratio decides by the trace's id, as every other program does that has the ratio", () => {
  const half = openSampling(LIBRARY, { ratio: 0.5, isParentBased: true });
  const random = new TraceIds();
  const ids = Array.from({ length: 400 }, () => random.nextTraceId());
  const kept = ids.filter((id) => half(id, null));
  assert.ok(kept.length > 100 && kept.length < 300, `${kept.length} of 400`);
  assert.deepEqual(
    ids.filter((id) => half(id, null)),
    kept,
  );
  const never = openSampling(LIBRARY, { ratio: 0, isParentBased: true });
  const always = openSampling(LIBRARY, { ratio: 1, isParentBased: false });
  assert.equal(never(IDS.traceId, IDS), true, "its parent is recorded");
  assert.equal(never(IDS.traceId, null), false);
  assert.equal(half(kept[0] ?? "", PARENT), false, "its parent is not");
  assert.equal(always(IDS.traceId, PARENT), true);
});
