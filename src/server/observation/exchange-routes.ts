/**
 * Which of a few named routes a request belongs to, for figures that are told apart by route. The
 * names are the operator's, so that nothing a client sends makes another one.
 */
import { PathRules } from "../../http/path-rules.ts";

/** What belongs to none of the named routes. */
export const OTHER_ROUTE = "other";

/** Paths whose route is remembered; then it begins anew. Ids in paths make many of them. */
const REMEMBERED_MAX = 1_024;
/** Longer ones are not remembered. */
const REMEMBERED_LENGTH_MAX = 256;

export class ExchangeRoutes {
  /** The last one is {@link OTHER_ROUTE}. */
  readonly names: readonly string[];
  readonly #rules: PathRules<number>;
  readonly #remembered = new Map<string, number>();

  /**
   * @param routes names by the prefixes of their paths; several prefixes may have the same name
   * @param rootPath a path counts with it and without it
   */
  constructor(routes: ReadonlyMap<string, string> = new Map(), rootPath = "") {
    this.names = [...new Set(routes.values()), OTHER_ROUTE];
    const rules = [...routes].map(([prefix, name]) => [prefix, this.names.indexOf(name)] as const);
    this.#rules = new PathRules(this.names.length - 1, rules, rootPath);
  }

  /**
   * The place of the path's route in {@link ExchangeRoutes.names}. Where the path can be read in
   * several ways, by the first of them.
   *
   * @param path percent-encoded; null where there was none
   */
  indexOf(path: string | null): number {
    const other = this.names.length - 1;
    if (other === 0 || path === null) return other;
    const known = this.#remembered.get(path);
    if (known !== undefined) return known;
    const index = this.#rules.valuesAt(path)[0] ?? other;
    if (path.length > REMEMBERED_LENGTH_MAX) return index;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(path, index);
    return index;
  }
}
