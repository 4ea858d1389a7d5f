/**
 * Which paths need no token. A path that servers might read in two ways never matches: what we skip
 * as `/health` must not be served as something else.
 */

/**
 * Normal form: only characters that stand for themselves. No percent-encoding at all (so no encoded slash or dot),
 * no backslash, no `;` parameters, no control characters, nothing outside ASCII. @see RFC 3986 §3.3, §6.2.2
 */
const plainPath = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/;
/** An empty segment, or one that means here or above. */
const ambiguousSegment = /\/\/|\/\.{1,2}(?:\/|$)/;

/** True when Envoy's path, without the query that it holds, can be read in one way only. */
export function isNormalPath(pathAndQuery: string): boolean {
  const path = withoutQuery(pathAndQuery);
  return plainPath.test(path) && !ambiguousSegment.test(path);
}

/** Whether a pattern lets every path pass, so that nothing is left to validate. */
export function skipsEverything(patterns: readonly string[] | undefined): boolean {
  // A path begins with a slash: of prefixes, this one and none at all are beginnings of each.
  return patterns?.some((pattern) => pattern === '/*' || pattern === '*') === true;
}

/** @param patterns paths, or beginnings of them with `*` at the end. @returns a test for Envoy's path, which holds the query. */
export function skipFilter(patterns: readonly string[] | undefined): (path: string) => boolean {
  if (patterns === undefined || patterns.length === 0) return () => false;
  const exact: ReadonlySet<string> = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = patterns
    .filter((pattern) => pattern.endsWith('*'))
    .map((pattern) => pattern.slice(0, -1));
  return (pathAndQuery) => {
    if (!isNormalPath(pathAndQuery)) return false;
    const path = withoutQuery(pathAndQuery);
    return exact.has(path) || prefixes.some((prefix) => path.startsWith(prefix));
  };
}

/** A fragment is no part of a request; one that is there is kept and makes the path not normal. */
function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}
