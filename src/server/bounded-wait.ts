/**
 * Waiting for something, but not for longer than a bound.
 */

/**
 * The result, or what the promise rejects with. The timer is gone once it is there.
 *
 * @returns null where it takes longer; what comes then is for nobody
 */
export async function within<Result>(
  result: Promise<Result>,
  boundMs: number,
): Promise<Result | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), boundMs);
  try {
    return await Promise.race([result, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
