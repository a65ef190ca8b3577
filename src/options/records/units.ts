/**
 * Units in which defaults and ranges are written down.
 */
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
/** Milliseconds. */
export const SECOND = 1000;
export const DAY = 86_400 * SECOND;
