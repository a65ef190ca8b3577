/**
 * The whole table: every work that `npm run bench` measures, in its order.
 */
import type { Work } from "./work.ts";
import { BYTE_WORKS } from "./works/byte-works.ts";
import { HELLO_WORKS } from "./works/hello-works.ts";
import { PROCESS_WORKS } from "./works/process-works.ts";

export const WORKS: readonly Work[] = [...HELLO_WORKS, ...BYTE_WORKS, ...PROCESS_WORKS];
