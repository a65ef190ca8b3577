import { byteStreamSuite } from "./byte-stream-suite.ts";
import { workerLinkSuite } from "./worker-link-suite.ts";

byteStreamSuite("node");
workerLinkSuite("node");
