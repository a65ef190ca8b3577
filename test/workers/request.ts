/** Requests for the dispatcher and the channel, as a handler would make them. */
import { type ApplicationRequest, EnvironTemplate } from "../../src/workers/application-request.ts";
import { encodeEnviron } from "../../src/workers/protocol.ts";

/** The environ entries by which a test recognises a template. */
export function templateNamed(name: string): EnvironTemplate {
  return new EnvironTemplate(encodeEnviron([["HTTP_X_NAME", name]]));
}

export function makeRequest(
  path: string,
  other: Partial<Omit<ApplicationRequest, "path">> = {},
): ApplicationRequest {
  return {
    template: templateNamed("any"),
    path,
    query: "",
    rawUri: null,
    content: null,
    ownEntries: null,
    idempotent: true,
    safe: true,
    id: `id of ${path}`,
    describe: () => path,
    ...other,
  };
}

export function makePost(path: string): ApplicationRequest {
  return makeRequest(path, { idempotent: false, safe: false });
}
