/**
 * Loaded before the tests by `scripts/test`: what the properties are tried with, as far as they do
 * not say so themselves. The same cases each time, so that a change is not blamed for what luck
 * has found; or, for `scripts/check-long`, many more and others each time.
 */
import fc from "fast-check";

const SEED = 9112;
const runs = Number(process.env["PORTICO_PROPERTY_RUNS"]);
const isSearch = Number.isSafeInteger(runs) && runs > 0;
fc.configureGlobal(isSearch ? { numRuns: runs } : { seed: SEED });
