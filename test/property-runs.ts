/**
 * Loaded before the tests by `scripts/check-long`: sets how often each property is tried, for all
 * properties that do not say so themselves.
 */
import fc from "fast-check";

const runs = Number(process.env["PORTICO_PROPERTY_RUNS"]);
if (Number.isSafeInteger(runs) && runs > 0) fc.configureGlobal({ numRuns: runs });
