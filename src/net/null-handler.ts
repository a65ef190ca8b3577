/**
 * What a stream reports to until its owner has set a handler: nobody.
 */
import type { ByteStreamHandler } from "./byte-stream.ts";

export const NULL_HANDLER: ByteStreamHandler = {
  onBytes() {},
  onEnd() {},
  onDrain() {},
  onClose() {},
};
